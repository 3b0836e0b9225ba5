/** The feed's generated document: right by AsyncAPI's own schema, complete, and with examples that the feed accepts. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import { parseCursor } from '../../server/feed/cursor.ts';
import { asyncApiDocument } from '../../server/http/asyncapi.ts';
import {
  BUNDLE_WORDS,
  CLIENT_FRAME_WORDS,
  CLOSE_WORDS,
  ERROR_WORDS,
  SERVER_FRAME_WORDS,
} from '../../server/http/asyncapi-frames.ts';
import { serverMessage } from '../../shared/bundle.ts';
import { CLIENT_FRAMES, CLOSE, ERROR_CODES, serverFrame } from '../../shared/protocol.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';

type Json = Readonly<Record<string, unknown>>;

const { limits } = parseConfig({ DASHBOARD_MAX_KEYS_PER_SUBSCRIPTION: '77' }).config;
const document = asyncApiDocument({ version: '1.2.3', limits }, { host: 'dash.example:8050', secure: true });

/** Fastify's own validator of JSON Schema, without the conveniences that it has for requests. */
let validator: FastifyInstance;

beforeAll(async () => {
  validator = Fastify({
    ajv: { customOptions: { strict: false, coerceTypes: false, removeAdditional: false, useDefaults: false } },
  });
  const file = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const schema: unknown = JSON.parse(readFileSync(file, 'utf8'));
  validator.post('/asyncapi', { schema: { body: schema } }, async () => 'valid');
  for (const name of [...Object.keys(CLIENT_FRAMES), ...Object.keys(SERVER_FRAME_WORDS), 'bundle']) {
    const body = { components: document.components, allOf: [at('components', 'schemas', name)] };
    validator.post(`/frames/${name}`, { schema: { body } }, async () => 'valid');
  }
  await validator.ready();
});

afterAll(async () => {
  await validator.close();
});

/** What stands in the document below the names. */
function at(...names: string[]): Json {
  let here: unknown = document;
  for (const name of names) here = isJson(here) ? here[name] : undefined;
  if (!isJson(here)) throw new Error(`nothing at ${names.join('.')}`);
  return here;
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

async function verdict(url: string, payload: object): Promise<string> {
  return (await validator.inject({ method: 'POST', url, payload })).body;
}

test('the document is right by the schema of AsyncAPI 3.0', async () => {
  expect(await verdict('/asyncapi', document)).toBe('valid');
});

test('the schema of AsyncAPI 3.0 finds what is wrong', async () => {
  expect(await verdict('/asyncapi', { ...document, channels: { feed: { address: 7 } } })).toContain(
    'FST_ERR_VALIDATION',
  );
});

test('every reference in the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(references.length).toBeGreaterThan(50);
  for (const path of references) expect(() => at(...path.split('/'))).not.toThrow();
});

describe('every frame', () => {
  const words = { ...CLIENT_FRAME_WORDS, ...SERVER_FRAME_WORDS, bundle: BUNDLE_WORDS };

  it('is a message of the channel and of an operation', () => {
    const types = [...Object.keys(CLIENT_FRAMES), ...serverTypes(), 'bundle'].sort();
    expect(Object.keys(at('components', 'messages')).sort()).toEqual(types);
    expect(Object.keys(at('channels', 'feed', 'messages')).sort()).toEqual(types);
    const operated = JSON.stringify(Object.values(at('operations')));
    for (const type of types) expect(operated).toContain(`"#/channels/feed/messages/${type}"`);
  });

  it.each(Object.entries(words))('%s has words for each of its fields, and for no others', (name, { fields }) => {
    const properties = at('components', 'schemas', name, 'properties');
    expect(Object.keys(properties).sort()).toEqual(['type', ...Object.keys(fields)].sort());
    for (const field of Object.keys(fields)) {
      expect(at('components', 'schemas', name, 'properties', field).description).toBe(
        Object.entries(fields).find(([known]) => known === field)?.[1],
      );
    }
  });

  it.each(Object.entries(CLIENT_FRAME_WORDS))('%s has an example that the feed takes', async (name, { example }) => {
    const schema = Object.entries(CLIENT_FRAMES).find(([known]) => known === name)?.[1];
    expect(schema?.parse(example)).toEqual(example);
    expect(await verdict(`/frames/${name}`, example)).toBe('valid');
  });

  it.each(Object.entries(SERVER_FRAME_WORDS))('%s has an example that the page takes', async (name, { example }) => {
    expect(serverFrame.parse(example)).toEqual(example);
    expect(await verdict(`/frames/${name}`, example)).toBe('valid');
  });
});

