/** Holds the columns of a table against its stream's declaration; every difference comes with what mends it. */
import { acceptedTypes } from '../../shared/columns.ts';
import { type Column, columnsOf, STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import type { ServerFacts, StreamFacts, TableFacts } from './catalogue.ts';
import { cursorIndex, declaredIndexes } from './indexes.ts';
import { sqlName } from './sql-name.ts';

/** One difference between a table and its declaration. `column` is null where it concerns the table as a whole. */
export interface Problem {
  readonly column: string | null;
  /** Whether it is that the column is not there at all. */
  readonly missing: boolean;
  readonly problem: string;
  readonly mend: string;
}

/** Tables that other programs make under a stream's name, recognised by columns that only they have. */
const FOREIGN_SHAPES: Readonly<Record<string, { name: string; marks: readonly string[] }>> = {
  performance_metrics: {
    name: 'the older performance_metrics, one row for the whole account',
    marks: ['total_trades', 'winning_trades', 'losing_trades', 'total_pnl', 'daily_pnl', 'active_positions'],
  },
  system_metrics: {
    name: 'a wide system_metrics, one column for each metric',
    marks: ['cpu_percent', 'memory_percent', 'disk_percent', 'cpu_usage', 'memory_usage'],
  },
};

const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

/** All that keeps a stream's table from being used, at once; empty where it is usable. */
export function problemsOf(facts: StreamFacts, server: ServerFacts): readonly Problem[] {
  const stream = STREAMS[facts.stream];
  if (facts.table === null) return [missing(stream, facts.elsewhere, server)];
  const { table } = facts;
  if (table.relkind !== 'r' && table.relkind !== 'p') return [notATable(stream, table)];
  const problems = [...foreignShape(stream, table)];
  for (const column of columnsOf(stream)) {
    const problem = columnProblem(stream, table, column);
    if (problem !== null) problems.push(problem);
  }
  if (!table.readable) {
    problems.push({
      column: null,
      missing: false,
      problem: `the role ${server.role} may not read it`,
      mend: `grant select on ${sqlName(table.schema)}.${stream.table} to ${sqlName(server.role)}`,
    });
  }
  return problems;
}

/** Whether a table's columns are those of its stream, whoever may read it. */
export function hasStreamShape(stream: StreamDeclaration, table: TableFacts): boolean {
  if (table.relkind !== 'r' && table.relkind !== 'p') return false;
  return columnsOf(stream).every((column) => columnProblem(stream, table, column) === null);
}

/** The problems in one line, missing columns together, and their mends in another. */
export function summarise(problems: readonly Problem[]): { reason: string; mend: string } {
  // Where the table has to make room for another, mending single columns is needless.
  const rename = problems.find(({ mend }) => mend.includes(' rename to '));
  const mends = rename === undefined ? problems.map(({ mend }) => mend) : [rename.mend];
  const absent = problems.flatMap(({ column, missing }) => (missing && column !== null ? [column] : []));
  const reasons = problems.flatMap(({ problem, missing }) => (missing && absent.length > 1 ? [] : [problem]));
  if (absent.length > 1) reasons.push(`the columns ${absent.join(', ')} are missing`);
  return { reason: reasons.join('; '), mend: [...new Set(mends)].join('; ') };
}

function missing(stream: StreamDeclaration, elsewhere: readonly string[], server: ServerFacts): Problem {
  const [schema] = elsewhere;
  if (schema !== undefined && !stream.owned) {
    return {
      column: null,
      missing: false,
      problem: `there is no table ${stream.table} on the search path, but one in the schema ${elsewhere.join(', ')}`,
      mend: `alter role ${sqlName(server.role)} in database ${sqlName(server.database)} set search_path = ${sqlName(schema)}, public`,
    };
  }
  return {
    column: null,
    missing: false,
    problem: `there is no table ${stream.table}`,
    mend: 'npm run migrate',
  };
}

function notATable(stream: StreamDeclaration, table: TableFacts): Problem {
  return {
    column: null,
    missing: false,
    problem: `${stream.table} is ${KINDS[table.relkind] ?? `of kind ${table.relkind}`}, not a table`,
    mend: renameMend(
      stream,
      table.relkind === 'v' ? 'view' : table.relkind === 'm' ? 'materialized view' : 'table',
      null,
    ),
  };
}

function foreignShape(stream: StreamDeclaration, table: TableFacts): readonly Problem[] {
  const shape = FOREIGN_SHAPES[stream.name];
  const has = (name: string): boolean => table.columns.some((column) => column.name === name);
  if (shape === undefined || has(stream.key.name)) return [];
  const marks = shape.marks.filter(has);
  if (marks.length === 0) return [];
  return [
    {
      column: null,
      missing: false,
      problem: `it is ${shape.name} (${marks.join(', ')}), and has no ${stream.key.name}`,
      mend: renameMend(stream, 'table', table),
    },
  ];
}

function renameMend(stream: StreamDeclaration, kind: string, table: TableFacts | null): string {
  // Indexes keep their names when their table gets another one, and the new table needs those.
  const made = new Set([cursorIndex(stream), ...declaredIndexes(stream)].map(({ name }) => name));
  const indexes = (table?.indexes ?? [])
    .filter(({ name }) => made.has(name))
    .map(({ schema, name }) => `${sqlName(schema)}.${sqlName(name)}`);
  const dropped = indexes.length === 0 ? '' : `; drop index ${indexes.join(', ')}`;
  return `alter ${kind} ${stream.table} rename to ${stream.table}_old${dropped}, then: npm run migrate`;
}

function columnProblem(stream: StreamDeclaration, table: TableFacts, column: Column): Problem | null {
  const there = table.columns.find(({ name }) => name === column.name);
  const quoted = column.name === 'timestamp' ? '"timestamp"' : column.name;
  if (there === undefined) {
    return {
      column: column.name,
      missing: true,
      problem: `the column ${column.name} (${column.sqlType}) is missing`,
      mend: column.required
        ? renameMend(stream, 'table', table)
        : `alter table ${stream.table} add column ${quoted} ${column.sqlType}`,
    };
  }
  const accepted = acceptedTypes(column.kind);
  if (accepted.includes(there.type)) return null;
  const [wanted] = accepted;
  const using =
    column.kind === 'timestamp' && there.type === 'timestamp without time zone'
      ? `${quoted} at time zone 'UTC'`
      : `${quoted}::${wanted}`;
  return {
    column: column.name,
    missing: false,
    problem: `the column ${column.name} is ${there.type}, accepted are ${accepted.join(', ')}`,
    mend: `alter table ${stream.table} alter column ${quoted} type ${wanted} using ${using} /* rewrites the table */`,
  };
}
