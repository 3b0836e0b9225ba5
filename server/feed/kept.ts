/**
 * The history of a channel that is kept for those who ask later: as it was read, brought up to date by the deltas since.
 * What is shown of it at a time is exactly what would be read then, but for how far apart its rows come.
 */
import type { StreamRow } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { KeptLine } from './kept-line.ts';
import { advanceLine, arrivedAt, isThinned, keepLine, lowerBound, type Outgrown } from './kept-line.ts';
import { encodeRows } from './line-text.ts';
import type { ReducedChannel, ReducedLine } from './reduced.ts';
import {
  lastMinutesFrom,
  MINUTE_MS,
  MINUTES,
  MINUTES_AHEAD,
  minutesFrom,
  minutesShown,
  type Window,
} from './window.ts';

/** A channel's history as it stood at `now` (epoch ms). */
export interface KeptChannel {
  readonly key: string;
  readonly now: number;
  readonly window: Window;
  /** By name, the nameless last; also those that only have rows between the edge and the start of the range. */
  readonly lines: readonly KeptLine[];
  /** Rows of each minute from `from` on, those to come as well. */
  readonly minutes: { readonly from: number; readonly counts: readonly number[] };
}

/**
 * Why a channel has to be read anew. `thinned`, `shrunk`: rows are not there that would be shown. `line`: a line has come
 * of whose past nothing is known. `time`: the clock was set back, or it is too long since it was read.
 */
export type Unkept = Outgrown | 'line' | 'time';

/** A channel that was read at `now` with its margins. */
export function keepChannel({ key, lines, minutes }: ReducedChannel, window: Window, now: number): KeptChannel {
  // Of a channel without a single row no minute was looked at.
  const ahead = new Array<number>(MINUTES + MINUTES_AHEAD - minutes.counts.length).fill(0);
  const counts = [...minutes.counts, ...ahead];
  return { key, now, window, lines: lines.map(keepLine), minutes: { from: minutes.from, counts } };
}

/** Whether all is there that it takes to bring a channel up to date later. */
export function isComplete(stream: StreamDeclaration, { lines, window }: KeptChannel): boolean {
  return !lines.some((line) => isThinned(stream, line, window));
}

/**
 * The channel at a later time, with the rows that came meanwhile.
 *
 * @param rows every row of the key that was committed since, in any order.
 */
export function advanceChannel(
  stream: StreamDeclaration,
  channel: KeptChannel,
  rows: readonly StreamRow[],
  window: Window,
  now: number,
): KeptChannel | Unkept {
  const { counts, from } = channel.minutes;
  if (now < channel.now || minutesFrom(now) > lastMinutesFrom(from, counts.length)) return 'time';
  const bySeries = new Map<string | null, StreamRow[]>();
  for (const row of rows) {
    const own = bySeries.get(row.series);
    if (own === undefined) bySeries.set(row.series, [row]);
    else own.push(row);
  }
  const lines: KeptLine[] = [];
  for (const line of channel.lines) {
    const next = advanceLine(stream, line, bySeries.get(line.name) ?? [], window, now);
    if (typeof next === 'string') return next;
    bySeries.delete(line.name);
    if (next.times.length > 0) lines.push(next);
  }
  for (const own of bySeries.values()) if (own.some(({ time }) => time >= window.edge)) return 'line';
  return {
    ...channel,
    now,
    window,
    lines,
    minutes: rows.length === 0 ? channel.minutes : countMinutes(channel.minutes, rows),
  };
}

/** What is seen of a line: its rows from `first` on, and when the newest was written. */
export interface ShownLine {
  readonly line: KeptLine;
  readonly first: number;
  readonly arrived: number | null;
}

/** The lines of a channel that are seen at the time that it stands at, as they are. */
export function shownLines({ lines, window, now }: KeptChannel): readonly ShownLine[] {
  const reduced = lines.some((line) => line.reduced);
  const shown = lines.map((line) => ({
    line,
    first: reduced ? 0 : lowerBound(line.times, window.from),
    arrived: arrivedAt(line, now),
  }));
  return shown.filter(({ line, first }) => first < line.times.length);
}

/** Whether two of one channel look the same. */
export function isSame(some: readonly ShownLine[], others: readonly ShownLine[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ line, first, arrived }, at) => {
      const other = others[at];
      return line === other?.line && first === other.first && arrived === other.arrived;
    })
  );
}

/** The JSON of the rows that are seen of each line, for `encodeBody`. */
export function encodeShown(shown: readonly ShownLine[]): readonly (readonly string[])[] {
  return shown.map(({ line, first }) => encodeRows(line, first, line.text));
}

/** What is seen of a channel at the time that it stands at. */
export function showChannel(channel: KeptChannel, shown: readonly ShownLine[]): ReducedChannel {
  const { key, now, window, minutes } = channel;
  const reduced = shown.some(({ line }) => line.reduced);
  const lines = shown.map(({ line, first, arrived }) => ({ ...cut(line, first), arrived }));
  const first = minutesFrom(now);
  const skipped = (first - minutes.from) / MINUTE_MS;
  const counts = minutesShown(minutes.counts.slice(skipped));
  return {
    key,
    from: reduced ? window.edge : window.from,
    to: now,
    reduced,
    bucketMs: window.bucketMs,
    rowsTotal: shown.reduce((sum, { line, first }) => sum + line.total - first, 0),
    lines,
    minutes: { from: first, counts },
  };
}

/** Whether a channel has rows from the start of its range on; null where what is left of it does not tell. */
export function hasRows({ lines, window }: KeptChannel): boolean | null {
  let unknown = false;
  for (const { times, reduced } of lines) {
    if ((times.at(-1) ?? Number.NEGATIVE_INFINITY) >= window.from) return true;
    // The newest row of a bucket is not kept where it has no value.
    unknown ||= reduced;
  }
  return unknown ? null : false;
}

function cut({ reduced, total, written, text, ...line }: KeptLine, first: number): Omit<ReducedLine, 'arrived'> {
  if (first === 0) return line;
  return {
    ...line,
    ids: line.ids.slice(first),
    times: line.times.slice(first),
    columns: line.columns.map((column) => column.slice(first)),
  };
}

function countMinutes({ from, counts }: KeptChannel['minutes'], rows: readonly StreamRow[]): KeptChannel['minutes'] {
  const counted = [...counts];
  for (const { time } of rows) {
    const at = Math.floor((time - from) / MINUTE_MS);
    if (at >= 0 && at < counted.length) counted[at] = (counted[at] ?? 0) + 1;
  }
  return { from, counts: counted };
}
