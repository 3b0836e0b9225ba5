/** What a hostile or broken client may send to the feed, drawn by a seed, with what is owed for it. */
import { STREAM_NAMES } from '../../shared/streams.ts';
import { pick } from './random.ts';
import { clientFrame, type Head, OPCODE } from './raw-websocket.ts';

/** One thing that is sent to a connection which is to live on. */
export interface Attack {
  readonly name: string;
  readonly bytes: Buffer;
  /** How many error frames answer it, at least and at most. */
  readonly errors: readonly [number, number];
}

/** Numbers in [0, 1). */
export type Random = () => number;

/** Most bytes of a frame that the feed reads. */
const FRAME_BYTES = 65_536;
/** Names that an object has without having been given them. */
export const PROTOTYPE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
];
const STRANGE = [
  '',
  ' ',
  '\u0000',
  '\u001b[2J',
  '\ufeff',
  '\ud800',
  '\u202e',
  'é'.repeat(40),
  "'; drop table anomalies; --",
  '\n\r\n',
  '💥',
];

/** A whole number from 0 to below `most`. */
export const int = (random: Random, most: number): number => Math.floor(random() * most);
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const one = [1, 1] as const;
const none = [0, 0] as const;
const perhaps = [0, 1] as const;

function text(name: string, payload: string | Buffer, errors: readonly [number, number], head: Head = {}): Attack {
  return { name, bytes: clientFrame(payload, head), errors };
}

function subscribe(random: Random, more: object = {}): Record<string, unknown> {
  return { type: 'subscribe', id: `s${int(random, 8)}`, stream: pick(random, STREAM_NAMES), ...more };
}

function letters(random: Random, length: number): string {
  let word = '';
  while (word.length < length) word += random().toString(36).slice(2);
  return word.slice(0, length);
}

/** Fields with values that the feed must refuse. */
const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  type: [null, 1, [], {}, ['subscribe'], { toString: 'subscribe' }, 'SUBSCRIBE', '', ...PROTOTYPE],
  id: [null, 1, {}, [], '', 'x'.repeat(65), true, ['a'], { length: 5 }],
  stream: [null, 5, {}, ['anomalies'], '', 'trades', 'pg_shadow', 'anomalies;', 'ANOMALIES', ...PROTOTYPE],
  keys: [
    'BTC/USDT',
    1,
    {},
    [],
    [1],
    [null],
    [[]],
    [{}],
    [['a']],
    { 0: 'a', length: 1 },
    Array(2000).fill(7),
    Array(300).fill({}),
  ],
  range: [1, {}, [], '2w', '', '0m', '15M', '1h ', '99999d', '-1h', '1e3h', '14m', '8d', 'latest ', ...PROTOTYPE],
  points: ['100', -1, 0, 15, 10_001, 1.5, 1e308, -1e308, 2 ** 53, [], {}, true, ...PROTOTYPE],
  bucket_ms: ['1', 0, -1, 1e-300, 5e-324, 0.999, -1e308, [], {}, true],
  since: [1, {}, [], '', 'x', '-', '--', '0-0', 'a-1.2-3', '~', 'z'.repeat(5000), '1-1.0', ...PROTOTYPE],
  detail: [1, null, {}, [], 'all', '', 'FULL', ...PROTOTYPE],
};

function wrongField(random: Random): Attack {
  const field = pick(random, Object.keys(WRONG));
  const value = pick(random, WRONG[field] ?? []);
  // Points and buckets mean something beside a range only.
  const frame = subscribe(random, field === 'points' || field === 'bucket_ms' ? { range: '1h' } : {});
  return text(`wrong ${field}`, JSON.stringify({ ...frame, [field]: value }), one);
}

function brokenJson(random: Random): Attack {
  const whole = JSON.stringify(subscribe(random, { keys: ['BTC/USDT', 'ETH/USDT'], detail: 'values' }));
  const at = 1 + int(random, whole.length - 2);
  if (random() < 0.5) return text('truncated', whole.slice(0, at), one);
  const odd = pick(random, ['"', '{', '}', '[', ',', ':', '\\', '\u0000', "'", 'NaN', '\\u12', '//', '\ufeff', '😀']);
  return text('broken', whole.slice(0, at) + odd + whole.slice(at + int(random, 2)), perhaps);
}

function noObject(random: Random): Attack {
  const payloads = [
    'null',
    '1',
    '"subscribe"',
    '[]',
    'true',
    '1e999',
    '-0',
    '[[{}]]',
    '""',
    '',
    ' ',
    '{}',
    '{"id":1}',
    'undefined',
    nested(9),
  ];
  return text('no frame', pick(random, payloads), one);
}

function prototypes(random: Random): Attack {
  const name = pick(random, PROTOTYPE);
  // Written by hand: an object literal's __proto__ would not be a member.
  const payload = `{"type":"ping","id":"p","${name}":{"type":"subscribe","polluted":true,"id":{"polluted":1}},"x":1e999}`;
  return text('prototype member', payload, none);
}

function strangeStrings(random: Random): Attack {
  const id = pick(random, STRANGE);
  const keys = Array.from({ length: 1 + int(random, 5) }, () => pick(random, STRANGE));
  const history = random() < 0.1 ? { range: 'latest' } : {};
  return text('strange strings', JSON.stringify(subscribe(random, { id, keys, ...history })), perhaps);
}

function deep(random: Random): Attack {
  const depth = 2000 + int(random, 30_000);
  const field = pick(random, ['type', 'id', 'keys', 'range', 'points', 'since', 'detail']);
  const rest = field === 'type' ? '' : '"type":"subscribe",';
  return random() < 0.3
    ? text('deep in a strange field', `{"type":"ping","x":${nested(depth)}}`, none)
    : text(`deep ${field}`, `{${rest}"stream":"anomalies","${field}":${nested(depth)}}`, one);
}

