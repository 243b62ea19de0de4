// The official Node SDK of OpenAI as a judge: Chat Completions and Responses.
import { load, prompt, resultOf, run, schema, seen, system, tools, uri, usage, base, key } from './judges.mjs';

const { OpenAI, OpenAIError } = await load('openai');
const sdk = new OpenAI({ baseURL: base + '/v1', apiKey: key, maxRetries: 0 });
const isOwn = (error) => error instanceof OpenAIError;

function joinBlocks(blocks, deltas) {
  for (const { index = 0, ...delta } of deltas) {
    const block = (blocks[index] ??= {});
    for (const [name, value] of Object.entries(delta)) {
      block[name] = name === 'type' || block[name] === undefined ? value : block[name] + value;
    }
  }
}

const chat = {
  isOwn,
  messages(scene) {
    const text = { type: 'text', text: prompt(scene) };
    const content = scene === 'image' ? [text, { type: 'image_url', image_url: { url: uri } }] : text.text;
    return [{ role: 'system', content: system }, { role: 'user', content }];
  },
  async call(streamed, asked) {
    if (!streamed) return sdk.chat.completions.create(asked);
    const stream = sdk.chat.completions.stream({ ...asked, stream_options: { include_usage: true } });
    const extra = {}; // members that the SDK does not know are not added up by it
    for await (const chunk of stream) {
      for (const [name, value] of Object.entries(chunk.choices[0]?.delta ?? {})) {
        if (name === 'reasoning_content') extra[name] = (extra[name] ?? '') + value;
        if (name === 'thinking_blocks') joinBlocks((extra[name] ??= []), value);
        if (name === 'tool_calls') for (const c of value) if (c.extra_content) (extra.signed ??= {})[c.index] = c.extra_content;
      }
    }
    const final = await stream.finalChatCompletion();
    const { signed, ...rest } = extra;
    Object.assign(final.choices[0].message, rest);
    for (const [index, content] of Object.entries(signed ?? {})) {
      final.choices[0].message.tool_calls[index].extra_content = content;
    }
    return final;
  },
  counted(u) {
    return usage(u.prompt_tokens, u.prompt_tokens_details?.cached_tokens, u.prompt_tokens_details?.cache_write_tokens,
      u.completion_tokens, u.completion_tokens_details?.reasoning_tokens, u.total_tokens);
  },
  view(final) {
    const { message, finish_reason: finish } = final.choices[0];
    const calls = (message.tool_calls ?? []).map((c) => [c.function.name, JSON.parse(c.function.arguments)]);
    return seen(message.content ?? '', finish, this.counted(final.usage), calls, message.reasoning_content ?? '');
  },
  async ask(scene, model, streamed) {
    const asked = { model, messages: this.messages(scene), max_completion_tokens: 500 };
    if (!streamed) return this.view(await this.call(false, asked));
    let [text, finish, counted] = ['', null, null];
    for await (const chunk of await sdk.chat.completions.create({
      ...asked, stream: true, stream_options: { include_usage: true } })) {
      text += chunk.choices[0]?.delta?.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      counted = chunk.usage ?? counted;
    }
    return seen(text, finish, this.counted(counted));
  },
  async schema(model) {
    const final = await sdk.chat.completions.parse({
      model, messages: this.messages('schema'),
      response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } } });
    return { ...this.view(final), parsed: JSON.parse(final.choices[0].message.content) };
  },
  async loop(scene, model, streamed) {
    const asked = {
      model, max_completion_tokens: 9000,
      tools: tools.map(([name, description, parameters]) => ({
        type: 'function', function: { name, description, parameters } })),
    };
    if (scene === 'think') asked.reasoning_effort = 'medium';
    const messages = this.messages(scene);
    const first = await this.call(streamed, { ...asked, messages });
    const { parsed, ...message } = first.choices[0].message;
    for (const call of message.tool_calls ?? []) delete call.function.parsed_arguments;
    messages.push(message, ...(message.tool_calls ?? []).map((c) => ({
      role: 'tool', tool_call_id: c.id, content: resultOf(c.function.name, JSON.parse(c.function.arguments)) })));
    const second = await this.call(streamed, { ...asked, messages });
    return { first: this.view(first), ...this.view(second) };
  },
};

const responses = {
  isOwn,
  input(scene) {
    if (scene !== 'image') return [{ role: 'user', content: prompt(scene) }];
    return [{ role: 'user', content: [{ type: 'input_text', text: prompt(scene) },
      { type: 'input_image', image_url: uri, detail: 'auto' }] }];
  },
  async call(streamed, asked) {
    const whole = { store: false, instructions: system, ...asked };
    if (!streamed) return sdk.responses.create(whole);
    let last;
    for await (const event of await sdk.responses.create({ ...whole, stream: true })) {
      if (event.type === 'error') throw new OpenAIError(event.message);
      if (event.type === 'response.failed') throw new OpenAIError(event.response.error.message);
      last = event;
    }
    if (!last.response) throw new TypeError('no terminal event but ' + JSON.stringify(last));
    last.response.output_text = last.response.output.filter((i) => i.type === 'message')
      .flatMap((i) => i.content).map((c) => c.text ?? '').join('');
    return last.response;
  },
  view(final) {
    const u = final.usage;
    const why = final.incomplete_details?.reason;
    const calls = final.output.filter((i) => i.type === 'function_call').map((i) => [i.name, JSON.parse(i.arguments)]);
    const thoughts = final.output.filter((i) => i.type === 'reasoning').flatMap((i) => i.summary).map((s) => s.text);
    return seen(final.output_text, why ? `${final.status}:${why}` : final.status,
      usage(u.input_tokens, u.input_tokens_details?.cached_tokens, u.input_tokens_details?.cache_write_tokens,
        u.output_tokens, u.output_tokens_details?.reasoning_tokens, u.total_tokens), calls, thoughts.join(''));
  },
  async ask(scene, model, streamed) {
    return this.view(await this.call(streamed, { model, input: this.input(scene), max_output_tokens: 500 }));
  },
  async schema(model) {
    const final = await sdk.responses.parse({
      model, input: this.input('schema'), instructions: system, store: false,
      text: { format: { type: 'json_schema', name: 'place', strict: true, schema } } });
    return { ...this.view(final), parsed: JSON.parse(final.output_text) };
  },
  async loop(scene, model, streamed) {
    const asked = { model, max_output_tokens: 9000, tools: tools.map(([name, description, parameters]) => ({
      type: 'function', name, description, parameters, strict: true })) };
    if (scene === 'think') {
      asked.reasoning = { effort: 'medium', summary: 'auto' };
      asked.include = ['reasoning.encrypted_content'];
    }
    const input = this.input(scene);
    const first = await this.call(streamed, { ...asked, input });
    const calls = first.output.filter((i) => i.type === 'function_call');
    input.push(...first.output, ...calls.map((i) => ({
      type: 'function_call_output', call_id: i.call_id, output: resultOf(i.name, JSON.parse(i.arguments)) })));
    const second = await this.call(streamed, { ...asked, input });
    return { first: this.view(first), ...this.view(second) };
  },
};

await run('node-openai-chat', chat);
await run('node-openai-responses', responses);
