/**
 * Reads a stream's rows newest first, in pages that each stand alone: no connection and no snapshot is held while a slow
 * client takes what was read. A page goes on below the place of the last row, so that a row which was there when reading
 * began comes exactly once, whatever is written meanwhile.
 */
import { quoteIdentifier } from '../../shared/columns.ts';
import type { StreamRow } from '../../shared/rows.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { historyQueries } from './history-sql.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readCell, readCells } from './queryable.ts';
import {
  BY_TIME,
  type Edge,
  type Magnitude,
  newestQuery,
  pageQuery,
  type RowPlace,
  type RowsScope,
} from './rows-sql.ts';
import { listKeys } from './symbols.ts';

/** Which rows, newest first by (timestamp, id). */
export interface RowsRequest {
  /** Null: of every key. */
  readonly key: string | null;
  /** Null: of every series. */
  readonly series: string | null;
  /** Epoch ms, a fraction carries microseconds; the rows at or after it. Null: from the beginning. */
  readonly from: number | null;
  /** The rows before it, or below the place of a row. Null: to the end, rows dated in the future included. */
  readonly below: Edge | null;
  readonly magnitude?: Magnitude | undefined;
  /** Most rows; null: all of them. Rows of one place stay together, so that they may be a few more. */
  readonly limit: number | null;
}

/** Rows of a page at most, where documents are small. */
const PAGE_ROWS = 2000;
/** What a page's documents take in the table at most. */
const DOCUMENT_BYTES = 1_048_576;
/** From this number of ranges of an index on, reading as many rows of each as are wanted of all would be a waste. */
const FEW_RANGES = 8;
/** As many rows a page for every range where there are many: so that looking into a range that has none is worth it. */
const ROWS_A_RANGE = 3;
const MOST_PAGE_ROWS = 10_000;
/** Slices of time: the first is this long, each that held too little leads to one that is longer. */
const FIRST_SLICE_MS = 1000;
const MOST_GROWTH = 16;
/** A slice that would be longer takes all that is left. */
const LONGEST_SLICE_MS = 365 * 86_400_000;
/** The next slice is to hold a page; a little more, because rows are not spread evenly. */
const MARGIN = 1.2;

/** The rows in order of (timestamp, id), newest first, whole documents included; a page at a time, none of them empty. */
export async function* newestRows(
  db: Queryable,
  stream: StreamDeclaration,
  request: RowsRequest,
): AsyncGenerator<readonly StreamRow[]> {
  const codec = rowCodec(stream);
  const way = await wayOf(db, stream, request);
  for await (const rows of pagesOf(db, stream, way, request)) {
    const parsed = rows.flatMap((cells) => codec.parse(cells) ?? []);
    if (parsed.length > 0) yield parsed;
  }
}

/** Epoch ms of a stream's newest row, by an index where there is one; null without rows. */
export async function newestTime(db: Queryable, stream: StreamDeclaration): Promise<number | null> {
  const { scope } = await wayOf(db, stream, { key: null, series: null });
  return topOf(db, stream, scope, null);
}

/** Where a row stands in the order of its stream. */
export function placeOf(row: Pick<StreamRow, 'id' | 'cells'>): RowPlace {
  return { micros: microsOf(row.cells[1] ?? ''), id: BigInt(row.id) };
}

/** `1768480220123.456000` -> microseconds since the epoch. A number of JavaScript would be short of digits in far years. */
export function microsOf(epochMs: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(epochMs);
  const [, sign, whole, fraction = ''] = match ?? [];
  if (whole === undefined) throw new TypeError(`${epochMs} is no time in epoch ms`);
  const micros = BigInt(whole) * 1000n + BigInt(fraction.slice(0, 3).padEnd(3, '0'));
  return sign === '-' ? -micros : micros;
}

/** How rows are read. */
interface Way {
  readonly scope: RowsScope;
  /** Whether reading begins with a short slice of time, because a page of all time would be far to seek. */
  readonly sliced: boolean;
  /** Rows of a page, where documents are small. */
  readonly pageRows: number;
}

/** The ranges of indexes that hold the rows that are asked for. */
async function wayOf(
  db: Queryable,
  stream: StreamDeclaration,
  { key, series }: Pick<RowsRequest, 'key' | 'series'>,
): Promise<Way> {
  const [[indexed, parted] = []] = await readCells(db, { text: BY_TIME }, [quoteIdentifier(stream.table)]);
  const [timed, chunked] = [indexed === 'true', parted === 'true'];
  // In a table of many parts the list of its keys alone takes seconds; a slice of time is a part or a few.
  if (key === null && (chunked || (timed && series === null))) {
    return { scope: { kind: 'table', series }, sliced: !timed || series !== null, pageRows: PAGE_ROWS };
  }
  const scope = await rangesOf(db, stream, { key, series });
  const ranges = scope.kind === 'keys' ? scope.keys.length : scope.lines.length;
  const pageRows = Math.min(MOST_PAGE_ROWS, Math.max(PAGE_ROWS, ROWS_A_RANGE * ranges));
  return { scope, sliced: chunked || ranges > FEW_RANGES, pageRows };
}

