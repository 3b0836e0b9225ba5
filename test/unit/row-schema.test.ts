/** The rows of frames against the schemas that derive from the declaration. */
import { describe, expect, it } from 'vitest';
import { serverFrame } from '../../shared/protocol.ts';
import { rowSchema } from '../../shared/row-schema.ts';
import { rowCodec } from '../../shared/rows.ts';
import { columnsOf, STREAM_LIST, STREAMS } from '../../shared/streams.ts';

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
