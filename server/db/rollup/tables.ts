/** What the rollups are: their tables, which streams have them, and which rows of an hour a pack keeps. */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { CURSOR_COLUMN, type StreamDeclaration } from '../../../shared/streams.ts';
import { OWN_SCHEMA, REWRITE_TRIGGERS, rewritesOf } from '../catalogue.ts';
import { ROLLUP_TABLES } from '../migrate/facts.ts';
import { type Queryable, readCell } from '../queryable.ts';

export { ROLLED_STREAMS } from './streams.ts';

export const HOUR_MS = 3_600_000;
/** How far back hours are packed: the longest range, and a day for what begins before it. */
export const WINDOW_MS = 8 * 24 * HOUR_MS;
/** Hours are packed once they ended this long ago: most of what is written late was written by then. */
export const SETTLED_MS = 300_000;

/** Hours with no more rows than this have no pack: they are read as fast without, and there may be many thousand such lines. */
export const MOST_UNPACKED = 12;
/** Hours with no more rows than this have a pack of every row, of width 0, which serves for buckets of any width. */
export const MOST_WHOLE = 240;
/** Hours with more rows than this have a pack of 15 s besides those of one and of three minutes. */
export const MOST_COARSE = 720;

/** Widths in seconds of the packs that an hour of so many rows has; 0 is a pack of every row. */
export function widthsOf(rows: number): readonly number[] {
  if (rows <= MOST_UNPACKED) return [];
  if (rows <= MOST_WHOLE) return [0];
  return rows <= MOST_COARSE ? [180, 60] : [180, 60, 15];
}

/**
 * SQL of the database that transaction ids belong to, as `rollup_state.database` has it. Its timeline is no part of it: a
 * crash or a promotion takes no position back that it does not take the packs back with, and ids below a stored position
 * are never handed out again, because the transaction that stored it has a higher one.
 */
export const DATABASE_SQL = `(select system_identifier::text from pg_control_system()) || '/' ||
  (select oid::text from pg_database where datname = current_database())`;

/**
 * SQL of what a stream's rollups are read from, as `rollup_state.source` has it: the table, the column that tells new rows
 * and the triggers that tell rewritten ones. Null where one of these is missing: then there can be no rollups.
 */
export function sourceSql({ name, table }: StreamDeclaration): string {
  const oid = `to_regclass('${quoteIdentifier(table)}')`;
  const triggers = REWRITE_TRIGGERS.map((trigger) => `'${trigger.name}'`).join(', ');
  return `(select ${oid}::oid || '.' || a.attnum || '.' || (
      select string_agg(tg.oid::text, '.' order by tg.tgname) from pg_trigger tg
      where tg.tgrelid = ${oid} and tg.tgname in (${triggers}))
    from pg_attribute a
    where a.attrelid = ${oid} and a.attname = '${CURSOR_COLUMN}' and a.atttypid = 'xid8'::regtype and a.atthasdef
      and ${rewritesOf(oid, `'${name}'`)} = 'ready')`;
}

/** Whether the current role may keep rollups: `ready`, `missing` where there are no tables for them, or `forbidden`. */
export async function rollupAccess(db: Queryable): Promise<'ready' | 'missing' | 'forbidden'> {
  const text = `select case when count(c.oid) < ${ROLLUP_TABLES.length} then 'missing'
      when bool_and(has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
        and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
        and has_table_privilege(c.oid, 'delete')) then 'ready' else 'forbidden' end
    from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
    where n.nspname = '${OWN_SCHEMA}' and c.relname = any ($1::text[])`;
  const access = await readCell(db, { text }, [ROLLUP_TABLES]);
  return access === 'ready' || access === 'forbidden' ? access : 'missing';
}

/** A bound epoch in ms as a timestamp. */
export const instant = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;

/** A timestamp's epoch in ms. */
export const epochMs = (expression: string): string => `(extract(epoch from ${expression}) * 1000)::float8`;
