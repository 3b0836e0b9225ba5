/** Reads what the database's catalogue says of the streams' tables; inspection and migrations judge by these facts. */
import * as z from 'zod';
import { CURSOR_COLUMN, STREAM_LIST, type StreamName } from '../../shared/streams.ts';
import type { Queryable } from './queryable.ts';

/** The schema that holds all of the dashboard's own objects. */
export const OWN_SCHEMA = 'alphapulse_dashboard';
/** The name of the trigger that rings the doorbell, on every table. */
export const DOORBELL_TRIGGER = 'alphapulse_dashboard_doorbell';
/** The function of the triggers that note which rows were rewritten, so that rollups do not go on counting them. */
export const REWRITE_FUNCTION = 'note_rewrite';

/** A trigger that notes rewritten rows: PostgreSQL gives each kind of statement its own transition tables. */
export interface RewriteTrigger {
  readonly name: string;
  readonly event: 'update' | 'delete' | 'truncate';
  /** The trigger's `referencing` clause, with a space before it; empty where there are no transition tables. */
  readonly referencing: string;
  /** As in pg_trigger: after the statement, for this event. */
  readonly type: number;
}

const DELETED_TRIGGER = 'alphapulse_dashboard_deleted';

/** The triggers on every table that note rewritten rows. */
export const REWRITE_TRIGGERS: readonly RewriteTrigger[] = [
  {
    name: 'alphapulse_dashboard_updated',
    event: 'update',
    referencing: ' referencing old table as old_rows new table as new_rows',
    type: 16,
  },
  { name: DELETED_TRIGGER, event: 'delete', referencing: ' referencing old table as old_rows', type: 8 },
  { name: 'alphapulse_dashboard_truncated', event: 'truncate', referencing: '', type: 32 },
];

const keySchema = z.object({
  /** The column's name, or an expression's text. */
  column: z.string(),
  descending: z.boolean(),
  nullsFirst: z.boolean(),
  /** False where the operator class or the collation is not the column's usual one. */
  plain: z.boolean(),
});
const indexSchema = z.object({
  schema: z.string(),
  name: z.string(),
  /** False while it is built, and for ever where the building was cut off. */
  valid: z.boolean(),
  method: z.string(),
  predicate: z.string().nullable(),
  /** The index of the parent table that this one is a partition of. */
  parent: z.string().nullable(),
  keys: z.array(keySchema),
  /** Columns that entries carry beside their keys. */
  included: z.array(z.string()),
});
const columnSchema = z.object({
  name: z.string(),
  /** As `format_type` prints it, without modifiers; a domain's base type. */
  type: z.string(),
  default: z.string().nullable(),
});
const partitionSchema = z.object({
  oid: z.number(),
  parent: z.number(),
  schema: z.string(),
  name: z.string(),
  leaf: z.boolean(),
  indexes: z.array(indexSchema),
});
const tableSchema = z.object({
  oid: z.number(),
  schema: z.string(),
  /** As in pg_class: `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table. */
  relkind: z.string(),
  owner: z.string(),
  /** Whether the current role may alter it. */
  owned: z.boolean(),
  /** Whether the current role may make indexes in the table's schema. */
  creatable: z.boolean(),
  readable: z.boolean(),
  columns: z.array(columnSchema),
  indexes: z.array(indexSchema),
  /** `faulty`: there, but disabled or not what the migrations make. */
  doorbell: z.enum(['absent', 'ready', 'faulty']),
  /** The same of the triggers that note rewritten rows; all must be there. */
  rewrites: z.enum(['absent', 'ready', 'faulty']),
  /** Whether the one for deletes has a transition table. */
  seesDeleted: z.boolean(),
});
const streamRow = z.object({
  facts: z.object({
    table: tableSchema.nullable(),
    /** Schemas that are not on the search path and hold a table of that name. */
    elsewhere: z.array(z.string()),
  }),
});
const serverRow = z.object({
  version: z.number(),
  recovery: z.boolean(),
  role: z.string(),
  database: z.string(),
  schema: z.string().nullable(),
  timescaledb: z.string().nullable(),
  timescaledb_schema: z.string().nullable(),
});

export type IndexFacts = z.infer<typeof indexSchema>;
export type PartitionFacts = z.infer<typeof partitionSchema>;
/** A table as it stands. */
export type TableFacts = z.infer<typeof tableSchema> & {
  /** Whether TimescaleDB cuts it into chunks. */
  readonly hypertable: boolean;
  /** Partitions at every level, a parent always before its own. */
  readonly partitions: readonly PartitionFacts[];
};

/** What is known of one stream's table; `table` is null where none is on the search path. */
export interface StreamFacts {
  readonly stream: StreamName;
  readonly table: TableFacts | null;
  readonly elsewhere: readonly string[];
}