test('F16 a bundle is of two or more frames, and of none that comes by itself', async () => {
  const { example } = BUNDLE_WORDS;
  expect(serverMessage.parse(example)).toEqual(example);
  expect(await verdict('/frames/bundle', example)).toBe('valid');
  const { frames } = example;
  const wrong = [
    frames.slice(0, 1),
    [...frames, example],
    [SERVER_FRAME_WORDS.hello.example, ...frames],
    [{ type: 'delta' }],
  ];
  for (const some of wrong)
    expect(await verdict('/frames/bundle', { ...example, frames: some })).toContain('FST_ERR_VALIDATION');
});

test('the cursors of the examples are cursors', () => {
  const cursors = [...JSON.stringify(SERVER_FRAME_WORDS).matchAll(/"(?:cursor|prev)":"([^"]+)"/g)].map(
    ([, text]) => text ?? '',
  );
  // Those of the tables of words are sentences.
  const examples = cursors.filter((text) => !text.includes(' '));
  expect(examples.length).toBeGreaterThan(4);
  for (const text of examples) expect(parseCursor(text), text).not.toBeNull();
});

test('a delta with rows of another stream is against its schema, as it is for the page', async () => {
  const { example } = SERVER_FRAME_WORDS.delta;
  const foreign = { ...example, stream: 'anomalies', rows: [{ id: 1, timestamp: 1, symbol: 7 }] };
  expect(serverFrame.safeParse(foreign).success).toBe(false);
  expect(await verdict('/frames/delta', foreign)).toContain('FST_ERR_VALIDATION');
});

test('a frame that the feed refuses is against its schema', async () => {
  const { example } = CLIENT_FRAME_WORDS.subscribe;
  const wrong = [
    { ...example, id: '' },
    { ...example, id: 'x'.repeat(65) },
    { ...example, stream: 'trades' },
    { ...example, keys: [] },
    { ...example, keys: Array.from({ length: 78 }, (_, index) => `K${index}`) },
    { ...example, range: 'always' },
    { ...example, points: 15 },
    { ...example, points: 99.5 },
    { ...example, detail: 'all' },
  ];
  for (const frame of wrong) expect(await verdict('/frames/subscribe', frame)).toContain('FST_ERR_VALIDATION');
});

test('F11 F12 every error and close code has its words', () => {
  expect(Object.keys(ERROR_WORDS)).toEqual([...ERROR_CODES]);
  expect(at('components', 'schemas', 'error', 'properties', 'code')['x-codes']).toEqual(ERROR_WORDS);
  const closes = at('channels', 'feed', 'x-close-codes');
  expect(Object.keys(CLOSE_WORDS)).toEqual(Object.keys(CLOSE));
  for (const code of Object.values(CLOSE)) expect(closes[code]).toEqual(expect.any(String));
});

test('the query string has the parameters that the feed reads, and the limits are those of the server', () => {
  const query = at('channels', 'feed', 'bindings', 'ws', 'query', 'properties');
  expect(Object.keys(query)).toEqual([
    'streams',
    'keys',
    'range',
    'points',
    'detail',
    'since',
    'subscribe',
    'protocol',
    'token',
    'bundle',
  ]);
  expect(at('channels', 'feed', 'x-limits')).toMatchObject({ keys_per_subscription: 77, frame_bytes: 65_536 });
  expect(at('components', 'schemas', 'subscribe', 'properties', 'keys').maxItems).toBe(77);
  expect(at('servers', 'here')).toMatchObject({ host: 'dash.example:8050', protocol: 'wss' });
  for (const stream of STREAM_NAMES) expect(at('components', 'schemas', `${stream}_row`).type).toBe('object');
});

/** The types of the union that parses the server's frames. */
function serverTypes(): string[] {
  return serverFrame.def.options.flatMap(({ shape }) => [...shape.type.def.values]);
}
