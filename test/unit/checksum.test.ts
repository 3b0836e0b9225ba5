/** The checksum of rows: what it tells apart, and what it does not. */
import { describe, expect, it } from 'vitest';
import type { ChannelView, LineView } from '../../client/model.ts';
import { certain, differing, heldSums, isHeld, settledSpan } from '../../client/trust/held.ts';
import { isSummable, MOST_PARTS, type SummedLine, sumLines, summedColumns } from '../../shared/checksum.ts';
import { m4 } from '../../shared/m4.ts';
import { drawnValues, keeperOf } from '../../shared/reduce.ts';
import { STREAM_LIST, STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/checksum.test.ts';
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 15);
const SPAN = { from: START, to: START + 60 * MINUTE, bucketMs: MINUTE };

/** One row: its time and its numbers by column. */
interface Row {
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

function lineOf(_stream: StreamDeclaration, name: string | null, rows: readonly Row[]): SummedLine {
  return {
    name,
    times: Float64Array.from(rows, ({ time }) => time),
    column: (column) => Float64Array.from(rows, ({ values }) => values[column] ?? Number.NaN),
  };
}

function randomRows(random: () => number, stream: StreamDeclaration, count: number): Row[] {
  const rows = Array.from({ length: count }, () => ({
    time: START + Math.floor(random() * 70 * 60_000_000) / 1000 - 5 * MINUTE,
    values: Object.fromEntries(
      summedColumns(stream).map(({ name }) => [
        name,
        pick(random, [random() * 10 - 5, Math.floor(random() * 4), Number.NaN, 0, -0, 3, 1e-300]),
      ]),
    ),
  }));
  return rows.sort((a, b) => a.time - b.time);
}

const total = (stream: StreamDeclaration, lines: readonly SummedLine[]): string =>
  sumLines(stream, lines, SPAN, 1)[0]?.hash ?? '';

describe('the checksum of lines', () => {
  const rate = STREAMS.funding_rates;
  const row = (time: number, funding_rate: number, estimated_rate = Number.NaN): Row => ({
    time,
    values: { funding_rate, estimated_rate },
  });

  it('of no rows is zero, whatever lines there are', () => {
    expect(sumLines(rate, [], SPAN, 1)).toEqual([{ from: SPAN.from, to: SPAN.to, rows: 0, hash: '0'.repeat(16) }]);
    expect(total(rate, [lineOf(rate, 'okx', [])])).toBe('0'.repeat(16));
  });

  it('is the same on every machine and in every version', () => {
    const lines = [
      lineOf(rate, 'okx', [row(START, 0.0001), row(START + 1.5, -0.25, 1e300)]),
      lineOf(rate, null, [row(START + 2, 7)]),
    ];
    expect(sumLines(rate, lines, SPAN, 1)).toEqual([
      { from: SPAN.from, to: SPAN.to, rows: 3, hash: '9cd3b9935aefbe3b' },
    ]);
  });

  it.each<[string, () => SummedLine[]]>([
    ['a value by its last bit', () => [lineOf(rate, 'okx', [row(START, 0.1 + Number.EPSILON / 8)])]],
    ['a time by a microsecond', () => [lineOf(rate, 'okx', [row(START + 0.001, 0.1)])]],
    ['the name of the line', () => [lineOf(rate, 'oky', [row(START, 0.1)])]],
    ['a line without a name', () => [lineOf(rate, null, [row(START, 0.1)])]],
    ['an empty name', () => [lineOf(rate, '', [row(START, 0.1)])]],
    ['the column of a value', () => [lineOf(rate, 'okx', [row(START, Number.NaN, 0.1)])]],
    ['the sign', () => [lineOf(rate, 'okx', [row(START, -0.1)])]],
    ['a row more', () => [lineOf(rate, 'okx', [row(START, 0.1), row(START + 1, 0.1)])]],
    ['the row twice', () => [lineOf(rate, 'okx', [row(START, 0.1), row(START, 0.1)])]],
    ['no row', () => []],
  ])('tells %s', (_what, lines) => {
    expect(total(rate, lines())).not.toBe(total(rate, [lineOf(rate, 'okx', [row(START, 0.1)])]));
  });

  it('does not tell zeros, gaps, the order of lines, or that of rows of one time', () => {
    const at = (value: number): SummedLine[] => [lineOf(rate, 'okx', [row(START, value)])];
    expect(total(rate, at(-0))).toBe(total(rate, at(0)));
    expect(total(rate, at(Number.NaN))).toBe(total(rate, at(Number.POSITIVE_INFINITY)));
    const [a, b] = [lineOf(rate, 'a', [row(START, 1)]), lineOf(rate, 'b', [row(START, 2)])];
    expect(total(rate, [a, b])).toBe(total(rate, [b, a]));
    const pair = [row(START + 5, 1), row(START + 5, 2)];
    expect(total(rate, [lineOf(rate, 'a', pair)])).toBe(total(rate, [lineOf(rate, 'a', [...pair].reverse())]));
  });

  it('leaves out what lies beyond the span, its end included', () => {
    const inside = [row(START, 1), row(SPAN.to - 0.001, 2)];
    const lines = (rows: readonly Row[]): SummedLine[] => [lineOf(rate, 'a', rows)];
    expect(total(rate, lines([row(START - 0.001, 9), ...inside, row(SPAN.to, 9)]))).toBe(total(rate, lines(inside)));
  });

  it.each(STREAM_LIST.map((stream) => [stream.name, stream] as const))(
    'of %s is that of all rows where some were left out before, in this width or one that divides it',
    async (_name, stream) => {
      for (const seed of seeds(10, [3])) {
        await withSeed(seed, FILE, () => {
          const random = seeded(seed);
          const rows = randomRows(random, stream, 1 + Math.floor(random() * 600));
          const all = lineOf(stream, 'x', rows);
          for (const width of [MINUTE, MINUTE / 2, MINUTE / 12]) {
            const kept = keeperOf(stream)(all, width).flatMap((index) => rows[index] ?? []);
            expect(sumLines(stream, [lineOf(stream, 'x', kept)], SPAN, 7)).toEqual(sumLines(stream, [all], SPAN, 7));
          }
        });
      }
    },
  );

  it('of parts covers the span without a hole, and a change shows in its own part alone', () => {
    const random = seeded(5);
    const rows = randomRows(random, rate, 400);
    const parts = sumLines(rate, [lineOf(rate, 'a', rows)], SPAN, 16);
    expect(parts).toHaveLength(16);
    expect(parts[0]?.from).toBe(SPAN.from);
    expect(parts.at(-1)?.to).toBe(SPAN.to);
    for (const [index, part] of parts.entries()) {
      expect(part.from % MINUTE).toBe(0);
      if (index > 0) expect(part.from).toBe(parts[index - 1]?.to);
    }
    const whole = m4(
      {
        times: rows.map(({ time }) => time),
        values: drawnValues(rate).map((name) => rows.map(({ values }) => values[name] ?? null)),
      },
      MINUTE,
    );
    const index = whole.find((at) => (rows[at]?.time ?? 0) > START + 30 * MINUTE) ?? -1;
    const changed = rows.map((one, at) =>
      at === index ? { ...one, values: { ...one.values, funding_rate: 99 } } : one,
    );
    const other = sumLines(rate, [lineOf(rate, 'a', changed)], SPAN, 16);
    const places = parts.flatMap(({ hash }, at) => (hash === other[at]?.hash ? [] : [at]));
    expect(places).toHaveLength(1);
    const [place] = places;
    expect(parts[place ?? -1]?.from).toBeLessThanOrEqual(rows[index]?.time ?? 0);
    expect(parts[place ?? -1]?.to).toBeGreaterThan(rows[index]?.time ?? 0);
  });

  it('has no more parts than buckets, and never more than are allowed', () => {
    expect(sumLines(rate, [], { from: 0, to: 3 * MINUTE, bucketMs: MINUTE }, 16)).toHaveLength(3);
    expect(sumLines(rate, [], { from: 0, to: 1000 * MINUTE, bucketMs: MINUTE }, 500)).toHaveLength(MOST_PARTS);
    expect(sumLines(rate, [], SPAN, 0)).toHaveLength(1);
  });

  it('says nothing about points so many that they are thinned', () => {
    expect(isSummable(STREAMS.anomalies, 5000, SPAN)).toBe(true);
    expect(isSummable(STREAMS.anomalies, 5001, SPAN)).toBe(false);
    expect(isSummable(rate, 1e9, SPAN)).toBe(true);
  });
});

describe('what a page holds', () => {
  const line = (times: number[]): LineView => ({
    name: 'okx',
    times: Float64Array.from(times),
    columns: { funding_rate: Float64Array.from(times, (_, index) => index) },
    texts: {},
    arrivedAt: null,
    spacingMs: null,
    stale: false,
  });
  const channel = (times: number[]): ChannelView => ({
    stream: 'funding_rates',
    key: 'BTC/USDT',
    lines: [line(times)],
    rowsLastHour: 0,
    reduced: false,
  });

  it('is compared from half a minute within its left edge to two minutes before the present', () => {
    const now = START + 12_345;
    const view = { bucketMs: 5000, range: '1h' } as const;
    const span = settledSpan(view, now);
    expect(span).toEqual({ from: START - 3_600_000 + 50_000, to: START - 110_000, bucketMs: 5000 });
    if (span === null) return;
    expect(isHeld(view, now + 30_000, span)).toBe(true);
    expect(isHeld(view, now + 40_000, span)).toBe(false);
    expect(isHeld({ ...view, bucketMs: 10_000 }, now, span)).toBe(false);
    expect(settledSpan({ bucketMs: 3_600_000, range: '1h' }, now)).toBeNull();
    expect(settledSpan({ bucketMs: 0.5, range: '1h' }, now)).toBeNull();
  });

  it('differs for certain only where neither side moved between two looks', () => {
    const sums = (times: number[]) => heldSums(channel(times), SPAN, 4);
    const [a, b] = [sums([START, START + 40 * MINUTE]), sums([START])];
    expect(differing(a, a)).toEqual([]);
    expect(differing(a, b).map(({ from }) => from)).toEqual([START + 30 * MINUTE]);
    expect(differing([], b)).toEqual(b);
    expect(certain({ held: a, told: b }, { held: a, told: b })).toEqual(differing(a, b));
    // Each side on its own went on between the looks.
    expect(certain({ held: b, told: b }, { held: a, told: b })).toEqual([]);
    expect(certain({ held: a, told: a }, { held: a, told: b })).toEqual([]);
    expect(certain({ held: a, told: b }, { held: a, told: a })).toEqual([]);
    expect(certain({ held: [], told: b }, { held: a, told: b })).toEqual([]);
  });
});
