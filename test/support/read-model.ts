/** What the reader of history gives, said as plainly as can be: from all rows of a stream, one step after the other. */
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import type { ReducedChannel, ReducedLine } from '../../server/feed/reduced.ts';
import { byName } from '../../server/feed/reduced.ts';
import { MINUTE_MS, MINUTES, MINUTES_AHEAD, minutesFrom, minutesShown, windowOf } from '../../server/feed/window.ts';
import { encodeCell } from '../../shared/columns.ts';
import { bucketStart } from '../../shared/m4.ts';
import { keeperOf } from '../../shared/reduce.ts';
import type { StreamRow } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';

interface Line {
  readonly name: string | null;
  readonly rows: readonly StreamRow[];
  readonly reduced: boolean;
}

/** Keys with rows in the range of a request, in order; those that it names, where it names any. */
export function readKeys(
  rows: readonly StreamRow[],
  { keys, range, resolution, now }: SnapshotRequest,
): readonly string[] {
  const from = range.kind === 'latest' ? Number.NEGATIVE_INFINITY : windowOf(now, range.ms, resolution).from;
  return keys ?? [...new Set(rows.flatMap(({ key, time }) => (time >= from ? [key] : [])))].sort();
}

/** One channel; `margins` as the reader understands it, which are for windows. */
export function readChannel(
  stream: StreamDeclaration,
  all: readonly StreamRow[],
  key: string,
  { range, resolution, now }: SnapshotRequest,
  margins: boolean,
): ReducedChannel {
  const own = all.filter((row) => row.key === key).sort((a, b) => a.time - b.time || Number(a.id) - Number(b.id));
  const firstMinute = minutesFrom(now);
  const counts = new Array<number>(MINUTES + MINUTES_AHEAD).fill(0);
  for (const { time } of own) {
    const at = Math.floor((time - firstMinute) / MINUTE_MS);
    if (at >= 0 && at < counts.length) counts[at] = (counts[at] ?? 0) + 1;
  }
  const minutes = { from: firstMinute, counts: margins ? counts : minutesShown(counts) };
  const names = [...new Set(own.map(({ series }) => series))].sort(byName);
  const ofLine = (name: string | null): StreamRow[] => own.filter(({ series }) => series === name);
  const arrived = (name: string | null): number | null => arrivedOf(stream, ofLine(name), now, margins);
  if (range.kind === 'latest') {
    const lines = names.map(
      (name): ReducedLine => ({ ...columnsOf(stream, name, ofLine(name).slice(-1)), arrived: arrived(name) }),
    );
    return { key, from: null, to: null, reduced: false, bucketMs: 1, rowsTotal: lines.length, lines, minutes };
  }
  const window = windowOf(now, range.ms, resolution);
  const lines = names.map((name): Line => {
    const rows = ofLine(name).filter(({ time }) => time >= window.edge);
    return { name, rows, reduced: rows.length > window.buckets };
  });
  const reduced = lines.some((line) => line.reduced);
  const from = reduced ? window.edge : window.from;
  const shown = lines
    .map((line) => ({ ...line, rows: line.rows.filter(({ time }) => time >= (margins ? window.edge : from)) }))
    .filter(({ rows }) => rows.length > 0);
  return {
    key,
    from,
    to: now,
    reduced,
    bucketMs: window.bucketMs,
    rowsTotal: shown.reduce((sum, { rows }) => sum + rows.length, 0),
    lines: shown.map(({ name, rows, reduced: isReduced }) => ({
      ...(isReduced ? reduce(stream, name, rows, window.bucketMs) : columnsOf(stream, name, rows)),
      arrived: arrived(name),
    })),
    minutes,
  };
}

type Columns = Omit<ReducedLine, 'arrived'>;

const firstValue = (stream: StreamDeclaration): number => (stream.series === null ? 3 : 4);

function columnsOf(stream: StreamDeclaration, name: string | null, rows: readonly StreamRow[]): Columns {
  return {
    name,
    ids: rows.map(({ id }) => Number(id)),
    times: rows.map(({ time }) => time),
    columns: stream.values.map(({ kind }, index) =>
      rows.map(({ cells }) => encodeCell(kind, cells[firstValue(stream) + index] ?? null)),
    ),
    starts: [],
    counts: [],
    spacingMs: null,
  };
}

function reduce(stream: StreamDeclaration, name: string | null, rows: readonly StreamRow[], bucketMs: number): Columns {
  const column = (value: string): number[] => {
    const at = firstValue(stream) + stream.values.findIndex((declared) => declared.name === value);
    return rows.map(({ cells }) => Number(cells[at] ?? Number.NaN));
  };
  const kept = keeperOf(stream)({ times: rows.map(({ time }) => time), column }, bucketMs);
  const counts = new Map<number, number>();
  for (const { time } of rows) {
    const start = bucketStart(time, bucketMs);
    counts.set(start, (counts.get(start) ?? 0) + 1);
  }
  const keptRows = rows.filter((_, index) => kept.includes(index));
  return { ...columnsOf(stream, name, keptRows), starts: [...counts.keys()], counts: [...counts.values()] };
}

function arrivedOf(
  stream: StreamDeclaration,
  rows: readonly StreamRow[],
  now: number,
  margins: boolean,
): number | null {
  const createdAt = firstValue(stream) + stream.values.length + stream.documents.length;
  const times = rows
    .map(({ cells }) => Number(cells[createdAt] ?? Number.NaN))
    .filter((time) => Number.isFinite(time) && time <= now + 60_000);
  const newest = times.length === 0 ? null : Math.max(...times);
  return newest === null || margins ? newest : Math.min(newest, now);
}
