/** Holds what is served against M4 of all the rows, cell by cell, as text. */
import type pg from 'pg';
import { z } from 'zod';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import { encodeCell, selectExpression } from '../../shared/columns.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAMS, type StreamDeclaration, TIME_COLUMN } from '../../shared/streams.ts';
import { type Case, rangeMs, type Snapshots } from './cases.ts';

const body = z.object({
  from: z.number(),
  reduced: z.boolean(),
  bucket_ms: z.number().nullable(),
  rows_total: z.number(),
  series: z.array(z.object({ name: z.string().nullable(), columns: z.record(z.string(), z.array(z.unknown())) })),
});

/** A row as the JSON texts of its time and values. */
type Row = readonly string[];

/** What the comparison came to. */
export interface Comparison {
  /** Rows of the table that were looked at. */
  readonly rows: number;
  /** Rows that were served. */
  readonly served: number;
  readonly differences: readonly string[];
}

/** Compares snapshots with the rows that the same transaction sees. */
export async function compare(
  client: pg.Client,
  { stream: name }: Case,
  request: SnapshotRequest,
  served: Snapshots,
): Promise<Comparison> {
  const stream = STREAMS[name];
  const differences: string[] = [];
  let [rowsSeen, rowsServed] = [0, 0];
  for (const [key, text] of served) {
    const snapshot = body.parse(JSON.parse(`{${text}`));
    const say = (what: string): void =>
      void differences.push(`${name} ${key} ${rangeMs(request) / 3_600_000} h: ${what}`);
    if (snapshot.from > request.now - rangeMs(request)) say(`begins at ${snapshot.from}, within the range`);
    const lines = await linesSince(client, stream, key, snapshot.from);
    const total = [...lines.values()].reduce((sum, rows) => sum + rows.length, 0);
    rowsSeen += total;
    if (total !== snapshot.rows_total) say(`${snapshot.rows_total} rows in all, and not ${total}`);
    if (lines.size !== snapshot.series.length) say(`${snapshot.series.length} lines, and not ${lines.size}`);
    for (const series of snapshot.series) {
      const all = lines.get(series.name) ?? [];
      const got = rowsOf(stream, series.columns);
      rowsServed += got.length;
      // A line of few rows is sent as it is, also beside one that is reduced.
      const isWhole = got.length === all.length;
      const due = isWhole || snapshot.bucket_ms === null ? all : reduce(stream, all, snapshot.bucket_ms);
      if (!isWhole && !snapshot.reduced) say(`line ${series.name} is not whole, and nothing says so`);
      const at = firstDifference(got, due);
      if (at !== null) say(`line ${series.name}, row ${at}: ${got[at]?.join(' ')} in place of ${due[at]?.join(' ')}`);
    }
  }
  return { rows: rowsSeen, served: rowsServed, differences };
}

/** Keys whose snapshots are not byte for byte the same. */
export function differing(a: Snapshots, b: Snapshots): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}

async function linesSince(
  client: pg.Client,
  stream: StreamDeclaration,
  key: string,
  from: number,
): Promise<ReadonlyMap<string | null, readonly Row[]>> {
  const columns = [TIME_COLUMN, ...stream.values];
  const { rows } = await client.query<(string | null)[]>({
    text: `select ${stream.series?.name ?? 'null'}::text, ${columns.map((column) => selectExpression(column)).join(', ')}
      from ${stream.table} where ${stream.key.name} = $1 and "timestamp" >= to_timestamp($2::float8 / 1000)
      and "timestamp" < 'infinity' order by "timestamp", id`,
    values: [key, from],
    rowMode: 'array',
    types: { getTypeParser: () => (text: string) => text },
  });
  const lines = new Map<string | null, Row[]>();
  for (const [series = null, ...cells] of rows) {
    const row = columns.map(({ kind }, index) => encodeCell(kind, cells[index] ?? null));
    const line = lines.get(series);
    if (line === undefined) lines.set(series, [row]);
    else line.push(row);
  }
  return lines;
}

function reduce(stream: StreamDeclaration, rows: readonly Row[], bucketMs: number): readonly Row[] {
  const place = new Map([TIME_COLUMN, ...stream.values].map(({ name }, index) => [name, index]));
  const column = (name: string): Float64Array => {
    const at = place.get(name) ?? -1;
    // JSON's null is no number, and what JSON has no number for is a text in quotes: NaN, both of them.
    return Float64Array.from(rows, (row) => (row[at] === 'null' ? Number.NaN : Number(row[at])));
  };
  const kept = keeperOf(stream)({ times: column(TIME_COLUMN.name), column }, bucketMs);
  return kept.map((index) => rows[index] ?? []);
}

function rowsOf(stream: StreamDeclaration, columns: Readonly<Record<string, readonly unknown[]>>): readonly Row[] {
  const names = [TIME_COLUMN, ...stream.values].map(({ name }) => columns[name] ?? []);
  return (names[0] ?? []).map((_, index) => names.map((cells) => JSON.stringify(cells[index] ?? null)));
}

/** Index of the first row that differs, by the numbers that its texts stand for; null where none does. */
function firstDifference(a: readonly Row[], b: readonly Row[]): number | null {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [a[at], b[at]];
    if (left === undefined || right === undefined) return at;
    if (
      left.some((cell, index) => cell !== right[index] && JSON.stringify(JSON.parse(right[index] ?? 'null')) !== cell)
    ) {
      return at;
    }
  }
  return null;
}
