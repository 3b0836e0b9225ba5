/** Looks at rows as writers leave them: dated in the future, without a cursor value, changed after they were written. */
import * as z from 'zod';
import { quoteIdentifier } from '../../../shared/columns.ts';
import { CURSOR_COLUMN, ID_COLUMN, STREAMS, type StreamDeclaration, type StreamName } from '../../../shared/streams.ts';
import type { Catalogue, TableFacts } from '../catalogue.ts';
import { newestTime } from '../history-rows.ts';
import type { Inspection } from '../inspect.ts';
import { errorCode, type Queryable } from '../queryable.ts';

/** What was found in one stream's table. */
export interface RowFacts {
  readonly stream: StreamName;
  /** As in SQL: schema and table. */
  readonly place: string;
  /** Epoch ms of the newest row, whatever it is dated; null without rows, or where it took too long to find. */
  readonly newest: number | null;
  /** The database's clock, epoch ms. */
  readonly now: number;
  /**
   * Rows without a cursor value among the newest ones by id, that were written after the first row with one: the server
   * never delivers those. `afterId` is that first row's.
   */
  readonly uncounted: { readonly rows: number; readonly afterId: string } | null;
  /** Rows that were updated and deleted since the database counts, those by the dashboard among them. */
  readonly updated: number;
  readonly deleted: number;
  /** What took too long to find out, in words that end "whether ...". */
  readonly leftOut: readonly string[];
}

/** How many rows are looked through for cursor values. */
const NEWEST_ROWS = 10_000;
/** How long a look at rows may take. */
export const ROWS_TIMEOUT_MS = 10_000;
const QUERY_CANCELED = '57014';

const changesRow = z.object({ now: z.number(), updated: z.number(), deleted: z.number() });
const uncountedRow = z.object({ rows: z.number(), after: z.string() });

/** Reads the facts of every stream that can work. A table where that takes long is looked at in part. */
export async function readRowFacts(
  db: Queryable,
  catalogue: Catalogue,
  inspection: Inspection,
): Promise<readonly RowFacts[]> {
  const facts: RowFacts[] = [];
  for (const { stream, problems, cursorIndex } of inspection.streams) {
    const table = catalogue.streams.find((found) => found.stream === stream)?.table ?? null;
    if (problems.length > 0 || table === null) continue;
    const declaration = STREAMS[stream];
    const leftOut: string[] = [];
    const inTime = async <T>(question: string, look: () => Promise<T | null>): Promise<T | null> => {
      const answer = await bounded(db, look);
      if (answer === 'late') leftOut.push(question);
      return answer === 'late' ? null : answer;
    };
    const newest = await inTime('whether rows are dated in the future', () => newestTime(db, declaration));
    const uncounted =
      cursorIndex && hasIdIndex(table)
        ? await inTime(`whether rows have no ${CURSOR_COLUMN}`, () => readUncounted(db, declaration))
        : null;
    const place = `${table.schema}.${declaration.table}`;
    facts.push({ stream, place, newest, uncounted, ...(await readChanges(db, table)), leftOut });
  }
  return facts;
}

/** The answer of a look that may take long. */
async function bounded<T>(db: Queryable, look: () => Promise<T>): Promise<T | 'late'> {
  await db.query(`begin read only; set local statement_timeout = ${ROWS_TIMEOUT_MS}`);
  try {
    return await look();
  } catch (error) {
    if (errorCode(error) === QUERY_CANCELED) return 'late';
    throw error;
  } finally {
    await db.query('rollback');
  }
}

/** Without such an index the newest rows by id are only found by reading all of them. */
function hasIdIndex({ indexes }: TableFacts): boolean {
  return indexes.some(
    ({ valid, predicate, keys }) => valid && predicate === null && keys[0]?.column === ID_COLUMN.name,
  );
}

async function readUncounted(db: Queryable, { table }: StreamDeclaration): Promise<RowFacts['uncounted']> {
  const [name, cursor] = [quoteIdentifier(table), quoteIdentifier(CURSOR_COLUMN)];
  const { rows } = await db.query(
    `with first as (select id from ${name} where ${cursor} is not null order by ${cursor}, id limit 1),
       newest as (select id, ${cursor} from ${name} order by id desc limit ${NEWEST_ROWS})
     select count(*)::float8 as rows, first.id::text as after from first join newest on newest.id > first.id
     where newest.${cursor} is null group by first.id`,
  );
  const found = uncountedRow.safeParse(rows[0]);
  return found.success ? { rows: found.data.rows, afterId: found.data.after } : null;
}

/** The database's own counts, those of partitions and chunks added up. */
async function readChanges(
  db: Queryable,
  { oid }: TableFacts,
): Promise<{ readonly now: number; readonly updated: number; readonly deleted: number }> {
  const { rows } = await db.query(
    `with recursive parts (oid) as (
       select $1::oid union all select i.inhrelid from pg_inherits i join parts on i.inhparent = parts.oid)
     select (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
       coalesce(sum(n_tup_upd), 0)::float8 as updated, coalesce(sum(n_tup_del), 0)::float8 as deleted
     from parts left join pg_stat_all_tables s on s.relid = parts.oid`,
    [oid],
  );
  return changesRow.parse(rows[0]);
}
