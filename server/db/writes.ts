/** Writes rows into a stream's table, all of them or none, in one statement: the doorbell rings once. */
import { quoteIdentifier } from '../../shared/columns.ts';
import { type Column, columnsOf, type StreamDeclaration } from '../../shared/streams.ts';
import { type Database, readColumn } from './queryable.ts';

/** A row to be written. */
export interface NewRow {
  /** Microseconds since the epoch; null: the moment of writing. */
  readonly micros: bigint | null;
  /** Text of every other cell by its column's name; null and absent are SQL null. */
  readonly cells: ReadonlyMap<string, string | null>;
}

/** Columns that the database or the dashboard gives. */
const GIVEN = new Set(['id', 'created_at', 'timestamp']);
const TYPES: Readonly<Record<Column['kind'], string>> = {
  integer: 'bigint',
  decimal: 'numeric',
  float: 'double precision',
  text: 'text',
  timestamp: 'timestamptz',
  document: 'jsonb',
};

/**
 * Inserts rows in their order.
 *
 * @returns their ids, in the same order.
 * @throws what PostgreSQL says of rows that the table does not take; nothing is written then.
 */
export async function insertRows(
  db: Pick<Database, 'query'>,
  stream: StreamDeclaration,
  rows: readonly NewRow[],
): Promise<readonly number[]> {
  const columns = columnsOf(stream).filter(({ name }) => !GIVEN.has(name));
  const names = columns.map(({ name }) => quoteIdentifier(name));
  const arrays = columns.map(({ kind }, index) => `$${index + 2}::text[]::${TYPES[kind]}[]`);
  // Without an order of its own a statement might hand the ids out in any.
  const text = `insert into ${quoteIdentifier(stream.table)} ("timestamp", ${names.join(', ')})
    select case when micros is null then now() else timestamptz 'epoch' + micros * interval '1 microsecond' end, ${names.join(', ')}
    from unnest($1::bigint[], ${arrays.join(', ')}) with ordinality as given (micros, ${names.join(', ')}, place)
    order by place
    returning id::text`;
  const values = [
    rows.map(({ micros }) => micros?.toString() ?? null),
    ...columns.map(({ name }) => rows.map(({ cells }) => cells.get(name) ?? null)),
  ];
  const ids = await readColumn(db, { text }, values);
  return ids.map(Number);
}