async function rangesOf(
  db: Queryable,
  stream: StreamDeclaration,
  { key, series }: Pick<RowsRequest, 'key' | 'series'>,
): Promise<Exclude<RowsScope, { kind: 'table' }>> {
  const queries = historyQueries(stream);
  const keys = key === null ? await listKeys(db, stream) : [key];
  if (!queries.lineByLine) return { kind: 'keys', keys, series };
  if (series !== null) return { kind: 'lines', lines: keys.map((name) => ({ key: name, series })) };
  const lines = await readCells(db, { text: queries.lines }, [keys]);
  return {
    kind: 'lines',
    lines: lines.flatMap(([name, line]) => (name == null ? [] : [{ key: name, series: line ?? null }])),
  };
}

/** Rows as they were read, and whether there were more within the bounds of the query. */
interface Page {
  readonly rows: readonly Cells[];
  readonly more: boolean;
}

type Bounds = Pick<RowsRequest, 'from' | 'below' | 'magnitude'>;

async function readPage(
  db: Queryable,
  stream: StreamDeclaration,
  scope: RowsScope,
  bounds: Bounds,
  rows: number,
): Promise<Page> {
  const { text, values } = pageQuery(stream, { scope, ...bounds, rows, documentBytes: DOCUMENT_BYTES });
  const found = await readCells(db, { text }, values);
  const count = Number(found[0]?.[0] ?? 0);
  return { rows: found.map((cells) => cells.slice(1)), more: count > found.length || count >= rows };
}

/**
 * The pages of a scope, slice of time by slice of time, each about as long as makes a page. So a page costs one look into
 * each range and the rows that it has, however many there are of each and however the planner reads them, and it touches
 * the chunks of its slice alone. The first slice of few ranges is all the time there is: it is one page of each at most.
 */
async function* pagesOf(
  db: Queryable,
  stream: StreamDeclaration,
  { scope, sliced, pageRows }: Way,
  { from, below, limit, magnitude }: RowsRequest,
): AsyncGenerator<readonly Cells[]> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  let edge = below;
  /** At or above everything that is left, in epoch ms; null where nothing is. */
  let top = sliced ? await topOf(db, stream, scope, edge) : Number.POSITIVE_INFINITY;
  let slice = sliced ? FIRST_SLICE_MS : Number.POSITIVE_INFINITY;
  while (left > 0 && top !== null) {
    const wanted = Math.min(pageRows, left);
    const all = slice > LONGEST_SLICE_MS || top - slice <= (from ?? Number.NEGATIVE_INFINITY);
    const least: number | null = all ? from : top - slice;
    const { rows, more } = await readPage(db, stream, scope, { from: least, below: edge, magnitude }, wanted);
    const first = placeIn(rows.at(0));
    const last = placeIn(rows.at(-1));
    if (first !== null && last !== null) yield rows;
    left -= rows.length;
    if (more && first !== null && last !== null) {
      edge = { place: last };
      top = millis(last);
      slice = Math.max(1, ((millis(first) - top) * pageRows * MARGIN) / rows.length);
    } else if (all || least === null) {
      return;
    } else {
      edge = { ms: least };
      top = least;
      slice *= Math.min(MOST_GROWTH, Math.max(1, (pageRows * MARGIN) / Math.max(1, rows.length)));
    }
  }
}

/** Epoch ms at or above the newest row below an edge; null where there is none. */
async function topOf(
  db: Queryable,
  stream: StreamDeclaration,
  scope: RowsScope,
  below: Edge | null,
): Promise<number | null> {
  if (below !== null && 'place' in below) return millis(below.place);
  // Of any series where the index does not tell them apart: the newest of a rare one could be far to seek.
  const sought: RowsScope = scope.kind === 'lines' ? scope : { ...scope, series: null };
  const { text, values } = newestQuery(stream, { scope: sought, below });
  const newest = await readCell(db, { text }, values);
  return newest === null ? null : Number(newest);
}

function placeIn(cells: Cells | undefined): RowPlace | null {
  return cells?.[0] == null ? null : placeOf({ id: cells[0], cells });
}

function millis({ micros }: RowPlace): number {
  return Number(micros) / 1000;
}
