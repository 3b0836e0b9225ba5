/**
 * What the rollups give to a window of history: the packs of finished hours, as of the snapshot of the transaction that
 * asks, with the rows that came after them. A pack that is missing is never wrong: its hour is read from the rows.
 */

import type { StreamDeclaration } from '../../../shared/streams.ts';
import type { Snapshot } from '../../feed/ports.ts';
import { parseSnapshot } from '../../feed/position.ts';
import { type BinaryCells, readBinary, textCell } from '../binary-rows.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { DOUBTS_VIEW } from '../migrate/facts.ts';
import type { Cells, Queryable } from '../queryable.ts';
import { readCell, readCells } from '../queryable.ts';
import { lineName } from '../rollup/lines-sql.ts';
import { DATABASE_SQL, sourceSql } from '../rollup/tables.ts';
import type { PackedRows } from './pack.ts';
import { PACK_FORMAT, packRows, unpack } from './pack.ts';
import { nameOf } from './spacings.ts';
import { knowsLines, MOST_AFTER_ROWS, windowQueries } from './window-sql.ts';

export const HOUR_MS = 3_600_000;
/** Widths in seconds of the buckets that packs may have beside those of every row, the cheapest first. */
const WIDTHS = [180, 60, 15];
/** Above this many transactions since the rollups' position, reading the rows after it costs more than the packs save. */
const MOST_AFTER = 200_000n;

/** A range of time in epoch ms, the end not included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is to be read. */
export interface PackWish extends Span {
  /** Series null: the line without a name, or all lines of the key where no index knows them. */
  readonly lines: readonly { readonly key: string; readonly series: string | null }[];
  readonly bucketMs: number;
}

/** What rollups have of one line. */
export interface LinePacks {
  readonly key: string;
  readonly series: string | null;
  /** The packs joined, and the rows after them; in no order between each other. */
  readonly parts: readonly PackedRows[];
  /** Hours that they cover, as epoch ms of their starts. */
  readonly hours: ReadonlySet<number>;
}

/** A row that came after the packs: its cells are id, timestamp and values. */
interface LaterRow {
  readonly key: string;
  readonly series: string | null;
  readonly hour: number;
  readonly cells: Cells;
}

/** Where the rollups of a stream stand in the present snapshot. */
interface RollupState {
  readonly position: string;
  readonly snapshot: Snapshot;
  /** Ranges whose rows were rewritten or dropped since, both ends included. */
  readonly rewrites: readonly Span[];
}

const stateSql = (stream: StreamDeclaration): string => `select s.position, pg_current_snapshot()::text,
    (select string_agg(extract(epoch from from_time) * 1000 || ' ' || extract(epoch from to_time) * 1000, ',')
     from ${OWN_SCHEMA}.${DOUBTS_VIEW} w where w.stream = s.stream)
  from ${OWN_SCHEMA}.rollup_state s
  where s.stream = $1 and s.format = ${PACK_FORMAT} and s.source = ${sourceSql(stream)} and s.database = ${DATABASE_SQL}`;

/** Asked before, because a failed query would end the transaction, and with it the snapshot that history is read in. */
const READABLE = `select case
    when to_regnamespace('${OWN_SCHEMA}') is null
      or not has_schema_privilege(to_regnamespace('${OWN_SCHEMA}')::oid, 'usage') then false
    else (select bool_and(coalesce(has_table_privilege(to_regclass('${OWN_SCHEMA}.' || name), 'select'), false))
      from unnest(array['rollups', 'rollup_state', '${DOUBTS_VIEW}']) name) end::text`;

/**
 * The packs of some lines in a window, for buckets of a width; none where there are none, or none that can be trusted. Of
 * the first hour rows before the window are among them.
 */
