// npm's openai package against pmod serve: a question about a picture, whole and streamed, with the
// usage, a refused token and a refused request. Run by test-openai.py, which starts the server:
//   node openai-client.mjs BASE_URL TOKEN PICTURE QUESTION ANSWER
// Exits with 77 where the package is not there (npm install openai, or NODE_PATH's folder).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

async function load() {
  const folders = [process.env.OPENAI_MODULES, process.cwd()].filter(Boolean);
  for (const folder of folders) {
    try {
      const require = createRequire(pathToFileURL(`${folder}/x.js`));
      const module = await import(pathToFileURL(require.resolve('openai')).href);
      return module.default?.OpenAI ?? module.OpenAI ?? module.default;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  return null;
}

function check(condition, what, got) {
  if (condition) return;
  console.error(`expected ${what}, got ${JSON.stringify(got)}`);
  process.exit(1);
}

const OpenAI = await load();
if (!OpenAI) {
  console.log('skipped: the npm package "openai" is not there (OPENAI_MODULES names its folder)');
  process.exit(77);
}
const [baseURL, apiKey, picture, question, answer] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const url = `data:image/png;base64,${readFileSync(picture).toString('base64')}`;
const messages = [{
  role: 'user',
  content: [{ type: 'image_url', image_url: { url } }, { type: 'text', text: question }],
}];

const models = await client.models.list();
check(models.data.length === 1 && models.data[0].object === 'model', 'one model', models.data);
const model = models.data[0].id;

const whole = await client.chat.completions.create({ model, messages });
check(whole.choices[0].message.content === answer, answer, whole.choices[0]);
check(whole.choices[0].finish_reason === 'stop', 'stop', whole.choices[0]);
check(whole.usage.total_tokens === whole.usage.prompt_tokens + whole.usage.completion_tokens,
      'a sum', whole.usage);

let text = '', usage = null, events = 0;
const stream = await client.chat.completions.create({
  model, messages, stream: true, stream_options: { include_usage: true },
});
for await (const event of stream) {
  events += 1;
  text += event.choices[0]?.delta?.content ?? '';
  usage = event.usage ?? usage;
}
check(text.trim() === answer, answer, text);
check(usage?.completion_tokens > 0 && events > 2, 'a stream with its usage', { usage, events });

const refused = await new OpenAI({ baseURL, apiKey: 'x'.repeat(32), maxRetries: 0 })
  .models.list().then(() => null, (error) => error);
check(refused instanceof OpenAI.AuthenticationError, 'AuthenticationError', refused?.name);
const bad = await client.chat.completions.create({ model, messages, n: 2 })
  .then(() => null, (error) => error);
check(bad instanceof OpenAI.BadRequestError && /\bn\b/.test(bad.message), 'BadRequestError of n',
      bad?.message);

// Many at once, none mixed up.
const all = await Promise.all(Array.from({ length: 32 }, () =>
  client.chat.completions.create({ model, messages })));
check(all.every((one) => one.choices[0].message.content === answer), 'the same 32 times', all.length);
check(new Set(all.map((one) => one.id)).size === 32, '32 names', all.map((one) => one.id));
console.log(`ok: openai ${OpenAI.VERSION ?? ''} had ${events} events and 32 answers at once`);
