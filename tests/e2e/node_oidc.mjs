// oidc-provider on loopback: node node_oidc.mjs CONFIG.json ({port, clients, resource, scopes}); PEERS as in node_sdk.mjs.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.PEERS + '/package.json');
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const { exportJWK, generateKeyPair } = await import(pathToFileURL(require.resolve('jose')));
const given = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const issuer = `http://127.0.0.1:${given.port}`;

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'op-1', alg: 'RS256', use: 'sig' }] },
  clients: given.clients.map((client) => ({
    grant_types: ['client_credentials'], redirect_uris: [], response_types: [], ...client,
  })),
  scopes: given.scopes.split(' '),
  clientAuthMethods: ['client_secret_post', 'client_secret_basic', 'private_key_jwt'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => given.resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: given.scopes, audience: given.resource, accessTokenFormat: 'jwt', accessTokenTTL: 3600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
createServer(provider.callback()).listen(given.port, '127.0.0.1', () => console.log('ready'));