/** The server and the session. */
export interface ServerFacts {
  /** As `server_version_num`: 150018 is 15.18. */
  readonly versionNumber: number;
  /** True on a standby. */
  readonly inRecovery: boolean;
  /** Version of the TimescaleDB extension in this database, null without it. */
  readonly timescaledb: string | null;
  /** Schema of TimescaleDB's functions. */
  readonly timescaledbSchema: string | null;
  readonly role: string;
  readonly database: string;
  /** Where a new table would be made; null where the search path names no schema. */
  readonly currentSchema: string | null;
}

/** All facts of one moment. */
export interface Catalogue {
  readonly server: ServerFacts;
  readonly streams: readonly StreamFacts[];
}

/**
 * An SQL expression: whether the triggers that note rewritten rows are on a table, as `absent`, `ready` or `faulty`.
 *
 * @param table SQL of the table's oid.
 * @param stream SQL of the stream's name.
 */
export function rewritesOf(table: string, stream: string): string {
  const wanted = REWRITE_TRIGGERS.map(({ name, type }) => `('${name}', ${type})`).join(', ');
  const argument = `convert_to(${stream}, 'UTF8') || '\\x00'::bytea`;
  return `(
    select case when count(tg.oid) = 0 then 'absent' when count(*) = count(*) filter (
        where tg.tgenabled in ('O', 'A') and tg.tgtype = wanted.type
          and p.proname = '${REWRITE_FUNCTION}' and pn.nspname = '${OWN_SCHEMA}'
          and substring(tg.tgargs for octet_length(${argument})) = ${argument})
      then 'ready' else 'faulty' end
    from (values ${wanted}) as wanted(name, type)
    left join pg_trigger tg on tg.tgrelid = ${table} and tg.tgname = wanted.name and not tg.tgisinternal
    left join pg_proc p on p.oid = tg.tgfoid left join pg_namespace pn on pn.oid = p.pronamespace)`;
}

/** An SQL expression: the indexes of the table whose oid is `oid`, as JSON in the form of `indexSchema`. */
function indexesOf(oid: string): string {
  return `(
    select coalesce(json_agg(json_build_object(
      'schema', inn.nspname, 'name', ic.relname, 'method', am.amname,
      'valid', i.indisvalid and i.indisready and i.indislive,
      'predicate', pg_get_expr(i.indpred, i.indrelid),
      'parent', (select pc.relname from pg_inherits h join pg_class pc on pc.oid = h.inhparent where h.inhrelid = ic.oid),
      'keys', (
        select json_agg(json_build_object(
          'column', coalesce(ka.attname, pg_get_indexdef(i.indexrelid, k, false)),
          'descending', (i.indoption[k - 1] & 1) = 1, 'nullsFirst', (i.indoption[k - 1] & 2) = 2,
          'plain', oc.opcdefault and (ka.attnum is null or i.indcollation[k - 1] = ka.attcollation)
        ) order by k)
        from generate_series(1, i.indnkeyatts) k
        join pg_opclass oc on oc.oid = i.indclass[k - 1]
        left join pg_attribute ka on ka.attrelid = i.indrelid and ka.attnum = i.indkey[k - 1] and ka.attnum > 0),
      'included', coalesce((
        select json_agg(ia.attname order by k)
        from generate_series(i.indnkeyatts + 1, i.indnatts) k
        join pg_attribute ia on ia.attrelid = i.indrelid and ia.attnum = i.indkey[k - 1]), '[]')
    ) order by ic.relname), '[]')
    from pg_index i join pg_class ic on ic.oid = i.indexrelid join pg_namespace inn on inn.oid = ic.relnamespace
    join pg_am am on am.oid = ic.relam
    where i.indrelid = ${oid})`;
}

const STREAMS_QUERY = `
  select json_build_object(
    'elsewhere', (
      select coalesce(json_agg(on_.nspname order by on_.nspname), '[]')
      from pg_class oc join pg_namespace on_ on on_.oid = oc.relnamespace
      where oc.relname = asked.name and oc.relkind in ('r', 'p') and not pg_table_is_visible(oc.oid)
        and on_.nspname !~ '^(pg_|_timescaledb|information_schema)'),
    'table', case when c.oid is not null then json_build_object(
      'oid', c.oid::bigint, 'schema', n.nspname, 'relkind', c.relkind, 'owner', pg_get_userbyid(c.relowner),
      'owned', pg_has_role(c.relowner, 'USAGE'), 'readable', has_table_privilege(c.oid, 'SELECT'),
      'creatable', has_schema_privilege(n.oid, 'CREATE'),
      'columns', (
        select coalesce(json_agg(json_build_object(
          'name', a.attname, 'default', pg_get_expr(d.adbin, d.adrelid),
          'type', format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null)) order by a.attnum), '[]')
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
      'indexes', ${indexesOf('c.oid')},
      'doorbell', coalesce((
        select case when tg.tgenabled in ('O', 'A') and tg.tgtype = 4 and p.proname = 'ring' and pn.nspname = $3
            and tg.tgargs = convert_to(asked.stream, 'UTF8') || '\\x00'::bytea then 'ready' else 'faulty' end
        from pg_trigger tg join pg_proc p on p.oid = tg.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
        where tg.tgrelid = c.oid and tg.tgname = $4 and not tg.tgisinternal), 'absent'),
      'rewrites', ${rewritesOf('c.oid', 'asked.stream')},
      'seesDeleted', exists (
        select from pg_trigger tg where tg.tgrelid = c.oid and tg.tgname = '${DELETED_TRIGGER}' and tg.tgoldtable is not null)
    ) end) as facts
  from unnest($1::text[], $2::text[]) with ordinality as asked(stream, name, place)
  left join pg_class c on c.oid = to_regclass(quote_ident(asked.name))
  left join pg_namespace n on n.oid = c.relnamespace
  order by place`;

