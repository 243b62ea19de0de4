// Drives an official Node SDK through the gateway: node node_sdk.mjs openai|anthropic MODEL
// BASE, TOKEN and PEERS (the folder with node_modules) come from the environment; prints one JSON object.
import { createRequire } from 'node:module';

const [sdk, model] = process.argv.slice(2);
const { BASE, TOKEN, PEERS } = process.env;
const require = createRequire(PEERS + '/package.json');
const say = (text) => [{ role: 'user', content: text }];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

async function statusOf(promise) {
  try {
    await promise;
    return 200;
  } catch (error) {
    return error.status;
  }
}

async function openai() {
  const { OpenAI } = require('openai');
  const make = (apiKey) => new OpenAI({ baseURL: BASE + '/v1', apiKey, maxRetries: 0 });
  const client = make(TOKEN);
  const create = (text, more = {}) =>
    client.chat.completions.create({ model, messages: say(text), ...more });
  const plain = await create('say hello');
  let streamed = '';
  let usage = null;
  for await (const chunk of await create('say hello', { stream: true, stream_options: { include_usage: true } })) {
    streamed += chunk.choices[0]?.delta?.content ?? '';
    if (chunk.usage) usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens];
  }
  const tools = [{ type: 'function', function: { name: 'get_weather', parameters: schema } }];
  const final = await client.chat.completions
    .stream({ model, messages: say('weather please'), tools })
    .finalChatCompletion();
  return {
    plain: plain.choices[0].message.content,
    streamed,
    usage,
    calls: final.choices[0].message.tool_calls.map((c) => JSON.parse(c.function.arguments)),
    refused: await statusOf(make('not-a-token').chat.completions.create({ model, messages: say('say hello') })),
    limited: await statusOf(create('too many')),
  };
}

async function anthropic() {
  const { Anthropic } = require('@anthropic-ai/sdk');
  const make = (apiKey) => new Anthropic({ baseURL: BASE, apiKey, maxRetries: 0 });
  const client = make(TOKEN);
  const create = (text, more = {}) =>
    client.messages.create({ model, max_tokens: 100, messages: say(text), ...more });
  const textOf = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
  const plain = await create('say hello');
  const final = await client.messages
    .stream({ model, max_tokens: 100, messages: say('say hello') })
    .finalMessage();
  const tools = [{ name: 'get_weather', input_schema: schema }];
  const called = await client.messages
    .stream({ model, max_tokens: 100, messages: say('weather please'), tools })
    .finalMessage();
  return {
    plain: textOf(plain),
    streamed: textOf(final),
    usage: [final.usage.input_tokens, final.usage.output_tokens],
    calls: called.content.filter((b) => b.type === 'tool_use').map((b) => b.input),
    refused: await statusOf(make('not-a-token').messages.create({ model, max_tokens: 9, messages: say('say hello') })),
    limited: await statusOf(create('too many')),
  };
}

console.log(JSON.stringify(await (sdk === 'openai' ? openai() : anthropic())));
