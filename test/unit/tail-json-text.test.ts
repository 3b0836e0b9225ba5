/** Rows pass through `tail` as text: whatever JSON there is, its parts are cut where they end, and no digit is touched. */
import { describe, expect, it, test } from 'vitest';
import { lineHead, parseFrame, rowIdentity, rowLine } from '../../server/tail/frames.ts';
import { elementTexts, memberTexts } from '../../server/tail/json-text.ts';
import { STREAM_LIST } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/tail-json-text.test.ts';

/** Random JSON text, with the spaces, escapes and numbers that JSON allows. */
function jsonText(random: () => number, depth: number): string {
  const space = (): string => pick(random, ['', '', '', ' ', '\n', '\t', ' \r\n ']);
  const string = (): string =>
    JSON.stringify(
      pick(random, ['', 'a', '"', '\\', '\\"', '}', ']', '{,:', '\n', 'é\u2028', '\\\\"', '__proto__', 'id']),
    );
  const leaf = (): string => pick(random, ['null', 'true', '-0.0001', '1e-7', '12345678901234567890.00001', string()]);
  const many = (): number => Math.floor(random() * 4);
  const listed = (open: string, close: string, item: () => string): string =>
    `${open}${space()}${Array.from({ length: many() }, () => `${item()}${space()}`).join(`,${space()}`)}${close}`;
  if (depth === 0 || random() < 0.3) return leaf();
  const inner = (): string => jsonText(random, depth - 1);
  return random() < 0.5
    ? listed('[', ']', inner)
    : listed('{', '}', () => `${string()}${space()}:${space()}${inner()}`);
}

test.each(seeds(300, [1, 2, 3]))('the parts of a JSON text are what JSON.parse finds, seed %i', (seed) =>
  withSeed(seed, FILE, () => {
    const random = seeded(seed);
    for (let tries = 0; tries < 20; tries += 1) {
      const text = jsonText(random, 4);
      const value: unknown = JSON.parse(text);
      if (Array.isArray(value)) expect(elementTexts(text).map((part): unknown => JSON.parse(part))).toEqual(value);
      else if (typeof value === 'object' && value !== null) {
        const parts = [...memberTexts(text)].map(([name, part]): [string, unknown] => [name, JSON.parse(part)]);
        expect(parts).toEqual(Object.entries(value).sort(([a], [b]) => order(parts, a) - order(parts, b)));
      } else {
        expect(() => memberTexts(text)).toThrow(SyntaxError);
        expect(() => elementTexts(text)).toThrow(SyntaxError);
      }
    }
  }),
);

/** JSON.parse puts names that are whole numbers first; the text has its own order. */
function order(parts: readonly (readonly [string, unknown])[], name: string): number {
  return parts.findIndex(([other]) => other === name);
}

describe('a delta', () => {
  const row =
    '{"id":9007199254740993,"timestamp":1700000000000.123,"value":0.100000000000000000010,"metadata":{"a":\n"}\\n"}}';
  const text = `{"type":"delta","stream":"anomalies","key":"A","prev":"p","cursor":"c","time":1,"via":"notify","rows":[ ${row} , {"id":1,"value":1E+400}]}`;

  it('F8 keeps the text of its rows, whatever numbers they hold', () => {
    const parsed = parseFrame(text);
    if (parsed.kind !== 'frame' || parsed.frame.type !== 'delta') throw new Error(JSON.stringify(parsed));
    expect(parsed.frame.rows).toEqual([row, '{"id":1,"value":1E+400}']);
  });

  it('is told apart from what cannot be relied on and from what is new', () => {
    expect(parseFrame(text.slice(0, -1))).toMatchObject({ kind: 'malformed' });
    expect(parseFrame(text.replace('"key":"A",', ''))).toMatchObject({ kind: 'malformed', problem: /key/ });
    expect(parseFrame('[]')).toMatchObject({ kind: 'malformed' });
    expect(parseFrame('{"type":"synced","id":"a"}')).toMatchObject({ kind: 'malformed' });
    expect(parseFrame('{"type":"weather"}')).toEqual({ kind: 'unknown', type: 'weather' });
  });

  it('prints as one line, the columns flat behind stream and key', () => {
    const line = rowLine(lineHead('anomalies', 'BTC/"USDT"'), row);
    expect(line).toBe(`{"stream":"anomalies","key":"BTC/\\"USDT\\"",${row.slice(1).replace('\n', ' ')}`);
    expect(JSON.parse(line)).toMatchObject({ stream: 'anomalies', key: 'BTC/"USDT"', metadata: { a: '}\n' } });
    expect(JSON.parse(rowLine(lineHead('s', 'k'), '{ }'))).toEqual({ stream: 's', key: 'k' });
  });

  it('tells rows apart by id and time, digit for digit', () => {
    expect(rowIdentity(row)).toBe('9007199254740993@1700000000000.123');
    expect(rowIdentity('{"timestamp":2,"id":9007199254740992}')).toBe('9007199254740992@2');
  });
});

it('no column has a name that a line has for itself', () => {
  const names = STREAM_LIST.flatMap(({ key, series, values, documents }) => [
    key.name,
    ...(series === null ? [] : [series.name]),
    ...values.map(({ name }) => name),
    ...documents,
  ]);
  expect(names).not.toContain('stream');
  expect(names).not.toContain('key');
});
