/** How a hostile client may end a connection, or begin one, drawn by a seed: breaches of WebSocket itself and query strings. */
import { deflateRawSync } from 'node:zlib';
import { forgedCursor, int, PROTOTYPE, type Random } from './hostile-frames.ts';
import { pick } from './random.ts';
import { clientFrame, OPCODE } from './raw-websocket.ts';

/** The end of a connection without a close frame. */
export const CUT = 0;

/** One thing that ends a connection, with the close codes that may answer it. */
export interface Ending {
  readonly name: string;
  readonly bytes: Buffer;
  readonly closes: readonly number[];
}

function lengthClaim(length: bigint): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x81;
  head[1] = 0xff;
  head.writeBigUInt64BE(length, 2);
  return head;
}

function closing(payload: Buffer): Buffer {
  return clientFrame(payload, { opcode: OPCODE.close });
}

function closeCode(code: number, reason: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return closing(Buffer.concat([head, reason]));
}

const NOT_UTF8 = [
  [0xff, 0xfe],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
].map((bytes) => Buffer.from(bytes));
const whole = '{"type":"ping"}';
/** Deflates to about 16 kB, inflates to 16 MiB. */
const BOMB = deflateRawSync(Buffer.alloc(16 * 1_048_576), { finishFlush: 2 }).subarray(0, -4);

/** Draws a breach of WebSocket itself. `deflate` says whether compression was negotiated. */
export function drawEnding(random: Random, deflate: boolean): Ending {
  const odd = pick(random, [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]);
  const junk = Buffer.from(Array.from({ length: 1 + int(random, 80) }, () => int(random, 256)));
  const endings: Ending[] = [
    { name: 'unmasked', bytes: clientFrame(whole, { masked: false }), closes: [1002] },
    { name: 'reserved bits', bytes: clientFrame(whole, { reserved: pick(random, [1, 2, 3]) }), closes: [1002] },
    { name: 'reserved opcode', bytes: clientFrame(whole, { opcode: odd }), closes: [1002] },
    {
      name: 'long ping',
      bytes: clientFrame('x'.repeat(126 + int(random, 900)), { opcode: OPCODE.ping }),
      closes: [1002],
    },
    { name: 'ping in pieces', bytes: clientFrame('x', { opcode: OPCODE.ping, fin: false }), closes: [1002] },
    { name: 'compressed ping', bytes: clientFrame('x', { opcode: OPCODE.ping, reserved: 4 }), closes: [1002] },
    { name: 'continuation of nothing', bytes: clientFrame(whole, { opcode: OPCODE.continuation }), closes: [1002] },
    {
      name: 'message within a message',
      bytes: Buffer.concat([clientFrame('{', { fin: false }), clientFrame(whole)]),
      closes: [1002],
    },
    { name: 'not UTF-8', bytes: clientFrame(pick(random, NOT_UTF8)), closes: [1007] },
    { name: 'more than a mebibyte', bytes: lengthClaim(1_048_577n + BigInt(int(random, 2 ** 31))), closes: [1009] },
    {
      name: 'more than there is',
      bytes: lengthClaim(pick(random, [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])),
      closes: [1009],
    },
    { name: 'half a close code', bytes: closing(Buffer.from([3])), closes: [1002] },
    {
      name: 'a close code of nobody',
      bytes: closeCode(pick(random, [0, 999, 1004, 1005, 1006, 2999, 5000, 65_535])),
      closes: [1002],
    },
    { name: 'a close reason not UTF-8', bytes: closeCode(1000, pick(random, NOT_UTF8)), closes: [1007] },
    { name: 'a close', bytes: closeCode(pick(random, [1000, 1001, 3000, 4999])), closes: [1000, 1001, 3000, 4999] },
    {
      // Each wants its answer: who sends them faster than they can be written has memory of the server grow.
      name: 'a flood of pings',
      bytes: Buffer.concat(Array.from({ length: 1000 }, () => clientFrame('', { opcode: OPCODE.ping }))),
      closes: [CUT],
    },
    { name: 'a close without code', bytes: closing(Buffer.alloc(0)), closes: [1005] },
  ];
  const compressed: Ending[] = deflate
    ? [
        // What inflates by chance is read as text, and is none.
        {
          name: 'compressed junk',
          bytes: clientFrame(Buffer.concat([Buffer.from([0x07]), junk]), { reserved: 4 }),
          closes: [1007],
        },
        { name: 'a bomb', bytes: clientFrame(BOMB, { reserved: 4 }), closes: [1009] },
        {
          name: 'compressed continuation',
          bytes: Buffer.concat([
            clientFrame('{', { fin: false }),
            clientFrame('}', { opcode: OPCODE.continuation, reserved: 4 }),
          ]),
          closes: [1002],
        },
      ]
    : [{ name: 'compressed, which was not agreed on', bytes: clientFrame(junk, { reserved: 4 }), closes: [1002] }];
  return pick(random, [...endings, ...compressed, ...compressed]);
}

/** Draws a query string for the feed's address. */
export function drawQuery(random: Random): string {
  const values: Readonly<Record<string, readonly string[]>> = {
    streams: [
      'anomalies',
      'anomalies,anomalies',
      'trades',
      ',,,',
      '__proto__,constructor',
      'x,'.repeat(2000),
      '%ff%fe',
      '%zz',
      '%00',
    ],
    keys: ['BTC/USDT', 'K,'.repeat(1500), '%00', '%F0%9F', ','],
    range: ['1h', 'latest', '9w', '', '1h%00', '%zz'],
    points: ['100', 'NaN', '1e999', '-1', '0x64', ''],
    since: ['x', forgedCursor(random), '%00', ''],
    detail: ['values', 'all', ''],
    protocol: ['1', '1', '1', '2', '1.0', '', '%31', 'NaN'],
    token: ['x', ''],
    [pick(random, PROTOTYPE)]: ['x'],
  };
  const names = Object.keys(values).filter(() => random() < 0.4);
  const pairs = names.map((name) => `${name}=${pick(random, values[name] ?? [''])}`);
  return random() < 0.1 ? '?&=&&?#%' : `?${pairs.join('&')}`;
}
