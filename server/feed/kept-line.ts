/**
 * A line of history that is kept for those who ask later: what is seen of it, brought up to date by rows that come and
 * by time that passes. Nothing here changes a line: each step makes a new one and shares what stays.
 */
import { encodeCell } from '../../shared/columns.ts';
import { bucketStart } from '../../shared/m4.ts';
import { isScatter, keeperOf, mostPoints } from '../../shared/reduce.ts';
import type { StreamRow } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { LineText } from './line-text.ts';
import { sharedText } from './line-text.ts';
import type { ReducedLine } from './reduced.ts';
import type { Window } from './window.ts';

/** A line with every row from its window's first edge on, or with what the reduction leaves of them. */
export interface KeptLine extends Omit<ReducedLine, 'arrived'> {
  readonly reduced: boolean;
  /** Rows from the edge on before the reduction. */
  readonly total: number;
  /** When rows were written, the newest that counts and those that lie too far in the future to be believed yet; epoch ms. */
  readonly written: readonly number[];
  /** What was encoded of it. */
  readonly text: LineText;
}

/** A row as it is put into a line: JSON fragments of each value column. */
interface FreshRow {
  readonly id: number;
  readonly time: number;
  readonly cells: readonly string[];
}

/** Why a line cannot be brought up to date: what it would take was left out when it was read. */
export type Outgrown = 'thinned' | 'shrunk';

/** Rows of one line, a column at a time. */
interface Rows {
  readonly ids: readonly number[];
  readonly times: readonly number[];
  readonly columns: readonly (readonly string[])[];
}

/** Clocks of two machines differ: what was written up to this much after now counts as written now. */
const CLOCK_TOLERANCE_MS = 60_000;

/** A line as it was read with its margins. */
export function keepLine(line: ReducedLine): KeptLine {
  const { arrived, ...rest } = line;
  const reduced = line.starts.length > 0;
  const total = reduced ? line.counts.reduce((sum, count) => sum + count, 0) : line.times.length;
  return { ...rest, reduced, total, written: arrived === null ? [] : [arrived], text: { blocks: [] } };
}

/** The epoch ms at which a line's newest row was written, as far as that is known at `now` and believed. */
export function arrivedAt({ written }: KeptLine, now: number): number | null {
  let newest: number | null = null;
  for (const time of written) {
    if (time <= now + CLOCK_TOLERANCE_MS) newest = Math.max(newest ?? Number.NEGATIVE_INFINITY, Math.min(time, now));
  }
  return newest;
}

/**
 * The line with rows that came, in a window that is the same or later; the same object where nothing of it changed.
 *
 * @param rows of this line, in any order; those that lie before the window are of no account.
 */
export function advanceLine(
  stream: StreamDeclaration,
  line: KeptLine,
  rows: readonly StreamRow[],
  window: Window,
  now: number,
): KeptLine | Outgrown {
  const first = lowerBound(line.times, window.edge);
  const fresh = freshRows(stream, rows, window.edge);
  const written = rows.length === 0 ? line.written : writtenAfter(stream, line.written, rows, now);
  if (first === 0 && fresh.length === 0) return written === line.written ? line : { ...line, written };
  const next = line.reduced
    ? mergeReduced(stream, line, fresh, first, window)
    : mergeWhole(stream, line, fresh, first, window);
  // Rows that were left out when there were too many belong to it again.
  if (line.reduced && next.total <= window.buckets) return 'shrunk';
  const advanced = { ...line, ...next, written };
  return isThinned(stream, advanced, window) ? 'thinned' : advanced;
}

