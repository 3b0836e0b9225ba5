/**
 * Whether a part of a table was truncated or rewritten since the snapshot of a transaction. TRUNCATE, and TimescaleDB where it
 * compresses a chunk, take a part's rows away from snapshots that are older too: such a snapshot sees neither the rows nor
 * what they became. Whoever asks once it holds a lock on every part (which any statement on them takes, and a transaction
 * keeps) knows for the rest of the transaction.
 */
import { quoteIdentifier } from '../../shared/columns.ts';
import { CodedError } from '../errors.ts';
import { type Queryable, readCell } from './queryable.ts';

/**
 * pg_class is read by the snapshot; pg_relation_filenode tells what is there now, null where the part is gone. Parts that have
 * parts in turn, and foreign ones, have no file of their own.
 */
const TRUNCATED = `with recursive parts(part) as (
    select inhrelid from pg_inherits where inhparent = to_regclass($1)
    union all select i.inhrelid from parts p join pg_inherits i on i.inhparent = p.part)
  select exists (
    select from parts join pg_class c on c.oid = part
    where c.relkind = 'r' and c.relfilenode is distinct from pg_relation_filenode(c.oid))::text`;

/**
 * Refuses to go on in a transaction that does not see all rows of its snapshot.
 *
 * @param client inside a REPEATABLE READ transaction that has read from the table.
 * @throws CodedError `chunk_rewritten`; a new transaction sees them.
 */
export async function requireWhole(client: Queryable, table: string): Promise<void> {
  if ((await readCell(client, { text: TRUNCATED }, [quoteIdentifier(table)])) !== 'true') return;
  throw new CodedError(
    'chunk_rewritten',
    `a chunk of ${table} was compressed or truncated while it was about to be read`,
    {
      value: table,
      mend: 'nothing is to be done: it is read again at once',
    },
  );
}
