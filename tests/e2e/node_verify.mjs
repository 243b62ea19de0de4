// Judges tokens with jose and aws-jwt-verify: a JSON object on stdin, one on stdout. PEERS as in node_sdk.mjs.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.PEERS + '/package.json');
const jose = await import(pathToFileURL(require.resolve('jose')));
const { JwtVerifier } = require('aws-jwt-verify');
let text = '';
for await (const chunk of process.stdin) text += chunk;
const { token, issuer, jwks_url, scope } = JSON.parse(text);
const jwks = await (await fetch(jwks_url)).json();

async function attempt(check) {
  try {
    return { claims: await check() };
  } catch (error) {
    return { refused: error.code ?? error.name };
  }
}

const remote = jose.createRemoteJWKSet(new URL(jwks_url));
const aws = JwtVerifier.create({ issuer, audience: null, scope, jwksUri: 'https://unused.invalid/jwks.json' });
aws.cacheJwks(jwks);
console.log(JSON.stringify({
  jose: await attempt(async () => (await jose.jwtVerify(token, remote, { issuer, algorithms: ['RS256'] })).payload),
  aws: await attempt(() => aws.verify(token)),
}));