/** Index of the first of ascending times at or after `time`. */
export function lowerBound(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether the reader may have left out more than the reduction does: of very many points it keeps the strongest. */
export function isThinned(stream: StreamDeclaration, { reduced, total }: KeptLine, { buckets }: Window): boolean {
  return reduced && isScatter(stream) && total > mostPoints(buckets);
}

function freshRows(stream: StreamDeclaration, rows: readonly StreamRow[], edge: number): readonly FreshRow[] {
  const firstValue = stream.series === null ? 3 : 4;
  const fresh = rows
    .filter(({ time }) => time >= edge)
    .map(({ id, time, cells }) => ({
      id: Number(id),
      time,
      cells: stream.values.map(({ kind }, index) => encodeCell(kind, cells[firstValue + index] ?? null)),
    }));
  return fresh.sort((a, b) => a.time - b.time || a.id - b.id);
}

function writtenAfter(
  stream: StreamDeclaration,
  written: readonly number[],
  rows: readonly StreamRow[],
  now: number,
): readonly number[] {
  const createdAt = (stream.series === null ? 3 : 4) + stream.values.length + stream.documents.length;
  const times = rows.map(({ cells }) => Number(cells[createdAt] ?? Number.NaN)).filter(Number.isFinite);
  const all = [...written, ...times];
  const believed = all.filter((time) => time <= now + CLOCK_TOLERANCE_MS);
  const later = all.filter((time) => time > now + CLOCK_TOLERANCE_MS);
  return believed.length === 0 ? later : [believed.reduce((most, time) => Math.max(most, time)), ...later];
}

/** What a merge makes of a line. */
type Merged = Rows & Pick<KeptLine, 'reduced' | 'total' | 'starts' | 'counts' | 'text'>;

function mergeWhole(
  stream: StreamDeclaration,
  line: KeptLine,
  fresh: readonly FreshRow[],
  first: number,
  window: Window,
): Merged {
  // Rows mostly come at the end: what stands before them is copied in one go.
  const split = fresh[0] === undefined ? line.times.length : Math.max(first, lowerBound(line.times, fresh[0].time));
  const all = new RowBuilder(line, first, split);
  all.merge(line, split, line.times.length, fresh);
  const total = all.times.length;
  const text = sharedText(line.text, first, split);
  if (total <= window.buckets) return { ...all.rows, reduced: false, total, starts: [], counts: [], text };
  const buckets = countBuckets(all.times, window.bucketMs);
  const kept = new RowBuilder(all.rows, 0, 0);
  kept.pick(all.rows, keep(stream, all.rows, window.bucketMs));
  return { ...kept.rows, reduced: true, total, ...buckets, text: { blocks: [] } };
}

function mergeReduced(
  stream: StreamDeclaration,
  line: KeptLine,
  fresh: readonly FreshRow[],
  first: number,
  { edge, bucketMs }: Window,
): Merged {
  const gone = lowerBound(line.starts, edge);
  const starts = line.starts.slice(gone);
  const counts = line.counts.slice(gone);
  const end = line.times.length;
  const edgeOf = ({ time }: FreshRow): number => bucketStart(time, bucketMs);
  let done = fresh[0] === undefined ? end : Math.max(first, lowerBound(line.times, edgeOf(fresh[0])));
  const text = sharedText(line.text, first, done);
  const merged = new RowBuilder(line, first, done);
  for (let at = 0; at < fresh.length; ) {
    const start = bucketStart(fresh[at]?.time ?? 0, bucketMs);
    let next = at + 1;
    while (next < fresh.length && (fresh[next]?.time ?? 0) < start + bucketMs) next += 1;
    const own = lowerBound(line.times, start);
    const after = lowerBound(line.times, start + bucketMs);
    merged.append(line, done, own);
    const bucket = new RowBuilder(line, 0, 0);
    bucket.merge(line, own, after, fresh.slice(at, next));
    merged.pick(bucket.rows, keep(stream, bucket.rows, bucketMs));
    addCount(starts, counts, start, next - at);
    done = after;
    at = next;
  }
  merged.append(line, done, end);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return { ...merged.rows, reduced: true, total, starts, counts, text };
}

function addCount(starts: number[], counts: number[], start: number, rows: number): void {
  const at = lowerBound(starts, start);
  if (starts[at] === start) counts[at] = (counts[at] ?? 0) + rows;
  else {
    starts.splice(at, 0, start);
    counts.splice(at, 0, rows);
  }
}

function countBuckets(times: readonly number[], bucketMs: number): { starts: number[]; counts: number[] } {
  const starts: number[] = [];
  const counts: number[] = [];
  for (const time of times) {
    const start = bucketStart(time, bucketMs);
    if (starts.at(-1) === start) counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
    else {
      starts.push(start);
      counts.push(1);
    }
  }
  return { starts, counts };
}

function keep(stream: StreamDeclaration, { times, columns }: Rows, bucketMs: number): readonly number[] {
  const column = (name: string): number[] => {
    const at = stream.values.findIndex((value) => value.name === name);
    return (columns[at] ?? []).map(numberOf);
  };
  return keeperOf(stream)({ times, column }, bucketMs);
}

/** The number of a JSON fragment, NaN where it has none; what JSON has no number for stands there as a string. */
function numberOf(fragment: string): number {
  return Number(fragment.startsWith('"') ? fragment.slice(1, -1) : fragment);
}

/** Puts rows one after the other. */
class RowBuilder {
  readonly ids: number[];
  readonly times: number[];
  readonly columns: string[][];

  /** Begins with rows [from, to) of others, which have the same columns. */
  constructor(other: Rows, from: number, to: number) {
    this.ids = other.ids.slice(from, to);
    this.times = other.times.slice(from, to);
    this.columns = other.columns.map((column) => column.slice(from, to));
  }

  get rows(): Rows {
    return { ids: this.ids, times: this.times, columns: this.columns };
  }

  append(other: Rows, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.#take(other, at);
  }

  pick(other: Rows, indexes: readonly number[]): void {
    for (const at of indexes) this.#take(other, at);
  }

  /** Rows [from, to) of others and fresh ones, in order of (timestamp, id). */
  merge(other: Rows, from: number, to: number, fresh: readonly FreshRow[]): void {
    let at = from;
    for (const row of fresh) {
      while (at < to && isBefore(other, at, row)) this.#take(other, at++);
      this.ids.push(row.id);
      this.times.push(row.time);
      for (const [index, column] of this.columns.entries()) column.push(row.cells[index] ?? 'null');
    }
    this.append(other, at, to);
  }

  #take(other: Rows, at: number): void {
    this.ids.push(other.ids[at] ?? Number.NaN);
    this.times.push(other.times[at] ?? Number.NaN);
    for (const [index, column] of this.columns.entries()) column.push(other.columns[index]?.[at] ?? 'null');
  }
}

function isBefore({ ids, times }: Rows, at: number, { id, time }: FreshRow): boolean {
  const own = times[at] ?? 0;
  return own === time ? (ids[at] ?? 0) < id : own < time;
}