export async function readLinePacks(
  client: Queryable,
  stream: StreamDeclaration,
  wish: PackWish,
): Promise<readonly LinePacks[]> {
  const state = await readState(client, stream);
  if (state === null) return [];
  const width = WIDTHS.find((seconds) => wish.bucketMs % (1000 * seconds) === 0);
  const from = Math.floor(wish.from / HOUR_MS) * HOUR_MS;
  const { packs } = windowQueries(stream);
  const bound = [
    stream.name,
    wish.lines.map(({ key }) => key),
    from,
    wish.to,
    width === undefined ? [0] : [0, width],
    ...spans(state.rewrites),
    wish.lines.map(({ series }) => (knowsLines(stream) ? lineName(series) : null)),
  ];
  const lines = linesOf(stream, await readBinary(client, packs, bound));
  const last = lines.reduce((most, { hours }) => Math.max(most, ...hours), Number.NEGATIVE_INFINITY);
  if (lines.length === 0) return [];
  const keys = [...new Set(wish.lines.map(({ key }) => key))];
  const after = await readAfter(client, stream, keys, { from: wish.from, to: last + HOUR_MS }, state);
  if (after === null) return [];
  return lines.map((line) => {
    const own = after.filter(
      ({ key, series, hour }) => key === line.key && series === line.series && line.hours.has(hour),
    );
    return own.length === 0
      ? line
      : {
          ...line,
          parts: [
            ...line.parts,
            packRows(
              stream,
              own.map(({ cells }) => cells),
            ),
          ],
        };
  });
}

async function readState(client: Queryable, stream: StreamDeclaration): Promise<RollupState | null> {
  if ((await readCell(client, { text: READABLE })) !== 'true') return null;
  const [row] = await readCells(client, { text: stateSql(stream) }, [stream.name]);
  const [position, now, rewrites] = row ?? [];
  if (position == null || now == null) return null;
  const snapshot = parseSnapshot(position);
  if (parseSnapshot(now).xmax - snapshot.xmax > MOST_AFTER) return null;
  return { position, snapshot, rewrites: parseSpans(rewrites ?? null) };
}

/** The rows of packed hours that the packs do not count yet; null where they are too many. */
async function readAfter(
  client: Queryable,
  stream: StreamDeclaration,
  keys: readonly string[],
  { from, to }: Span,
  { position, snapshot }: RollupState,
): Promise<readonly LaterRow[] | null> {
  const { after } = windowQueries(stream);
  const running = snapshot.running.map(String);
  const rows = await readCells(client, { text: after }, [keys, from, to, position, running, String(snapshot.xmax)]);
  if (rows.length > MOST_AFTER_ROWS) return null;
  return rows.map(([key, series, ...cells]) => ({
    key: key ?? '',
    series: series ?? null,
    hour: Math.floor(Number(cells[1]) / HOUR_MS) * HOUR_MS,
    cells,
  }));
}

/** The lines that packs are of. Those of every row are read apart from a line's others, which alone have buckets. */
function linesOf(stream: StreamDeclaration, rows: readonly BinaryCells[]): readonly LinePacks[] {
  const lines = new Map<
    string,
    { key: string; series: string | null; whole: Buffer[]; kept: Buffer[]; hours: number[] }
  >();
  for (const [keyCell, lineCell, hour, isWhole, columns] of rows) {
    const key = textCell(keyCell) ?? '';
    const line = textCell(lineCell) ?? '';
    const series = line === '' ? null : line.slice(1);
    const name = nameOf(key, series);
    const own = lines.get(name) ?? { key, series, whole: [], kept: [], hours: [] };
    lines.set(name, own);
    if (columns != null) own[textCell(isWhole) === 'true' ? 'whole' : 'kept'].push(columns);
    own.hours.push(Number(textCell(hour)) * HOUR_MS);
  }
  return [...lines.values()].map(({ key, series, whole, kept, hours }) => ({
    key,
    series,
    parts: [whole, kept].flatMap((packs) => unpack(stream, packs) ?? []),
    hours: new Set(hours),
  }));
}

/** Two arrays of bounds, as the query of packs takes them. */
function spans(rewrites: readonly Span[]): readonly [readonly number[], readonly number[]] {
  return [rewrites.map(({ from }) => from), rewrites.map(({ to }) => to)];
}

function parseSpans(text: string | null): readonly Span[] {
  if (text === null) return [];
  return text.split(',').map((span) => {
    const [from, to] = span.split(' ');
    return { from: Number(from), to: Number(to) };
  });
}
