/**
 * Reads a window of some channels: finished hours from the rollups, everything else reduced by the database from the rows,
 * and reduces the whole again. M4 of what M4 kept of narrower buckets is M4 of all rows, so the seams do not show.
 */
import { bucketStart } from '../../../shared/m4.ts';
import { isScatter, keeperOf } from '../../../shared/reduce.ts';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { ReducedLine } from '../../feed/reduced.ts';
import { byName } from '../../feed/reduced.ts';
import { readBinary, textCell } from '../binary-rows.ts';
import type { Queryable } from '../queryable.ts';
import { MOST_UNPACKED, ROLLED_STREAMS } from '../rollup/tables.ts';
import type { IndexRange } from './ages.ts';
import { joinPacks, type PackedRows, selectRows, unpack } from './pack.ts';
import type { Plan, Window } from './plan.ts';
import { HOUR_MS, type LinePacks, readLinePacks, type Span } from './rollups.ts';
import { nameOf } from './spacings.ts';
import { FEW, windowQueries } from './window-sql.ts';

/** A line's rows in a window, before and after the reduction. */
export type WindowLine = Omit<ReducedLine, 'arrived' | 'spacingMs'> & {
  /** Rows in the window before the reduction. */
  readonly total: number;
  readonly reduced: boolean;
};

/** A range of raw rows that is to be read. */
interface RawRange extends IndexRange, Span {}

/** Packed rows with the line that they are of. */
interface Piece {
  readonly key: string;
  readonly series: string | null;
  readonly rows: PackedRows;
}

/** The lines of each key that have rows in the window, by name; keys without any are left out. */
export async function readWindow(
  client: Queryable,
  plan: Plan,
  window: Window,
  ranges: readonly IndexRange[],
): Promise<ReadonlyMap<string, readonly WindowLine[]>> {
  const keys = [...new Set(ranges.map(({ key }) => key))];
  const isRolledUp = plan.rollups && ROLLED_STREAMS.includes(plan.stream);
  const sparse = isRolledUp ? ranges.filter((range) => isSparse(range, plan, window)) : [];
  const { pieces, left } = await readFew(client, plan, window, gaps(sparse, [], window));
  const rest = ranges.filter((range) => !sparse.includes(range)).concat(left);
  const packs = isRolledUp && rest.length > 0 ? await readPacks(client, plan, window, rest) : [];
  pieces.push(...packs.flatMap(({ key, series, parts }) => parts.map((rows): Piece => ({ key, series, rows }))));
  pieces.push(...(await readReduced(client, plan, window, gaps(rest, packs, window))));
  const lines = group(pieces, window);
  const byKey = new Map(keys.map((key) => [key, lines.filter((line) => line.key === key)]));
  const cut: RawRange[] = [];
  const found = new Map<string, WindowLine[]>();
  for (const [key, own] of byKey) {
    // A channel starts at one time: at a bucket's edge where any of its lines is reduced.
    const start = plan.margins || own.some(({ total }) => total > window.buckets) ? window.edge : window.from;
    for (const line of own) {
      // Few rows in all, of which some were left out because others lie close to them.
      if (isCut(line, window)) cut.push({ ...rangeOf(ranges, line), from: start, to: window.to });
      else add(found, key, reduceLine(plan.stream, line, window, start));
    }
  }
  const { whole } = windowQueries(plan.stream);
  for (const line of group((await readRanges(client, plan, cut, whole, [])).pieces, window)) {
    add(found, line.key, reduceLine(plan.stream, line, window, Number.NEGATIVE_INFINITY));
  }
  for (const own of found.values()) own.sort((a, b) => byName(a.name, b.name));
  return found;
}

function add(found: Map<string, WindowLine[]>, key: string, line: WindowLine): void {
  if (line.total === 0) return;
  const own = found.get(key);
  if (own === undefined) found.set(key, [line]);
  else own.push(line);
}

/** The range of an index that a line is read by. */
function rangeOf(ranges: readonly IndexRange[], { key, series }: LinePieces): IndexRange {
  const range = ranges.find((other) => other.key === key && (other.part === 'key' || other.series === series));
  return range ?? { key, series, part: 'key' };
}

