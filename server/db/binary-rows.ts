/**
 * Reads rows in PostgreSQL's binary form. The driver reads results as text, in which bytes take a third more and most of the
 * time of a long history; the one binary thing that it hands on unread is the data of a COPY.
 */
import pg from 'pg';
import type { Queryable } from './queryable.ts';

/** One row: the bytes of each column as its type's send function writes them, null for SQL null. */
export type BinaryCells = readonly (Buffer | null)[];

/** A value that can be bound: in place of `$1`, as a literal whose type PostgreSQL infers as it would a parameter's. */
export type Bound = string | number | null | readonly (string | number | null)[];

/** PGCOPY\n\377\r\n\0, then 32 bits of flags and the length of an extension. */
const HEADER_BYTES = 19;
const NO_CELL = -1;
const END_OF_ROWS = -1;

/** A query whose rows come as the data of a COPY. The driver calls `handleCopyData` with each piece. */
class CopyOut extends pg.Query {
  readonly #pieces: Buffer[] = [];

  /** The driver reads into the same buffer again, so what is kept is a copy. */
  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#pieces.push(Buffer.from(chunk));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/**
 * Runs a query and answers its rows in binary form.
 *
 * @param client one connection: a pool would wait for a callback that it is not given.
 * @param values in place of `$1`, `$2` ... in order, for a COPY takes no parameters.
 */
export function readBinary(
  client: Queryable,
  text: string,
  values: readonly Bound[] = [],
): Promise<readonly BinaryCells[]> {
  const literals = values.map(literal);
  const bound = text.replace(/\$(\d+)/g, (_, number: string) => literals[Number(number) - 1] ?? `$${number}`);
  const read = new Promise<Buffer>((resolve, reject) => {
    const query = new CopyOut(`copy (${bound}) to stdout (format binary)`, (error) => {
      if (error == null) resolve(query.bytes());
      else reject(error);
    });
    client.query(query);
  });
  return read.then(rowsOf);
}

/** The elements of a one-dimensional array, as `array_send` writes it. */
export function arrayCells(cell: Buffer): BinaryCells {
  const isEmpty = cell.readInt32BE(0) === 0;
  const count = isEmpty ? 0 : cell.readInt32BE(12);
  return cellsFrom(cell, isEmpty ? 12 : 20, count).cells;
}

/** The text of a cell of a text type; null stays null. */
export function textCell(cell: Buffer | null | undefined): string | null {
  return cell == null ? null : cell.toString('utf8');
}

function rowsOf(bytes: Buffer): readonly BinaryCells[] {
  const rows: BinaryCells[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const count = bytes.readInt16BE(at);
    if (count === END_OF_ROWS) return rows;
    const { cells, end } = cellsFrom(bytes, at + 2, count);
    rows.push(cells);
    at = end;
  }
}

/** Cells of which each has its length before it. */
function cellsFrom(bytes: Buffer, start: number, count: number): { cells: (Buffer | null)[]; end: number } {
  const cells: (Buffer | null)[] = [];
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length === NO_CELL) cells.push(null);
    else {
      cells.push(bytes.subarray(at, at + length));
      at += length;
    }
  }
  return { cells, end: at };
}

function literal(value: Bound): string {
  if (value === null) return 'null';
  if (typeof value === 'string' || typeof value === 'number') return pg.escapeLiteral(String(value));
  return `array[${value.map(literal).join(', ')}]`;
}
