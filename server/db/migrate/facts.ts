/** What the migrations plan by: the catalogue, the dashboard's own objects, and what only the tables' rows can tell. */
import * as z from 'zod';
import { STREAM_LIST, STREAMS, type StreamName } from '../../../shared/streams.ts';
import { type Catalogue, cursorColumnState, OWN_SCHEMA, REWRITE_FUNCTION, readCatalogue } from '../catalogue.ts';
import { cursorIndex, serves } from '../indexes.ts';
import { hasForeignCursorValues } from '../inspect.ts';
import type { Queryable } from '../queryable.ts';
import { gateName } from './generate.ts';

const ownRow = z.object({
  owner: z.string().nullable(),
  owned: z.boolean(),
  may_create_schema: z.boolean(),
  may_create_table: z.boolean(),
  relations: z.array(z.string()),
  ring: z.boolean(),
  rewrite: z.boolean(),
});
const appliedRows = z.array(z.object({ name: z.string(), checksum: z.string() }));
const madeRows = z.array(z.object({ schema: z.string(), index: z.string(), concurrently: z.boolean() }));

/** An index that an earlier migration added to a table that was there before. */
export interface MadeIndex {
  readonly schema: string;
  readonly index: string;
  /** Whether it can be dropped without a strong lock: not on hypertables and partitioned tables. */
  readonly concurrently: boolean;
}

/** The dashboard's own objects. */
export interface OwnFacts {
  /** Owner of the dashboard's schema; null where the schema is missing. */
  readonly owner: string | null;
  /** Whether the current role may change what is in that schema. */
  readonly owned: boolean;
  readonly mayCreateSchema: boolean;
  /** Whether the current role may make tables where new ones would go. */
  readonly mayCreateTable: boolean;
  /** File name -> checksum of the text that was applied last. */
  readonly applied: ReadonlyMap<string, string>;
  /** Files whose objects are gone, wherever they went. */
  readonly broken: ReadonlySet<string>;
  readonly madeIndexes: readonly MadeIndex[];
}

/** All that is planned by. `foreignIds`: null where it is too dear to know before the cursor's index is there. */
export interface MigrationFacts {
  readonly catalogue: Catalogue;
  readonly own: OwnFacts;
  readonly foreignIds: ReadonlyMap<StreamName, boolean | null>;
}

export const SCHEMA_FILE = '001-schema.sql';
export const RING_FILE = '002-ring.sql';
export const GATES_FILE = '003-gates.sql';
export const ROLLUPS_FILE = '004-rollups.sql';
export const MADE_TABLES_FILE = '005-made-tables.sql';

/** The tables of the rollups, in the dashboard's schema. */
export const ROLLUP_TABLES = [
  'rollup_state',
  'rollups',
  'rollup_hours',
  'rollup_touched',
  'rollup_rewrites',
  'rollup_chunks',
] as const;
/** The view of what in them is not to be believed. */
export const DOUBTS_VIEW = 'rollup_doubts';

const OWN_QUERY = `
  select pg_get_userbyid(n.nspowner) as owner, coalesce(pg_has_role(n.nspowner, 'USAGE'), false) as owned,
    has_database_privilege(current_database(), 'CREATE') as may_create_schema,
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as may_create_table,
    array(select c.relname::text from pg_class c where c.relnamespace = n.oid) as relations,
    (select count(*) = 2 from pg_proc p where p.pronamespace = n.oid
      and (p.proname, p.pronargs) in (('ring', 0), ('ring_through_gate', 1))) as ring,
    exists (select from pg_proc p where p.pronamespace = n.oid and p.proname = '${REWRITE_FUNCTION}') as rewrite
  from (select 1) as one left join pg_namespace n on n.nspname = $1`;

const MADE_QUERY = `
  select n.nspname as schema, c.relname as index,
    c.relkind = 'i' and not n.nspname || '.' || t.relname = any ($1::text[]) as concurrently
  from ${OWN_SCHEMA}.made_indexes m
  join pg_namespace n on n.nspname = m.schema_name
  join pg_class c on c.relnamespace = n.oid and c.relname = m.index_name and c.relkind in ('i', 'I')
  join pg_index i on i.indexrelid = c.oid join pg_class t on t.oid = i.indrelid
  where t.relname = any ($2::text[])
  order by 1, 2`;

/** Reads the facts of this moment. */
export async function readFacts(db: Queryable): Promise<MigrationFacts> {
  const catalogue = await readCatalogue(db);
  return { catalogue, own: await readOwn(db, catalogue), foreignIds: await readForeignIds(db, catalogue) };
}

async function readOwn(db: Queryable, catalogue: Catalogue): Promise<OwnFacts> {
  const { rows } = await db.query(OWN_QUERY, [OWN_SCHEMA]);
  const row = ownRow.parse(rows[0]);
  const has = (relation: string): boolean => row.relations.includes(relation);
  const broken = new Set<string>();
  if (!has('migrations') || !has('made_indexes')) broken.add(SCHEMA_FILE);
  if (!row.ring) broken.add(RING_FILE);
  if (!STREAM_LIST.every((stream) => has(gateName(stream)))) broken.add(GATES_FILE);
  if (!row.rewrite || ![...ROLLUP_TABLES, DOUBTS_VIEW].every(has)) broken.add(ROLLUPS_FILE);
  if (!has('made_tables')) broken.add(MADE_TABLES_FILE);
  return {
    owner: row.owner,
    owned: row.owned,
    mayCreateSchema: row.may_create_schema,
    mayCreateTable: row.may_create_table,
    // Without rights on the schema its tables cannot be read; the missing rights are told before anything is planned.
    applied: row.owned && has('migrations') ? await readApplied(db) : new Map(),
    broken,
    madeIndexes: row.owned && has('made_indexes') ? await readMade(db, catalogue) : [],
  };
}

async function readApplied(db: Queryable): Promise<OwnFacts['applied']> {
  const { rows } = await db.query(`select name, checksum from ${OWN_SCHEMA}.migrations`);
  return new Map(appliedRows.parse(rows).map(({ name, checksum }) => [name, checksum]));
}

async function readMade(db: Queryable, catalogue: Catalogue): Promise<readonly MadeIndex[]> {
  const hypertables = catalogue.streams.flatMap(({ stream, table }) =>
    table?.hypertable ? [`${table.schema}.${STREAMS[stream].table}`] : [],
  );
  const { rows } = await db.query(MADE_QUERY, [hypertables, STREAM_LIST.map(({ table }) => table)]);
  return madeRows.parse(rows);
}

async function readForeignIds(db: Queryable, catalogue: Catalogue): Promise<MigrationFacts['foreignIds']> {
  const known = new Map<StreamName, boolean | null>();
  for (const { stream, table } of catalogue.streams) {
    const column = table === null ? 'absent' : cursorColumnState(table);
    if (table === null || column === 'absent' || column === 'foreign') {
      known.set(stream, false);
    } else if (table.readable && table.indexes.some((index) => serves(index, cursorIndex(STREAMS[stream])))) {
      known.set(stream, await hasForeignCursorValues(db, stream));
    } else {
      known.set(stream, null);
    }
  }
  return known;
}
