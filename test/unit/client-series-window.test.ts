/** A window that slid for long against one that is loaded anew of all the rows at that moment: they hold the same. */
import { describe, expect, test } from 'vitest';
import { Channel, type Window } from '../../client/series/channel.ts';
import { bucketStart } from '../../shared/m4.ts';
import type { Frame } from '../../shared/protocol.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-series-window.test.ts';
const START = 1_800_000_000_000;

/** A row of the table: its time, its line and its numbers. */
interface Row {
  readonly time: number;
  readonly line: string;
  readonly values: readonly number[];
}

/** The numbers of a stream, as a channel orders them. */
const numbersOf = (stream: StreamName): readonly string[] =>
  STREAMS[stream].values.filter(({ kind }) => kind !== 'text').map(({ name }) => name);

const seriesColumn = (stream: StreamName): string => STREAMS[stream].series?.name ?? '';

/** The table as it is, in order of time, rows of equal time as they came. */
class Table {
  readonly stream: StreamName;
  rows: Row[] = [];

  constructor(stream: StreamName) {
    this.stream = stream;
  }

  add(rows: readonly Row[]): void {
    this.rows.push(...rows);
    this.rows.sort((a, b) => a.time - b.time);
  }

  /** The rows of a window in buckets, and whether any of its lines has more rows than it shows buckets. */
  load(right: number, window: Window): { lines: Map<string, Row[]>; reduced: boolean } {
    const { bucketMs, points } = window;
    const names = new Set(this.rows.map(({ line }) => line));
    const within = (line: string, from: number): Row[] =>
      this.rows.filter((row) => row.line === line && row.time >= from);
    const from = startOf(right, window);
    const reduced = [...names].some((line) => within(line, bucketStart(from, bucketMs)).length > points);
    const lines = new Map<string, Row[]>();
    for (const line of names) {
      const rows = within(line, reduced ? bucketStart(from, bucketMs) : from);
      if (rows.length > 0) lines.set(line, rows.length > points ? this.kept(rows, bucketMs) : rows);
    }
    return { lines, reduced };
  }

  kept(rows: readonly Row[], bucketMs: number): Row[] {
    const names = numbersOf(this.stream);
    const column = (name: string): number[] => rows.map(({ values }) => values[names.indexOf(name)] ?? Number.NaN);
    const indexes = keeperOf(STREAMS[this.stream])({ times: rows.map(({ time }) => time), column }, bucketMs);
    return indexes.flatMap((index) => rows[index] ?? []);
  }
}

/** Where a window begins that ends at `right`: it has all its buckets, and the whole range. */
function startOf(right: number, { rangeMs, bucketMs, points }: Window): number {
  return Math.min(right - rangeMs, (Math.floor(right / bucketMs) + 1 - points) * bucketMs);
}

function snapshotOf(table: Table, right: number, window: Window): Frame<'snapshot'> {
  const { bucketMs } = window;
  const { lines, reduced } = table.load(right, window);
  const names = numbersOf(table.stream);
  return {
    type: 'snapshot',
    id: 's',
    stream: table.stream,
    key: 'K',
    cursor: 'c',
    from: startOf(right, window),
    to: right,
    reduced,
    bucket_ms: reduced ? bucketMs : null,
    rows_total: 0,
    series: [...lines].map(([name, rows]) => ({
      name,
      columns: Object.fromEntries([
        ['timestamp', rows.map(({ time }) => time)],
        ...names.map((column, index) => [column, rows.map(({ values }) => values[index] ?? null)]),
      ]),
      arrived: right,
    })),
  };
}

function deltaOf(table: Table, rows: readonly Row[], now: number): Frame<'delta'> {
  const names = numbersOf(table.stream);
  return {
    type: 'delta',
    stream: table.stream,
    key: 'K',
    prev: 'c',
    cursor: 'd',
    time: now,
    via: 'notify',
    rows: rows.map((row, index) => ({
      id: index,
      timestamp: row.time,
      [seriesColumn(table.stream)]: row.line,
      ...Object.fromEntries(names.map((name, at) => [name, row.values[at]])),
    })),
  };
}

/** What a channel holds, a line at a time. */
function heldRows(channel: Channel, stream: StreamName, now: number): Map<string, Row[]> {
  const names = numbersOf(stream);
  const lines = new Map<string, Row[]>();
  for (const { name, times, columns } of channel.view(now).lines) {
    const line = name ?? '';
    const rows = [...times].map((time, index) => ({
      time,
      line,
      values: names.map((column) => columns[column]?.[index] ?? Number.NaN),
    }));
    if (rows.length > 0) lines.set(line, rows);
  }
  return lines;
}

const text = ({ time, values }: Row): string => [time, ...values].join(' ');

