/** Rows as lines of CSV, and the cursor of their pages. */
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { csvHeader, csvLine, isoTime } from '../../server/http/csv.ts';
import { decodeRowCursor, encodeRowCursor } from '../../server/http/row-cursor.ts';
import { parseMoment } from '../../server/http/validation.ts';
import { columnsOf, STREAMS } from '../../shared/streams.ts';

const columns = columnsOf(STREAMS.system_metrics);
const line = (changes: Readonly<Record<string, string | null>>): string =>
  csvLine(columns, { cells: columns.map(({ name }) => changes[name] ?? null) });
const field = (name: string, text: string | null): unknown => {
  const rows = z
    .array(z.record(z.string(), z.string()))
    .parse(parse(csvHeader(columns) + line({ [name]: text }), { columns: true }));
  return rows[0]?.[name];
};

describe('a line of CSV', () => {
  it('is a header and a line of as many fields, each ended by CRLF', () => {
    expect(csvHeader(columns)).toBe('id,timestamp,metric_name,metric_value,metric_unit,metadata,created_at\r\n');
    expect(line({ id: '7', timestamp: '0.000000', metric_name: 'cpu', metric_value: '0.10' })).toBe(
      '7,1970-01-01T00:00:00.000000Z,cpu,0.10,,,\r\n',
    );
  });

  it.each(['a,b', 'say "x"', '"', 'two\nlines', 'two\r\nlines', ' spaces ', 'é 数 🙂', "'", ';', '\\'])(
    'keeps the text %j',
    (text) => expect(field('metric_unit', text)).toBe(text),
  );

  it('tells null from the empty text', () => {
    expect(line({ metric_unit: null })).toBe(',,,,,,\r\n');
    expect(line({ metric_unit: '' })).toBe(',,,,"",,\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx', '\nx', '＝1'])('makes no formula of the text %j', (text) =>
    expect(field('metric_unit', text)).toBe(`'${text}`),
  );

  it('leaves numbers and documents as they are, whatever they begin with', () => {
    expect(field('metric_value', '-0.5')).toBe('-0.5');
    expect(field('metric_value', '-Infinity')).toBe('-Infinity');
    expect(field('metric_value', 'NaN')).toBe('NaN');
    expect(field('metadata', '-1')).toBe('-1');
    expect(field('metadata', '{"a": "x,\\"y\\""}')).toBe('{"a": "x,\\"y\\""}');
  });
});

describe('a time in CSV', () => {
  it.each([
    ['1768480220123.456000', '2026-01-15T12:30:20.123456Z'],
    ['1768480220123.000000', '2026-01-15T12:30:20.123000Z'],
    ['1768480220123', '2026-01-15T12:30:20.123000Z'],
    ['0.001000', '1970-01-01T00:00:00.000001Z'],
    ['-0.001000', '1969-12-31T23:59:59.999999Z'],
    ['-1.000000', '1969-12-31T23:59:59.999000Z'],
    ['-1000.250000', '1969-12-31T23:59:58.999750Z'],
    ['253402300799999.999000', '9999-12-31T23:59:59.999999Z'],
    ['9214646400000000.000000', '9214646400000000.000000'],
    ['Infinity', 'Infinity'],
    ['-Infinity', '-Infinity'],
  ])('%s is %s', (text, iso) => expect(isoTime(text)).toBe(iso));
});

describe('a moment in a parameter', () => {
  it.each([
    ['0', 0],
    ['-1.5', -1.5],
    ['1768480220123.456', 1768480220123.456],
    ['2026-01-15', Date.UTC(2026, 0, 15)],
    ['2026-01-15T12:30', Date.UTC(2026, 0, 15, 12, 30)],
    ['2026-01-15T12:30:20Z', Date.UTC(2026, 0, 15, 12, 30, 20)],
    ['2026-01-15 12:30:20', Date.UTC(2026, 0, 15, 12, 30, 20)],
    ['2026-01-15T12:30:20.123456Z', Date.UTC(2026, 0, 15, 12, 30, 20) + 123.456],
    ['2026-01-15T12:30:20,5z', Date.UTC(2026, 0, 15, 12, 30, 20) + 500],
    ['2026-01-15T12:30:20+02:00', Date.UTC(2026, 0, 15, 10, 30, 20)],
    ['2026-01-15T12:30:20 02:00', Date.UTC(2026, 0, 15, 10, 30, 20)],
    ['2026-01-15T12:30:20-0530', Date.UTC(2026, 0, 15, 18, 0, 20)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('%s is read', (text, ms) => expect(parseMoment(text)).toBe(ms));

  it.each([
    '',
    ' ',
    'now',
    'NaN',
    '1e3',
    '0x10',
    '2026-1-5',
    '2026-02-29',
    '2026-01-15T25:00',
    '2026-01-15T12',
    '2026-01-15T12:30:61',
    'infinity',
    '2026-01-15T12:30:20+2',
    "2026-01-15'",
  ])('%j is not', (text) => expect(parseMoment(text)).toBeNull());
});

describe('the cursor of a page', () => {
  it.each([
    [1768480220123456n, 7n],
    [-1n, -2147483648n],
    [9_223_371_331_199_999_999n, 9223372036854775807n],
    [-210_866_803_200_000_000n, 0n],
  ])('leads back to %s, %s', (micros, id) => {
    const cursor = encodeRowCursor('anomalies', { micros, id });
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(decodeRowCursor('anomalies', cursor)).toEqual({ micros, id });
    expect(decodeRowCursor('funding_rates', cursor)).toBeNull();
  });

  const forged = (text: string): string => Buffer.from(text).toString('base64url');
  it.each([
    '',
    'x',
    '!!!!',
    forged('anomalies'),
    forged('anomalies 1'),
    forged('anomalies 1 2 3'),
    forged('anomalies 1.5 2'),
    forged("anomalies 1 2'"),
    forged('anomalies 1 2\n'),
    forged('anomalies 9999999999999999999 1'),
    forged('anomalies 1 9999999999999999999'),
    `${forged('anomalies 1 2')}=`,
    `${forged('anomalies 1 2')} `,
  ])('%j is none', (text) => expect(decodeRowCursor('anomalies', text)).toBeNull());
});