async function readPacks(
  client: Queryable,
  { stream }: Plan,
  { edge, to, bucketMs }: Window,
  lines: readonly IndexRange[],
): Promise<readonly LinePacks[]> {
  // Rows from the end on are left out of a whole hour only by reading the hour's rows.
  const end = Number.isFinite(to) ? Math.floor(to / HOUR_MS) * HOUR_MS : to;
  return readLinePacks(client, stream, { lines, from: edge, to: end, bucketMs });
}

/** What no pack covers, as ranges of raw rows. */
function gaps(lines: readonly IndexRange[], packs: readonly LinePacks[], { edge, to }: Window): readonly RawRange[] {
  const packed = new Map(packs.map((line) => [nameOf(line.key, line.series), line.hours]));
  return lines.flatMap((line) => {
    const ranges: RawRange[] = [];
    let from = edge;
    const hours = packed.get(nameOf(line.key, line.series)) ?? new Set();
    for (const hour of [...hours].sort((a, b) => a - b)) {
      if (hour > from) ranges.push({ ...line, from, to: hour });
      from = hour + HOUR_MS;
    }
    if (from < to) ranges.push({ ...line, from, to });
    return ranges;
  });
}

/** What was read of ranges, and those that have more rows than was expected, of which nothing was read. */
interface RangesRead {
  readonly pieces: Piece[];
  readonly left: readonly RawRange[];
}

/** Reads ranges by a query of each of their parts, which is given `reduction` beside them. */
async function readRanges(
  client: Queryable,
  { stream }: Plan,
  ranges: readonly RawRange[],
  query: (part: RawRange['part']) => string,
  reduction: readonly number[],
): Promise<RangesRead> {
  const pieces: Piece[] = [];
  const left: RawRange[] = [];
  for (const part of ['key', 'line', 'nameless'] as const) {
    const own = ranges.filter((range) => range.part === part).sort((a, b) => a.from - b.from);
    if (own.length === 0) continue;
    const bound = [
      own.map(({ key }) => key),
      own.map(({ series }) => series),
      own.map(({ from }) => from),
      own.map(({ to }) => to),
      ...reduction,
    ];
    for (const [number, series, pack] of await readBinary(client, query(part), bound)) {
      const range = own[Number(textCell(number)) - 1];
      if (range === undefined || pack == null) continue;
      const rows = unpack(stream, [pack]);
      if (rows === null) left.push(range);
      else if (rows.times.length > 0) pieces.push({ key: range.key, series: textCell(series), rows });
    }
  }
  return { pieces, left };
}

/** All rows of ranges that have few. */
function readFew(client: Queryable, plan: Plan, { buckets }: Window, ranges: readonly RawRange[]): Promise<RangesRead> {
  return readRanges(client, plan, ranges, windowQueries(plan.stream).few, [FEW * buckets]);
}

async function readReduced(
  client: Queryable,
  plan: Plan,
  window: Window,
  ranges: readonly RawRange[],
): Promise<readonly Piece[]> {
  const few = ranges.filter((range) => isFew(range, plan, window));
  const { pieces, left } = await readFew(client, plan, window, few);
  const rest = ranges.filter((range) => !few.includes(range) || left.includes(range));
  const { reduced } = windowQueries(plan.stream);
  return pieces.concat((await readRanges(client, plan, rest, reduced, [window.bucketMs, window.buckets])).pieces);
}

/** Whether a line has few rows in the window, and too few an hour for packs: asking for those would be in vain. */
function isSparse(range: IndexRange, plan: Plan, window: Window): boolean {
  const spacingMs = plan.spacings?.get(range.key, range.series, plan.now) ?? 0;
  return spacingMs > HOUR_MS / MOST_UNPACKED && isFew({ ...range, from: window.edge, to: window.to }, plan, window);
}

/** Whether a range has few rows, so far as it is remembered how far apart the rows of its line come. */
function isFew({ key, series, from, to }: RawRange, { stream, spacings, now }: Plan, { buckets }: Window): boolean {
  if (isScatter(stream)) return false;
  const spacingMs = spacings?.get(key, series, now) ?? null;
  // Half of what would still be few, because rows that come at once have one spacing.
  return spacingMs !== null && (Math.min(to, now) - from) / spacingMs <= (FEW * buckets) / 2;
}

