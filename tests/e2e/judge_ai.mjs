// Vercel's ai as a judge, with four providers: OpenAI Responses (its default), OpenAI chat, Anthropic, Google.
import { base, key, load, png, prompt, resultOf, run, schema, seen, system, tools, usage } from './judges.mjs';

const { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } = await load('ai');
const { createOpenAI } = await load('@ai-sdk/openai');
const { createAnthropic } = await load('@ai-sdk/anthropic');
const { createGoogleGenerativeAI } = await load('@ai-sdk/google');

const judge = (modelOf, thinking, common = {}, lossy = false) => ({
  isOwn: (error) => APICallError.isInstance(error) || /^AI_/.test(error.name ?? ''),
  async call(streamed, asked) {
    const whole = { maxRetries: 0, instructions: system, providerOptions: common, ...asked };
    if (!streamed) return generateText(whole);
    let failure = null;
    const result = streamText({ ...whole, onError: ({ error }) => { failure = error; } });
    for await (const part of result.fullStream) if (part.type === 'error') failure = part.error;
    if (failure) throw failure instanceof Error ? failure : Object.assign(new Error(
      failure.message ?? JSON.stringify(failure)), { name: 'AI_StreamError' });
    const [text, finishReason, counted, steps] = await Promise.all(
      [result.text, result.finishReason, result.usage, result.steps]);
    return { text, finishReason, usage: counted, steps };
  },
  view(step) {
    const u = step.usage;
    return seen(step.text, step.finishReason,
      usage(u.inputTokens, u.inputTokenDetails?.cacheReadTokens, u.inputTokenDetails?.cacheWriteTokens,
        u.outputTokens, u.outputTokenDetails?.reasoningTokens, u.totalTokens),
      (step.toolCalls ?? []).map((c) => [c.toolName, c.input]), step.reasoningText ?? '');
  },
  messages(scene) {
    const content = [{ type: 'text', text: prompt(lossy && scene === 'think' ? 'think-lossy' : scene) }];
    if (scene === 'image') content.push({ type: 'file', mediaType: 'image/png', data: Buffer.from(png, 'base64') });
    return [{ role: 'user', content }];
  },
  async ask(scene, model, streamed) {
    const final = await this.call(streamed, {
      model: modelOf(model), messages: this.messages(scene), maxOutputTokens: 500 });
    return this.view(final.steps.at(-1));
  },
  async schema(model) {
    const final = await generateText({ maxRetries: 0, instructions: system, providerOptions: common,
      model: modelOf(model), messages: this.messages('schema'),
      output: Output.object({ schema: jsonSchema(schema), name: 'place' }) });
    return { ...this.view(final.steps.at(-1)), parsed: final.output };
  },
  async loop(scene, model, streamed) {
    const given = {};
    for (const [name, description, parameters] of tools) {
      given[name] = tool({ description, inputSchema: jsonSchema(parameters),
        execute: async (input) => resultOf(name, input) });
    }
    const final = await this.call(streamed, {
      model: modelOf(model), messages: this.messages(scene), maxOutputTokens: 9000, tools: given,
      stopWhen: isStepCount(3), providerOptions: scene === 'think' ? { ...common, ...thinking } : common });
    return { first: this.view(final.steps[0]), ...this.view(final.steps.at(-1)) };
  },
});

const openai = createOpenAI({ baseURL: base + '/v1', apiKey: key });
const anthropic = createAnthropic({ baseURL: base + '/v1', apiKey: key });
const google = createGoogleGenerativeAI({ baseURL: base + '/v1beta', apiKey: key });

// The provider looks at the model's name for what it can do; these names are aliases of a gateway.
const reasons = { forceReasoning: true };
await run('ai-responses', judge((m) => openai(m),
  { openai: { store: false, ...reasons, reasoningEffort: 'medium', reasoningSummary: 'auto',
    include: ['reasoning.encrypted_content'] } }, { openai: { store: false } }));
await run('ai-chat', judge((m) => openai.chat(m), { openai: { ...reasons, reasoningEffort: 'medium' } },
  { openai: reasons }, true)); // it keeps nothing of reasoning
await run('ai-anthropic', judge((m) => anthropic(m),
  { anthropic: { thinking: { type: 'enabled', budgetTokens: 4096 } } },
  { anthropic: { structuredOutputMode: 'outputFormat' } }));
await run('ai-google', judge((m) => google(m), { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 4096 } } }));