function large(random: Random): Attack {
  const over = random() < 0.5;
  const frame = (pad: string): string => `{"type":"ping","pad":"${pad}"}`;
  const size = over ? FRAME_BYTES + 1 + int(random, 40_000) : FRAME_BYTES;
  return text(over ? 'above 64 KiB' : '64 KiB', frame('x'.repeat(size - frame('').length)), over ? one : none);
}

function manyFaults(random: Random): Attack {
  const faults = pick(random, [Array(20_000).fill(1), Array(6000).fill({ a: 1 }), Array(9000).fill([[]])]);
  return text('thousands of faults', JSON.stringify(subscribe(random, { keys: faults })), one);
}

function manyKeys(random: Random): Attack {
  const keys = Array.from({ length: 1001 + int(random, 3000) }, (_, index) => `K${index}`);
  return text('too many keys', JSON.stringify(subscribe(random, { keys })), one);
}

function churn(random: Random): Attack {
  const more = random() < 0.03 ? { range: pick(random, ['latest', '15m', '7d']), points: 16 } : {};
  const keys = random() < 0.5 ? { keys: [`K${int(random, 5)}`] } : {};
  return random() < 0.4
    ? text('unsubscribe', JSON.stringify({ type: 'unsubscribe', id: `s${int(random, 9)}` }), none)
    : // A subscription that is replaced before its history was read may be told that it was not.
      text('churn', JSON.stringify(subscribe(random, { ...more, ...keys })), perhaps);
}

/** Cursors that read like cursors: positions at the beginning of all time, at its end, and with lists of running ids. */
export function forgedCursor(random: Random): string {
  const number = (): string => pick(random, ['0', '1', '3', 'zzzzzzzz', letters(random, 1 + int(random, 13))]);
  const running = Array.from({ length: int(random, 50) }, number).join('_');
  const snapshot = (): string => `${number()}.${number()}${running === '' ? '' : `.${running}`}`;
  const position = (): string => (random() < 0.3 ? `${snapshot()}!${snapshot()}!${number()}` : snapshot());
  const look = random() < 0.5 ? '' : `-${position()}-${number()}.${number()}.${number()}`;
  return `${letters(random, 12)}~${number()}-${position()}${look}`;
}

/** A cursor that the feed sent, with a letter or a piece changed, or whole. */
function bentCursor(random: Random, real: string): string {
  const at = int(random, real.length);
  const ways = [
    real,
    real.slice(0, at),
    real.slice(0, at) + pick(random, ['z', '0', '.', '-', '_', '!', '~', '\u0000', 'zzzzzzz']) + real.slice(at + 1),
    real + real,
  ];
  return pick(random, ways);
}

function cursors(random: Random, real: readonly string[]): Attack {
  const since = real.length > 0 && random() < 0.6 ? bentCursor(random, pick(random, real)) : forgedCursor(random);
  return text('cursor', JSON.stringify(subscribe(random, { since, keys: ['K1'] })), perhaps);
}

function binary(random: Random): Attack {
  const bytes = Buffer.from(Array.from({ length: int(random, 60) }, () => int(random, 256)));
  return text('binary', bytes, one, { opcode: OPCODE.binary });
}

/** A message in pieces, empty ones among them, with control frames in between. */
function fragments(random: Random): Attack {
  const payload = Buffer.from('{"type":"nothing that there is"}');
  const parts: Buffer[] = [];
  let at = 0;
  while (at < payload.length) {
    const end = Math.min(payload.length, at + int(random, 9));
    const opcode = parts.length === 0 ? OPCODE.text : OPCODE.continuation;
    parts.push(clientFrame(payload.subarray(at, end), { opcode, fin: false }));
    if (random() < 0.05) parts.push(clientFrame(letters(random, int(random, 125)), { opcode: OPCODE.ping }));
    at = end;
  }
  parts.push(clientFrame('', { opcode: OPCODE.continuation }));
  return { name: 'fragments', bytes: Buffer.concat(parts), errors: one };
}

/** Pongs that nobody asked for: they claim to have taken more than was sent, or less than nothing. */
function forgedPong(random: Random): Attack {
  const claims = [
    '0',
    '-1',
    '1e999',
    'NaN',
    '9007199254740993',
    '99999999999999999999',
    '0x10',
    ' 1',
    '',
    '4294967296',
    letters(random, 100),
  ];
  return text('pong', pick(random, claims), none, { opcode: OPCODE.pong });
}

type Generator = (random: Random, cursors: readonly string[]) => Attack;

/** Generators with their weights; the costly ones are rare. */
const GENERATORS: readonly (readonly [number, Generator])[] = [
  [28, wrongField],
  [18, brokenJson],
  [12, noObject],
  [8, prototypes],
  [6, strangeStrings],
  [6, churn],
  [6, binary],
  [5, cursors],
  [5, fragments],
  [5, forgedPong],
  [0.15, deep],
  [0.15, large],
  [0.1, manyKeys],
  [0.05, manyFaults],
];
const TOTAL = GENERATORS.reduce((sum, [weight]) => sum + weight, 0);

/** Draws what is sent to a connection that is to live on; `real` are cursors that the feed sent. */
export function drawAttack(random: Random, real: readonly string[]): Attack {
  let left = random() * TOTAL;
  for (const [weight, generate] of GENERATORS) {
    left -= weight;
    if (left < 0) return generate(random, real);
  }
  return wrongField(random);
}
