// Google's official Node SDK as a judge: /v1 as it does by itself, and /v1beta.
import { base, key, load, png, prompt, resultOf, run, schema, seen, system, tools, usage } from './judges.mjs';

const { GoogleGenAI, ApiError } = await load('@google/genai');

const judge = (sdk) => ({
  isOwn: (error) => error instanceof ApiError || /got status: \d+|^\{"error":/.test(error.message),
  contents(scene) {
    const parts = [{ text: prompt(scene) }];
    if (scene === 'image') parts.push({ inlineData: { mimeType: 'image/png', data: png } });
    return [{ role: 'user', parts }];
  },
  async call(streamed, model, contents, config) {
    const asked = { model, contents, config: { systemInstruction: system, ...config } };
    if (!streamed) return sdk.models.generateContent(asked);
    const parts = [];
    let last;
    for await (const chunk of await sdk.models.generateContentStream(asked)) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      last = chunk;
    }
    last.candidates[0].content = { role: 'model', parts };
    return last;
  },
  view(final) {
    const u = final.usageMetadata;
    const candidate = final.candidates[0];
    const parts = candidate.content?.parts ?? [];
    const texts = (thought) => parts.filter((p) => p.text && !!p.thought === thought).map((p) => p.text).join('');
    return seen(texts(false), candidate.finishReason,
      usage((u.promptTokenCount ?? 0) + (u.toolUsePromptTokenCount ?? 0), u.cachedContentTokenCount, 0,
        (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0), u.thoughtsTokenCount, u.totalTokenCount),
      parts.filter((p) => p.functionCall).map((p) => [p.functionCall.name, p.functionCall.args ?? {}]), texts(true));
  },
  async ask(scene, model, streamed) {
    return this.view(await this.call(streamed, model, this.contents(scene), { maxOutputTokens: 500 }));
  },
  async schema(model) {
    const view = this.view(await this.call(false, model, this.contents('schema'), {
      responseMimeType: 'application/json', responseJsonSchema: schema }));
    return { ...view, parsed: JSON.parse(view.text) };
  },
  async loop(scene, model, streamed) {
    const config = { maxOutputTokens: 9000, tools: [{ functionDeclarations: tools.map(
      ([name, description, parametersJsonSchema]) => ({ name, description, parametersJsonSchema })) }] };
    if (scene === 'think') config.thinkingConfig = { includeThoughts: true, thinkingBudget: 4096 };
    const contents = this.contents(scene);
    const first = await this.call(streamed, model, contents, config);
    contents.push(first.candidates[0].content);
    contents.push({ role: 'user', parts: contents.at(-1).parts.filter((p) => p.functionCall).map(
      ({ functionCall: { id, name, args } }) => ({
        functionResponse: { ...(id ? { id } : {}), name, response: { output: resultOf(name, args ?? {}) } } })) });
    const second = await this.call(streamed, model, contents, config);
    return { first: this.view(first), ...this.view(second) };
  },
});

const make = (apiVersion) => new GoogleGenAI({
  apiKey: key, vertexai: false,
  httpOptions: { baseUrl: base, ...(apiVersion ? { apiVersion } : {}), retryOptions: { attempts: 1 } } });
await run('node-genai', judge(make('v1beta')));
await run('node-genai-v1', judge(make()));
