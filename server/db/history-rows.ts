/**
 * Reads a key's rows newest first, in pages that each stand alone: no connection is held while a slow client takes what
 * was read, and a page is as large as a megabyte of rows is.
 */
import type { StreamRow } from '../../shared/rows.ts';
import { rowCodec } from '../../shared/rows.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { historyQueries } from './history-sql.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readCells } from './queryable.ts';

/** Which rows: those of `key` whose timestamp is at or after `from` (epoch ms; there is no later bound), at most `limit`. */
export interface RowsRequest {
  readonly key: string;
  readonly from: number;
  readonly limit: number;
}

const FIRST_PAGE_ROWS = 100;
const PAGE_ROWS = 2_000;
const PAGE_CHARACTERS = 1_048_576;
/** Where the id stands behind the exact timestamp. */
const ID_AT = 1;

/** The rows in order of (timestamp, id), newest first, whole documents included; a page at a time. */
export async function* newestRows(
  db: Queryable,
  stream: StreamDeclaration,
  { key, from, limit }: RowsRequest,
): AsyncGenerator<readonly StreamRow[]> {
  const { page, nextPage } = historyQueries(stream);
  const codec = rowCodec(stream);
  let left = limit;
  let size = FIRST_PAGE_ROWS;
  let last: Cells | undefined;
  while (left > 0) {
    const wanted = Math.min(size, left);
    const rows: readonly Cells[] =
      last === undefined
        ? await readCells(db, { text: page }, [key, from, wanted])
        : await readCells(db, { text: nextPage }, [key, from, wanted, last[0], last[ID_AT]]);
    yield rows.flatMap((cells) => codec.parse(cells.slice(1)) ?? []);
    last = rows.at(-1);
    if (rows.length < wanted || last === undefined) return;
    left -= rows.length;
    size = Math.min(PAGE_ROWS, Math.max(1, Math.floor((PAGE_CHARACTERS * rows.length) / charactersOf(rows))));
  }
}

function charactersOf(rows: readonly Cells[]): number {
  let characters = 1;
  for (const row of rows) for (const cell of row) characters += cell?.length ?? 0;
  return characters;
}
