// The official Node SDK of Anthropic as a judge (API version 2026-10-21).
import { base, key, load, png, prompt, resultOf, run, schema, seen, system, tools, usage } from './judges.mjs';

const { Anthropic, AnthropicError } = await load('@anthropic-ai/sdk');
const sdk = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });

await run('node-anthropic', {
  isOwn: (error) => error instanceof AnthropicError,
  messages(scene) {
    const text = { type: 'text', text: prompt(scene) };
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
    return [{ role: 'user', content: scene === 'image' ? [text, image] : text.text }];
  },
  async call(streamed, asked) {
    const whole = { system, max_tokens: 500, ...asked };
    return streamed ? sdk.messages.stream(whole).finalMessage() : sdk.messages.create(whole);
  },
  view(final) {
    const u = final.usage;
    const [cached, written] = [u.cache_read_input_tokens ?? 0, u.cache_creation_input_tokens ?? 0];
    const input = u.input_tokens + cached + written;
    const of = (type) => final.content.filter((b) => b.type === type);
    return seen(of('text').map((b) => b.text).join(''), final.stop_reason,
      usage(input, cached, written, u.output_tokens, u.output_tokens_details?.thinking_tokens, input + u.output_tokens),
      of('tool_use').map((b) => [b.name, b.input]), of('thinking').map((b) => b.thinking).join(''));
  },
  async ask(scene, model, streamed) {
    return this.view(await this.call(streamed, { model, messages: this.messages(scene) }));
  },
  async schema(model) {
    const final = await sdk.messages.create({
      model, system, max_tokens: 500, messages: this.messages('schema'),
      output_config: { format: { type: 'json_schema', schema } } });
    const view = this.view(final);
    return { ...view, parsed: JSON.parse(view.text) };
  },
  async loop(scene, model, streamed) {
    const asked = { model, max_tokens: 9000,
      tools: tools.map(([name, description, input_schema]) => ({ name, description, input_schema })) };
    if (scene === 'think') asked.thinking = { type: 'enabled', budget_tokens: 4096 };
    const messages = this.messages(scene);
    const first = await this.call(streamed, { ...asked, messages });
    messages.push({ role: 'assistant', content: first.content });
    messages.push({ role: 'user', content: first.content.filter((b) => b.type === 'tool_use').map((b) => ({
      type: 'tool_result', tool_use_id: b.id, content: resultOf(b.name, b.input) })) });
    const second = await this.call(streamed, { ...asked, messages });
    return { first: this.view(first), ...this.view(second) };
  },
});
