/** Writes the SQL that derives from the declaration of the streams; the result is committed, and tested to be current. */
import { quoteIdentifier } from '../../../shared/columns.ts';
import {
  CURSOR_COLUMN,
  columnsOf,
  ID_COLUMN,
  STREAM_LIST,
  type StreamDeclaration,
  TIME_COLUMN,
} from '../../../shared/streams.ts';
import { DOORBELL_TRIGGER, OWN_SCHEMA, REWRITE_FUNCTION, REWRITE_TRIGGERS, type RewriteTrigger } from '../catalogue.ts';
import { columnList, cursorIndex, declaredIndexes, type NeededIndex } from '../indexes.ts';
import { isRolled } from '../rollup/streams.ts';

const ORIGIN = '-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.';
/** Stream files are numbered from here on, in the order of the declaration. */
const FIRST_STREAM = 10;

/** The name of a stream's file. */
export function streamFile(stream: StreamDeclaration): string {
  const number = FIRST_STREAM + STREAM_LIST.findIndex(({ name }) => name === stream.name);
  return `${String(number).padStart(3, '0')}-${stream.name}.sql`;
}

/** The name of a stream's gate, a sequence in the dashboard's schema. */
export function gateName(stream: StreamDeclaration): string {
  return `gate_${stream.name}`;
}

/** All generated files: name in sql/ -> text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['003-gates.sql', gates()],
    ...STREAM_LIST.map((stream): [string, string] => [streamFile(stream), streamSql(stream)]),
  ]);
}

function gates(): string {
  const lines = STREAM_LIST.map((stream) => `create sequence if not exists ${OWN_SCHEMA}.${gateName(stream)};`);
  return `${ORIGIN}\n-- One gate a stream: its doorbell's last ring, in units of 5 ms since the epoch.\n\n${lines.join('\n')}\n`;
}

function streamSql(stream: StreamDeclaration): string {
  const { table } = stream;
  const sections: [string, string][] = [
    ['table', createTable(stream, false)],
    ['table, hypertable', createTable(stream, true)],
    // Null for the rows that are there: without a default, PostgreSQL rewrites nothing.
    ['cursor column', `alter table ${table} add column ${CURSOR_COLUMN} xid8;`],
    [
      'cursor default',
      `alter table ${table} alter column ${CURSOR_COLUMN} set default pg_catalog.pg_current_xact_id();`,
    ],
    ...[cursorIndex(stream), ...declaredIndexes(stream)].flatMap((index) => indexSections(stream, index)),
    // Until the column is looked at, the planner takes a third of the table to be new.
    ['analyze cursor', `analyze ${table} (${CURSOR_COLUMN});`],
    ['foreign ids', clearForeignIds(table)],
    [
      'doorbell',
      `create or replace trigger ${DOORBELL_TRIGGER} after insert on ${table}\n` +
        `  for each statement execute function ${OWN_SCHEMA}.ring('${stream.name}');`,
    ],
    ['rewrites', rewriteTriggers(stream, ['update', 'delete'])],
    // TimescaleDB deletes compressed rows unseen: with transition tables for deletes it would refuse compression.
    ['rewrites, hypertable', rewriteTriggers(stream, ['update'])],
    ['rewrites, without transition tables', rewriteTriggers(stream, [])],
    ['remove rewrites', REWRITE_TRIGGERS.map(({ name }) => `drop trigger if exists ${name} on ${table};`).join('\n')],
    // Where the triggers were not, rows may have been rewritten unnoticed: the packs are not to be believed any more.
    ['void rollups', `delete from ${OWN_SCHEMA}.rollup_state where stream = '${stream.name}';`],
    ['remove doorbell', `drop trigger if exists ${DOORBELL_TRIGGER} on ${table};`],
    ['remove cursor', `alter table ${table} drop column if exists ${CURSOR_COLUMN};`],
  ];
  const head = `${ORIGIN}\n-- ${table}: each step is applied where the catalogue shows that it is needed.\n`;
  return head + sections.map(([title, sql]) => `\n-- step: ${title}\n${sql}\n`).join('');
}

function createTable(stream: StreamDeclaration, hypertable: boolean): string {
  const columns = columnsOf(stream).map((column) => {
    const required = column.required && !column.sqlType.includes('not null') ? ' not null' : '';
    return `  ${quoted(column.name)} ${column.sqlType}${required},`;
  });
  // TimescaleDB wants the partitioning column in every unique index.
  const key = hypertable ? `${ID_COLUMN.name}, ${quoted(TIME_COLUMN.name)}` : ID_COLUMN.name;
  const chunks =
    `select :"timescaledb".create_hypertable('${stream.table}', '${TIME_COLUMN.name}',\n` +
    `  chunk_time_interval => interval '1 hour', create_default_indexes => false);`;
  return [
    `create table ${stream.table} (`,
    ...columns,
    `  primary key (${key})`,
    ');',
    ...(hypertable ? [chunks] : []),
    ...declaredIndexes(stream).map((index) => `create index ${index.name} on ${stream.table} ${columnList(index)};`),
  ].join('\n');
}

function indexSections(stream: StreamDeclaration, index: NeededIndex): [string, string][] {
  const { table } = stream;
  const where = index.predicate === null ? '' : ` where ${index.predicate}`;
  const list = columnList(index);
  return [
    [`index ${index.name}`, `create index concurrently ${index.name} on ${table} ${list}${where};`],
    [
      `index ${index.name}, hypertable`,
      `create index ${index.name} on ${table} ${list} with (timescaledb.transaction_per_chunk)${where};`,
    ],
    [`index ${index.name}, partitioned`, `create index ${index.name} on only ${table} ${list}${where};`],
    [`index ${index.name}, partition`, `create index concurrently :"index" on :"schema".:"partition" ${list}${where};`],
    [`index ${index.name}, inner partition`, `create index :"index" on only :"schema".:"partition" ${list}${where};`],
  ];
}

/** `seeing`: the events whose triggers get transition tables. */
function rewriteTriggers({ name: stream, table }: StreamDeclaration, seen: readonly RewriteTrigger['event'][]): string {
  const triggers = REWRITE_TRIGGERS.map(({ name, event, referencing }) => {
    const sees = seen.includes(event);
    const seeing = referencing === '' || sees ? 'seen' : 'blind';
    const packed = isRolled(stream) ? 'packed' : 'unpacked';
    return (
      `create or replace trigger ${name} after ${event} on ${table}${sees ? referencing : ''}\n` +
      `  for each statement execute function ${OWN_SCHEMA}.${REWRITE_FUNCTION}('${stream}', '${seeing}', '${packed}');`
    );
  });
  return triggers.join('\n');
}

function clearForeignIds(table: string): string {
  // Both conditions are of one statement and so of one snapshot: a row that a running transaction writes is in neither.
  const foreign = `${CURSOR_COLUMN} >= pg_snapshot_xmax(pg_current_snapshot())`;
  return [
    `update ${table} set ${CURSOR_COLUMN} = null`,
    `where ${foreign} and ctid = any (array(`,
    `  select ctid from ${table} where ${foreign} order by ${CURSOR_COLUMN} desc limit 1000));`,
  ].join('\n');
}

/** `timestamp` is a type's name too; the others read better bare. */
function quoted(name: string): string {
  return name === TIME_COLUMN.name ? quoteIdentifier(name) : name;
}