/** One long stay on a page. Returns what it has shown, so that a test can tell that it tried what it means to. */
function stay(seed: number): { readonly reduced: boolean; readonly whole: boolean; readonly late: number } {
  const random = seeded(seed);
  const stream = pick(random, ['funding_rates', 'anomalies', 'performance_metrics'] as const);
  const width = numbersOf(stream).length;
  const bucketMs = pick(random, [1000, 7000, 540]);
  const points = pick(random, [16, 60]);
  // Most views are a little wider than their range, some as wide.
  const rangeMs = Math.round(points * bucketMs * pick(random, [1, 0.93, 0.99])) - pick(random, [0, 1, 400]);
  const window = { rangeMs, bucketMs, points };
  const lines = ['a', 'b', 'c'].slice(0, 1 + Math.floor(random() * 3));
  const busy = random() * 6;
  const values = (): number[] =>
    Array.from({ length: width }, () => (random() < 0.15 ? Number.NaN : Math.round((random() - 0.5) * 12)));
  let last = START;
  const row = (now: number): Row => {
    // Times of their own: of equal ones the order of arrival is the page's, and the table's order is another.
    last = Math.max(last + 0.001, now + random() * 100);
    const isLate = random() < 0.1;
    return { time: isLate ? last - random() * rangeMs * 1.2 : last, line: pick(random, lines), values: values() };
  };
  const table = new Table(stream);
  let now = START;
  const step = (): Row[] => {
    now += random() * bucketMs;
    // Busy and quiet times, so that lines become reduced and whole again.
    const rate = Math.sin((now - START) / (rangeMs * 1.5)) > 0 ? busy : 0.2;
    return Array.from({ length: Math.floor(random() * rate * 2) }, () => row(now));
  };
  while (now < START + rangeMs * random()) table.add(step());
  const channel = new Channel(STREAMS[stream], 'K', window, now, snapshotOf(table, now, window));
  const loadedFrom = startOf(now, window);
  const seen = { reduced: false, whole: false, late: 0 };
  const end = now + rangeMs * 8;
  while (now < end) {
    const before = now;
    const rows = step();
    seen.late += rows.filter(({ time }) => time < before).length;
    table.add(rows);
    if (rows.length > 0) channel.append(deltaOf(table, rows, now));
    if (random() < 0.8) continue;
    table.rows = table.rows.filter(({ time }) => time >= now - 2 * rangeMs);
    channel.slide(now);
    const held = heldRows(channel, stream, now);
    const fresh = table.load(now, window);
    const from = startOf(now, window);
    const { reduced } = channel.view(now);
    seen.reduced ||= reduced;
    seen.whole ||= seen.reduced && !reduced && fresh.lines.size > 0;
    // What the page says to be all rows is all rows.
    if (!reduced) {
      for (const [line, all] of held) {
        const whole = table.rows.filter(({ line: name, time }) => name === line && time >= from);
        expect(all.map(text)).toEqual(whole.map(text));
      }
    }
    // What was loaded whole began within a bucket; until that has gone, the page cannot know what lies before.
    if (!fresh.reduced || bucketStart(from, bucketMs) <= loadedFrom) continue;
    expect(reduced).toBe(true);
    const kept = (rows: readonly Row[] | undefined): string[] =>
      table
        .kept(rows ?? [], bucketMs)
        .map(text)
        .sort();
    for (const line of lines) {
      const mine = held.get(line) ?? [];
      expect(kept(mine)).toEqual(kept(fresh.lines.get(line)));
      // The newest bucket grows still; of those before it, no more is held than can be seen.
      const open = bucketStart(mine.at(-1)?.time ?? 0, bucketMs);
      const finished = mine.filter(({ time }) => time < open);
      const all = table.rows.filter((row) => row.line === line && row.time >= bucketStart(from, bucketMs));
      if (all.length > 2 * points) {
        expect(finished.map(text).sort()).toEqual(kept(finished));
      }
    }
  }
  return seen;
}

describe('a window that slid', () => {
  test.each(seeds(20, [1, 2, 3, 8]))('holds the rows of one that is loaded anew, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      stay(seed);
    }),
  );

  test('was reduced, became whole again and had late rows in what is tried above', () => {
    const seen = Array.from({ length: 12 }, (_, seed) => stay(seed));
    expect(seen.some(({ reduced }) => reduced)).toBe(true);
    expect(seen.some(({ whole }) => whole)).toBe(true);
    expect(seen.some(({ late }) => late > 0)).toBe(true);
  });

  test('holds a bounded number of rows in bounded memory, however many come', () => {
    const window = { rangeMs: 3_600_000, bucketMs: 36_000, points: 100 };
    const channel = new Channel(STREAMS.funding_rates, 'K', window, START, null);
    const most = { points: 0, capacity: 0 };
    let now = START;
    for (let count = 0; count < 2000; count += 1) {
      // Every hundredth delta is a burst.
      const rows = Array.from({ length: count % 100 === 0 ? 2000 : 80 }, (_, index) => ({
        id: index,
        timestamp: now + index,
        exchange: 'okx',
        funding_rate: Math.sin(now * 7 + index),
        estimated_rate: Math.cos(now * 3 + index),
      }));
      now += 10_000;
      const rest = { prev: 'c', cursor: 'd', time: now, via: 'notify', rows } as const;
      channel.append({ type: 'delta', stream: 'funding_rates', key: 'K', ...rest });
      channel.slide(now);
      channel.view(now);
      const { points, capacity } = channel.held;
      most.points = Math.max(most.points, points);
      most.capacity = Math.max(most.capacity, capacity);
    }
    // 101 buckets of four rows for each of the two values, and the newest, of which more may be held.
    expect(most.points).toBeLessThanOrEqual(101 * 8 + 128);
    // A burst is there whole for a moment, and room is made for twice as much.
    expect(most.capacity).toBeLessThanOrEqual(2 * (2000 + 101 * 8 + 128));
    expect(channel.held.capacity).toBeLessThanOrEqual(8 * channel.held.points);
  });
});