// Apart from the above, because the planner takes every table to have a thousand partitions: the estimate would be so
// high that PostgreSQL compiled the query, which takes ten times as long as running it.
const PARTITIONS_QUERY = `
  select pt.relid::oid::bigint::float8 as oid, pt.parentrelid::oid::bigint::float8 as parent, n.nspname as schema,
    c.relname as name, pt.isleaf as leaf, ${indexesOf('c.oid')} as indexes
  from pg_partition_tree($1::oid) pt join pg_class c on c.oid = pt.relid join pg_namespace n on n.oid = c.relnamespace
  where pt.level > 0
  order by pt.level, c.relname`;

const SERVER_QUERY = `
  select current_setting('server_version_num')::integer as version, pg_is_in_recovery() as recovery,
    current_user as role, current_database() as database, current_schema() as schema,
    e.extversion as timescaledb, n.nspname as timescaledb_schema
  from (select 1) as one
  left join pg_extension e on e.extname = 'timescaledb'
  left join pg_namespace n on n.oid = e.extnamespace`;

const HYPERTABLES_QUERY = `
  select hypertable_schema as schema, hypertable_name as name from timescaledb_information.hypertables
  where hypertable_name = any($1::text[])`;

/** Facts about the server alone. */
export async function readServer(db: Queryable): Promise<ServerFacts> {
  const { rows } = await db.query(SERVER_QUERY);
  const row = serverRow.parse(rows[0]);
  return {
    versionNumber: row.version,
    inRecovery: row.recovery,
    timescaledb: row.timescaledb,
    timescaledbSchema: row.timescaledb_schema,
    role: row.role,
    database: row.database,
    currentSchema: row.schema,
  };
}

/** Facts about the server and the tables of all streams, which are found as an unqualified name would be. */
export async function readCatalogue(db: Queryable): Promise<Catalogue> {
  const server = await readServer(db);
  const tables = STREAM_LIST.map((stream) => stream.table);
  const hypertables = new Set<string>();
  if (server.timescaledb !== null) {
    const { rows } = await db.query(HYPERTABLES_QUERY, [tables]);
    for (const { schema, name } of z.array(z.object({ schema: z.string(), name: z.string() })).parse(rows)) {
      hypertables.add(`${schema}.${name}`);
    }
  }
  const names = STREAM_LIST.map((stream) => stream.name);
  const { rows } = await db.query(STREAMS_QUERY, [names, tables, OWN_SCHEMA, DOORBELL_TRIGGER]);
  const found = z.array(streamRow).parse(rows);
  const streams: StreamFacts[] = [];
  for (const [place, stream] of STREAM_LIST.entries()) {
    const facts = found[place]?.facts;
    const table = facts?.table ?? null;
    streams.push({
      stream: stream.name,
      table: table && {
        ...table,
        hypertable: hypertables.has(`${table.schema}.${stream.table}`),
        partitions: table.relkind === 'p' ? await readPartitions(db, table.oid) : [],
      },
      elsewhere: facts?.elsewhere ?? [],
    });
  }
  return { server, streams };
}

async function readPartitions(db: Queryable, oid: number): Promise<readonly PartitionFacts[]> {
  const { rows } = await db.query(PARTITIONS_QUERY, [oid]);
  return z.array(partitionSchema).parse(rows);
}

/** How far the cursor column is: `foreign` is a column of that name and another type, which is nobody's but its owner's. */
export function cursorColumnState(table: TableFacts): 'absent' | 'foreign' | 'without default' | 'ready' {
  const column = table.columns.find(({ name }) => name === CURSOR_COLUMN);
  if (column === undefined) return 'absent';
  if (column.type !== 'xid8') return 'foreign';
  return column.default === null || !/^(pg_catalog\.)?pg_current_xact_id\(\)$/.test(column.default)
    ? 'without default'
    : 'ready';
}