/** What was read of one line: in pieces, with the rows of each bucket by its start. */
interface LinePieces {
  readonly key: string;
  readonly series: string | null;
  readonly pieces: readonly PackedRows[];
  readonly counts: ReadonlyMap<number, number>;
  readonly total: number;
}

function group(pieces: readonly Piece[], window: Window): readonly LinePieces[] {
  const lines = new Map<string, { key: string; series: string | null; pieces: PackedRows[] }>();
  for (const { key, series, rows } of pieces) {
    const name = nameOf(key, series);
    const line = lines.get(name);
    if (line === undefined) lines.set(name, { key, series, pieces: [rows] });
    else line.pieces.push(rows);
  }
  return [...lines.values()].map((line) => {
    const counts = countBuckets(line.pieces, window);
    return { ...line, counts, total: [...counts.values()].reduce((sum, count) => sum + count, 0) };
  });
}

/** Rows of each bucket of the window, by its start, in order of time. */
function countBuckets(pieces: readonly PackedRows[], { bucketMs, edge }: Window): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  let inOrder = true;
  let last = Number.NEGATIVE_INFINITY;
  for (const { starts, counts: rows } of pieces) {
    for (let at = 0; at < starts.length; at += 1) {
      const start = starts[at] ?? 0;
      if (start < edge) continue;
      const bucket = bucketStart(start, bucketMs);
      inOrder &&= bucket >= last;
      last = bucket;
      counts.set(bucket, (counts.get(bucket) ?? 0) + (rows[at] ?? 0));
    }
  }
  return inOrder ? counts : new Map([...counts].sort(([a], [b]) => a - b));
}

/** Whether a line that should be whole is not. */
function isCut({ pieces, total }: LinePieces, { buckets }: Window): boolean {
  const counted = ({ counts }: PackedRows): number => counts.reduce((sum, count) => sum + count, 0);
  return total <= buckets && pieces.some((piece) => counted(piece) > piece.times.length);
}

/** Reduces a line that has more rows than it may, from `start` (epoch ms) on. */
function reduceLine(
  stream: StreamDeclaration,
  { series, pieces, counts, total }: LinePieces,
  { bucketMs, buckets }: Window,
  start: number,
): WindowLine {
  const reduced = total > buckets;
  const joined = joinPacks(pieces);
  const rows = reduced ? keep(stream, joined, bucketMs, start) : since(joined, start);
  return {
    name: series,
    ids: Array.from(rows.ids),
    times: Array.from(rows.times),
    columns: rows.values.map((column) => {
      const fragments: string[] = [];
      for (let at = 0; at < rows.times.length; at += 1) fragments.push(column.json(at));
      return fragments;
    }),
    starts: reduced ? [...counts.keys()] : [],
    counts: reduced ? [...counts.values()] : [],
    total: reduced ? total : rows.times.length,
    reduced,
  };
}

/** The rows from a time on that the reduction keeps. */
function keep(stream: StreamDeclaration, rows: PackedRows, bucketMs: number, start: number): PackedRows {
  const first = firstFrom(rows.times, start);
  const column = (name: string): Float64Array => {
    const at = stream.values.findIndex((value) => value.name === name);
    return rows.values[at]?.numbers?.subarray(first) ?? new Float64Array(rows.times.length - first).fill(Number.NaN);
  };
  const kept = keeperOf(stream)({ times: rows.times.subarray(first), column }, bucketMs);
  for (let at = 0; at < kept.length; at += 1) kept[at] = (kept[at] ?? 0) + first;
  return selectRows(rows, kept);
}

/** The rows from a time on. */
function since(rows: PackedRows, start: number): PackedRows {
  const first = firstFrom(rows.times, start);
  if (first === 0) return rows;
  const indexes: number[] = [];
  for (let at = first; at < rows.times.length; at += 1) indexes.push(at);
  return selectRows(rows, indexes);
}

function firstFrom(times: Float64Array, start: number): number {
  let first = 0;
  while (first < times.length && (times[first] ?? 0) < start) first += 1;
  return first;
}
