/** Says of each table that the dashboard declares as its own whether retention may delete rows from it, and if not, why. */
import * as z from 'zod';
import { STREAM_LIST, STREAMS, type StreamName } from '../../shared/streams.ts';
import { type Catalogue, cursorColumnState, OWN_SCHEMA, type StreamFacts, type TableFacts } from './catalogue.ts';
import { declaredIndexes, serves } from './indexes.ts';
import type { Queryable } from './queryable.ts';

/** What is known of the rights and notes that retention goes by. */
export interface RetentionFacts {
  /** Whether the note of the tables that migrations made is there and can be read. */
  readonly noted: boolean;
  /** Oids of those tables. */
  readonly madeTables: ReadonlySet<number>;
  /** Whether the current role may change the tables of the rollups. */
  readonly rollupsWritable: boolean;
  /** Streams whose tables the current role may delete from. */
  readonly deletable: ReadonlySet<StreamName>;
}

/** Whether retention works on a stream's table; where not, why, and what would mend it. */
export type RetentionVerdict =
  | { readonly stream: StreamName; readonly works: true }
  | { readonly stream: StreamName; readonly works: false; readonly reason: string; readonly mend: string };

const factsRow = z.object({
  made_visible: z.boolean(),
  rollups_writable: z.boolean(),
  deletable: z.array(z.string()),
});
const madeRows = z.array(z.object({ oid: z.number() }));

const FACTS_QUERY = `
  select coalesce(has_table_privilege(to_regclass('${OWN_SCHEMA}.made_tables'), 'select'), false) as made_visible,
    coalesce(has_table_privilege(to_regclass('${OWN_SCHEMA}.rollups'), 'select, delete')
      and has_table_privilege(to_regclass('${OWN_SCHEMA}.rollup_rewrites'), 'insert'), false) as rollups_writable,
    array(select name from unnest($1::text[]) name
      where has_table_privilege(to_regclass(quote_ident(name)), 'delete')) as deletable
  where coalesce(has_schema_privilege(to_regnamespace('${OWN_SCHEMA}')::oid, 'usage'), false)`;

/** The streams whose tables may be the dashboard's. */
export const OWNED_STREAMS: readonly StreamName[] = STREAM_LIST.filter(({ owned }) => owned).map(({ name }) => name);

/** Reads what retention goes by. A role without rights on the dashboard's schema is answered that it knows of nothing. */
export async function readRetentionFacts(db: Queryable): Promise<RetentionFacts> {
  const { rows } = await db.query(FACTS_QUERY, [OWNED_STREAMS.map((name) => STREAMS[name].table)]);
  const found = factsRow.safeParse(rows[0]);
  if (!found.success || !found.data.made_visible) {
    return { noted: false, madeTables: new Set(), rollupsWritable: false, deletable: new Set() };
  }
  const made = await db.query(`select table_oid::bigint::float8 as oid from ${OWN_SCHEMA}.made_tables`);
  const { deletable, rollups_writable } = found.data;
  return {
    noted: true,
    madeTables: new Set(madeRows.parse(made.rows).map(({ oid }) => oid)),
    rollupsWritable: rollups_writable,
    deletable: new Set(OWNED_STREAMS.filter((name) => deletable.includes(STREAMS[name].table))),
  };
}

/** Judges each table that is declared as the dashboard's own and exists. */
export function retentionVerdicts(
  { server, streams }: Catalogue,
  facts: RetentionFacts,
  days: number,
): readonly RetentionVerdict[] {
  return OWNED_STREAMS.flatMap((name): RetentionVerdict[] => {
    const table = streams.find(({ stream }) => stream === name)?.table ?? null;
    if (table === null) return [];
    const fault = faultOf(name, table, facts, { days, role: server.role });
    return [fault === null ? { stream: name, works: true } : { stream: name, works: false, ...fault }];
  });
}

function faultOf(
  name: StreamName,
  table: NonNullable<StreamFacts['table']>,
  facts: RetentionFacts,
  { days, role }: { readonly days: number; readonly role: string },
): { readonly reason: string; readonly mend: string } | null {
  const stream = STREAMS[name];
  const place = `${table.schema}.${stream.table}`;
  if (table.hypertable) {
    return {
      reason: `${stream.table} is a hypertable, whose chunks TimescaleDB itself drops whole`,
      mend: `select add_retention_policy('${place}', interval '${days} days')`,
    };
  }
  if (table.relkind !== 'r') {
    return {
      reason: `${stream.table} is no plain table; its old partitions are dropped by whoever makes the new ones`,
      mend: `alter table ${place} detach partition NAME concurrently; drop table NAME`,
    };
  }
  if (!facts.noted) {
    return {
      reason: `the role ${role} cannot read which tables the dashboard made`,
      mend: `npm run migrate, then: grant usage on schema ${OWN_SCHEMA} to ${role}; grant select on ${OWN_SCHEMA}.made_tables to ${role}`,
    };
  }
  if (!facts.madeTables.has(table.oid)) {
    return {
      reason: `the dashboard did not make ${place}: it was there before, or comes from a dump`,
      mend: `where its old rows are the dashboard's to delete: ${adoptTable(table.schema, stream.table)}`,
    };
  }
  if (!facts.deletable.has(name)) {
    return {
      reason: `the role ${role} may not delete from ${place}`,
      mend: `grant select, delete on ${place} to ${role}`,
    };
  }
  if (!facts.rollupsWritable) {
    return {
      reason: `the role ${role} may not change the rollups, which have to go together with the rows`,
      mend: `grant usage on schema ${OWN_SCHEMA} to ${role}; grant select, insert, update, delete on all tables in schema ${OWN_SCHEMA} to ${role}`,
    };
  }
  return missingParts(name, table);
}

/** What every batch reads by: without it each would read the whole table. */
function missingParts(name: StreamName, table: TableFacts): { readonly reason: string; readonly mend: string } | null {
  const stream = STREAMS[name];
  const [declared] = declaredIndexes(stream);
  if (declared === undefined) throw new Error(`${name} declares no index`);
  // Of the declared index the first two columns: the key and the time. An older one that has no more does as well.
  const needed = { ...declared, keys: declared.keys.slice(0, 2), included: [] };
  if (!table.indexes.some((index) => serves(index, needed))) {
    const columns = needed.keys.map(({ column }) => column).join(', ');
    return { reason: `${stream.table} has no index on (${columns})`, mend: 'npm run migrate' };
  }
  if (cursorColumnState(table) !== 'ready') {
    return {
      reason: `${stream.table} has no cursor column, by which a row that has just arrived is told from an old one`,
      mend: 'npm run migrate',
    };
  }
  return null;
}

/** SQL that says that a table is the dashboard's, as the migration that makes it does. */
function adoptTable(schema: string, table: string): string {
  return (
    `insert into ${OWN_SCHEMA}.made_tables (schema_name, table_name, table_oid) ` +
    `values ('${schema}', '${table}', '${schema}.${table}'::regclass) ` +
    'on conflict (schema_name, table_name) do update set table_oid = excluded.table_oid'
  );
}
