/** The library's rows are those of the streams: what it lets be written is what the server takes, what it reads is what is sent. */
import { describe, expect, it } from 'vitest';
import {
  type Anomaly,
  anomalyOf,
  metricOf,
  type NewAnomaly,
  type NewSystemMetric,
  type SystemMetric,
  toWire,
} from '../../library/rows.ts';
import { rowToWrite } from '../../server/http/write-schema.ts';
import { rowCodec } from '../../shared/rows.ts';
import { columnsOf, STREAMS } from '../../shared/streams.ts';

// The compiler sees to it that these have every field of their types, and no other.
const ANOMALY: Required<NewAnomaly> = {
  symbol: 'BTC/USDT',
  data_type: 'volume',
  value: 1.5,
  z_score: -4,
  threshold: null,
  timestamp: new Date(1_768_480_220_123),
  metadata: { a: 1 },
};
const METRIC: Required<NewSystemMetric> = {
  metric_name: 'cpu',
  metric_value: Number.NaN,
  metric_unit: '%',
  timestamp: '2026-01-15T12:30:20Z',
  metadata: [1],
};
const LEAST_ANOMALY: NewAnomaly = { symbol: 'A', data_type: 'x', value: 1, z_score: 1 };
const LEAST_METRIC: NewSystemMetric = { metric_name: 'a', metric_value: 1 };
const READ_ANOMALY: Required<Anomaly> = {
  id: 7,
  timestamp: 1_768_480_220_123.456,
  symbol: 'BTC/USDT',
  data_type: 'volume',
  value: Number.NaN,
  z_score: Number.NEGATIVE_INFINITY,
  threshold: 3,
  metadata: { a: [1] },
  created_at: 1_768_480_220_130.2,
};
const READ_METRIC: Required<SystemMetric> = {
  id: 8,
  timestamp: 1_768_480_220_123,
  metric_name: 'cpu',
  metric_value: 5.5,
  metric_unit: '%',
  metadata: null,
  created_at: null,
};

const streams = [
  { stream: STREAMS.anomalies, whole: ANOMALY, least: LEAST_ANOMALY, read: READ_ANOMALY, parse: anomalyOf },
  { stream: STREAMS.system_metrics, whole: METRIC, least: LEAST_METRIC, read: READ_METRIC, parse: metricOf },
] as const;

describe.each(streams)('$stream.name', ({ stream, whole, least, read, parse }) => {
  const schema = rowToWrite(stream);
  const isTaken = (row: object): boolean => schema.safeParse(JSON.parse(JSON.stringify(toWire(row)))).success;

  it('is written with every field that the server takes, and no other', () => {
    const given = columnsOf(stream).flatMap(({ name }) => (name === 'id' || name === 'created_at' ? [] : [name]));
    expect(Object.keys(whole).sort()).toEqual(given.sort());
    expect(isTaken(whole)).toBe(true);
  });

  it('needs the fields that the server needs', () => {
    expect(isTaken(least)).toBe(true);
    for (const name of Object.keys(least)) {
      const { [name]: _, ...rest }: Readonly<Record<string, unknown>> = { ...least };
      expect(isTaken(rest), `without ${name}`).toBe(false);
    }
  });

  it('is read with every column that is sent, as numbers where JSON has none', () => {
    expect(Object.keys(read).sort()).toEqual(
      columnsOf(stream)
        .map(({ name }) => name)
        .sort(),
    );
    const { parse: rowOf, encode, columns } = rowCodec(stream);
    const values: Readonly<Record<string, unknown>> = { ...read };
    const cells = columns.map(({ name, kind }) => {
      const value = values[name];
      return value === null ? null : kind === 'document' ? JSON.stringify(value) : String(value);
    });
    const row = rowOf(cells);
    expect(row).not.toBeNull();
    if (row !== null) expect(parse(JSON.parse(encode(row, 'full')))).toEqual(read);
  });

  it.each([[null], [5], [[]], [{}], [{ id: 1 }], [{ id: '1', timestamp: 1, symbol: 'A', metric_name: 'a' }]])(
    'is not read from %j',
    (foreign) => {
      expect(parse(foreign)).toBeNull();
    },
  );
});

it('a date that is none is refused, and not taken for the moment of writing', () => {
  expect(() => toWire({ ...ANOMALY, timestamp: new Date(Number.NaN) })).toThrow(RangeError);
});
