/** The rows of frames against the schemas that derive from the declaration. */
import { describe, expect, it, test } from 'vitest';
import { isDelta } from '../../shared/delta.ts';
import { serverFrame } from '../../shared/protocol.ts';
import { areRows } from '../../shared/row-check.ts';
import { rowSchema } from '../../shared/row-schema.ts';
import { rowCodec } from '../../shared/rows.ts';
import { columnsOf, STREAM_LIST, STREAMS } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

/** Text as PostgreSQL prints it, for each kind of column. */
const TEXTS = {
  integer: '7',
  decimal: '0.00012300',
  float: 'NaN',
  text: 'x',
  timestamp: '1700000000123.456000',
  document: '{"a":[1]}',
};

describe.each(STREAM_LIST)('a row of $name', (stream) => {
  const codec = rowCodec(stream);
  const cells = columnsOf(stream).map(({ kind }) => TEXTS[kind]);
  const row = codec.parse(cells);
  if (row === null) throw new Error('not a row');

  it.each(['values', 'full'] as const)('as encoded with detail %s fits its schema', (detail) => {
    expect(rowSchema(stream.name).safeParse(JSON.parse(codec.encode(row, detail))).success).toBe(true);
  });

  it('with nulls wherever a table may have them fits its schema', () => {
    const key = columnsOf(stream).findIndex(({ name }) => name === stream.key.name);
    const sparse = codec.parse(cells.map((cell, index) => (index < 2 || index === key ? cell : null)));
    if (sparse === null) throw new Error('not a row');
    expect(rowSchema(stream.name).safeParse(JSON.parse(codec.encode(sparse, 'full'))).success).toBe(true);
  });

  it('without its key, or with a word for a number, does not', () => {
    const whole = JSON.parse(codec.encode(row, 'full'));
    const [value] = stream.values;
    expect(rowSchema(stream.name).safeParse({ ...whole, [stream.key.name]: null }).success).toBe(false);
    expect(rowSchema(stream.name).safeParse({ ...whole, [value?.name ?? '']: 'much' }).success).toBe(false);
  });
});

describe('a delta frame', () => {
  it('is refused where its rows are those of another stream', () => {
    const frame = {
      type: 'delta',
      stream: 'funding_rates',
      key: 'BTC/USDT',
      prev: 'a',
      cursor: 'b',
      time: 1,
      via: 'notify',
    };
    const codec = rowCodec(STREAMS.system_metrics);
    const other = codec.parse(columnsOf(STREAMS.system_metrics).map(({ kind }) => TEXTS[kind]));
    if (other === null) throw new Error('not a row');
    expect(serverFrame.safeParse({ ...frame, rows: [] }).success).toBe(true);
    expect(serverFrame.safeParse({ ...frame, rows: [JSON.parse(codec.encode(other, 'full'))] }).success).toBe(false);
  });
});

/** What stands in a field of a message that may be of anything. */
const CELLS: readonly unknown[] = [
  7,
  -0.5,
  Number.POSITIVE_INFINITY,
  'NaN',
  'Infinity',
  '-Infinity',
  'nan',
  '',
  'x',
  true,
  null,
  [],
  {},
  [1],
  { a: 1 },
];

/** An object with some of its fields changed, left out, or added. */
function changed(random: () => number, object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = { ...object };
  for (let change = Math.floor(random() * 3); change > 0; change -= 1) {
    const name = pick(random, [...Object.keys(object), 'more']);
    if (random() < 0.2) delete result[name];
    else result[name] = pick(random, CELLS);
  }
  return result;
}

const tried = { right: 0, wrong: 0 };

test.each(seeds(30, [1]))('F9 a delta that is looked at is taken where its schema takes it, seed %i', (seed) =>
  withSeed(seed, 'test/unit/row-schema.test.ts', () => {
    const random = seeded(seed);
    for (let round = 0; round < 200; round += 1) {
      const stream = pick(random, STREAM_LIST);
      const codec = rowCodec(stream);
      const rows: unknown[] = Array.from({ length: Math.floor(random() * 3) }, () => {
        const cells = columnsOf(stream).map(({ kind }) => TEXTS[kind]);
        const row = codec.parse(cells);
        if (row === null) throw new Error('not a row');
        return changed(random, JSON.parse(codec.encode(row, pick(random, ['values', 'full']))));
      });
      if (random() < 0.1) rows.push(pick(random, CELLS));
      const frame = {
        type: 'delta',
        stream: stream.name,
        key: 'K',
        prev: 'a',
        cursor: 'b',
        time: 1,
        via: 'tick',
        rows,
      };
      const message = random() < 0.7 ? frame : changed(random, frame);
      const schema = rowSchema(stream.name);
      expect(areRows(stream.name, rows), JSON.stringify(rows)).toBe(rows.every((row) => schema.safeParse(row).success));
      const parsed = serverFrame.safeParse(message);
      const isRight = parsed.success && parsed.data.type === 'delta';
      expect(isDelta(message), JSON.stringify(message)).toBe(isRight);
      tried[isRight ? 'right' : 'wrong'] += 1;
    }
  }),
);

test('deltas of both kinds were tried', () => {
  expect(tried.right).toBeGreaterThan(100);
  expect(tried.wrong).toBeGreaterThan(100);
});
