// Calls an official Node SDK several times, one after the other: node quota_node.mjs openai|anthropic|genai MODEL N
// It retries as it does by itself. BASE, TOKEN and PEERS come from the environment; prints the answers as JSON.
import { createRequire } from 'node:module';

const [sdk, model, times] = process.argv.slice(2);
const { BASE, TOKEN, PEERS } = process.env;
const require = createRequire(PEERS + '/package.json');

function caller() {
  if (sdk === 'openai') {
    const { OpenAI } = require('openai');
    const client = new OpenAI({ baseURL: BASE + '/v1', apiKey: TOKEN, maxRetries: 6 });
    return async () =>
      (await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] }))
        .choices[0].message.content;
  }
  if (sdk === 'anthropic') {
    const { Anthropic } = require('@anthropic-ai/sdk');
    const client = new Anthropic({ baseURL: BASE, apiKey: TOKEN, maxRetries: 6 });
    return async () =>
      (await client.messages.create({ model, max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] }))
        .content[0].text;
  }
  const { GoogleGenAI } = require('@google/genai');
  const client = new GoogleGenAI({
    apiKey: TOKEN,
    httpOptions: { baseUrl: BASE, retryOptions: { attempts: 6 } },
  });
  return async () => (await client.models.generateContent({ model, contents: 'hello' })).text;
}

const call = caller();
const answers = [];
for (let i = 0; i < Number(times); i++) answers.push(await call());
console.log(JSON.stringify(answers));
