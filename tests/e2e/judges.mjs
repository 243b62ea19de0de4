// What the Node judges share. Everything they must know comes as JSON in JUDGE: base, key, models, scenes and
// the texts of the scenes. Each prints one JSON line for each model and scene.
import { createRequire } from 'node:module';

export const given = JSON.parse(process.env.JUDGE);
export const { base, key, system, results, schema, png } = given;
export const require = createRequire(given.peers + '/package.json');
export const load = (name) => import(require.resolve(name));

const weather = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false,
};
const nothing = { type: 'object', properties: {}, required: [], additionalProperties: false };
export const tools = [
  ['get_weather', 'The weather of a city.', weather],
  ['now', 'The time.', nothing],
];
export const prompt = (scene) => `[${scene}] go`;
export const resultOf = (name, args) => (name === 'get_weather' ? results[args.city] : results.now);
export const uri = 'data:image/png;base64,' + png;
export const usage = (prompt, cached, written, completion, reasoning, total) => ({
  prompt, cached: cached ?? 0, written: written ?? 0, completion, reasoning: reasoning ?? 0, total,
});
export const seen = (text, finish, counted, calls = [], thinking = '') => ({
  text, finish, usage: counted, calls, thinking,
});

function chain(error) {
  const names = [];
  for (let p = Object.getPrototypeOf(error); p; p = Object.getPrototypeOf(p)) names.push(p.constructor.name);
  return names;
}

export function told(error) {
  const headers = error.responseHeaders ?? error.headers;
  const header = typeof headers?.get === 'function' ? headers.get('retry-after') : headers?.['retry-after'];
  return {
    class: error.name === 'Error' ? error.constructor.name : error.name,
    status: error.status ?? error.statusCode ?? null,
    message: error.message,
    retry_after: header ?? null,
    classes: chain(error),
  };
}

// judge: {ask(scene, model, streamed), schema(model), loop(scene, model, streamed), isOwn(error)}
export async function run(name, judge) {
  for (const model of given.models) {
    for (const scene of given.scenes) {
      const [kind, how] = scene.split('/');
      const streamed = how === 'streamed';
      let out;
      try {
        if (kind === 'tools' || kind === 'think') out = await judge.loop(kind, model, streamed);
        else if (kind === 'schema') out = await judge.schema(model);
        else out = await judge.ask(kind, model, streamed || ['broken', 'early', 'cut'].includes(kind));
      } catch (error) {
        out = judge.isOwn(error) ? { error: told(error) } : { crash: String(error.stack ?? error) };
      }
      console.log(JSON.stringify({ name, model, scene, out }));
    }
  }
}
