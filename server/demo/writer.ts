/** Writes the demo's rows as a pipeline would: ordinary INSERTs that name their columns, many rows a statement. */
import type { Logger } from 'pino';
import { messageOf } from '../errors.ts';
import type { Batch } from './rows.ts';

/** The tables that the demo writes: a stream that is declared beyond them gets no rows from it. */
type DemoTable = keyof Batch;

/** What the demo asks of the database: a pg pool or client answers to it. */
export interface Sql {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** How a column travels: as an array of the database's type, turned into the column's where they differ. */
interface InsertColumn {
  readonly name: string;
  readonly type: 'float8' | 'text' | 'numeric' | 'int4' | 'jsonb';
  /** Epoch ms that become a timestamp. */
  readonly time?: boolean;
}

type Row = Readonly<Record<string, unknown>>;

const time = (name: string): InsertColumn => ({ name, type: 'float8', time: true });
const column = (type: InsertColumn['type'], ...names: string[]): InsertColumn[] =>
  names.map((name) => ({ name, type }));

const COLUMNS: { readonly [N in DemoTable]: readonly InsertColumn[] } = {
  funding_rates: [
    time('timestamp'),
    ...column('text', 'symbol', 'exchange'),
    ...column('numeric', 'funding_rate', 'estimated_rate'),
    time('next_funding_time'),
    ...column('jsonb', 'metadata'),
  ],
  anomalies: [
    time('timestamp'),
    ...column('text', 'symbol', 'data_type'),
    ...column('float8', 'value', 'z_score', 'threshold'),
    ...column('jsonb', 'metadata'),
  ],
  performance_metrics: [
    time('timestamp'),
    ...column('text', 'symbol', 'strategy_id'),
    ...column('float8', 'pnl', 'win_rate', 'drawdown', 'execution_time'),
    ...column('int4', 'trade_count'),
    ...column('float8', 'avg_position_size', 'max_position_size'),
    ...column('jsonb', 'metadata'),
  ],
  signal_predictions: [
    time('timestamp'),
    ...column('text', 'symbol', 'signal_type'),
    ...column('float8', 'confidence', 'predicted_pnl'),
    ...column('jsonb', 'features', 'metadata'),
  ],
  system_metrics: [
    time('timestamp'),
    ...column('text', 'metric_name'),
    ...column('float8', 'metric_value'),
    ...column('text', 'metric_unit'),
    ...column('jsonb', 'metadata'),
  ],
};

const isDemoTable = (name: string): name is DemoTable => Object.hasOwn(COLUMNS, name);
const DEMO_TABLES: readonly DemoTable[] = Object.keys(COLUMNS).filter(isDemoTable);

/** Written when all the others are: rates tell a later start how far the writing had come. */
const LAST: DemoTable = 'funding_rates';

/** Writes batches; a table that does not take them is left out from then on, and the others go on. */
export interface Writer {
  /**
   * Makes the statements for a batch, one a table; the result runs them and answers how many rows were written. It
   * throws what the database throws, where the statement was not what was wrong.
   *
   * @param options.past true: the rows were written when they say, as far as anybody can see (`created_at`).
   */
  prepare(batch: Batch, options: { past: boolean }): () => Promise<number>;
}

/** Builds a writer on a pool or a connection. */
export function createWriter(sql: Sql, log: Pick<Logger, 'error'>): Writer {
  const refused = new Set<DemoTable>();
  return {
    prepare(batch, { past }) {
      const statements = DEMO_TABLES.filter((table) => batch[table].length > 0 && !refused.has(table)).map((table) => ({
        table,
        rows: batch[table].length,
        text: insertText(table, past),
        values: arraysOf(table, batch[table]),
      }));
      const write = async ({ table, rows, text, values }: (typeof statements)[number]): Promise<number> => {
        try {
          await sql.query(text, values);
          return rows;
        } catch (error) {
          if (!isForeignTable(error)) throw error;
          if (!refused.has(table)) {
            log.error(
              { table, reason: messageOf(error) },
              'the demo writes no more to a table that does not take its rows',
            );
          }
          refused.add(table);
          return 0;
        }
      };
      return async () => {
        const first = await Promise.all(statements.filter(({ table }) => table !== LAST).map(write));
        const last = await Promise.all(statements.filter(({ table }) => table === LAST).map(write));
        return [...first, ...last].reduce((sum, rows) => sum + rows, 0);
      };
    },
  };
}

/** Class 42: a missing table or column, a foreign type, no right to it. It will not pass by itself. */
export function isForeignTable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('42');
}

function insertText(table: DemoTable, past: boolean): string {
  const columns = COLUMNS[table];
  const names = columns.map(({ name }) => `"${name}"`);
  const values = columns.map(({ time }, at) => (time ? `to_timestamp(c${at} / 1000.0)` : `c${at}`));
  if (past) {
    names.push('created_at');
    values.push('to_timestamp(c0 / 1000.0)');
  }
  const arrays = columns.map(({ type }, at) => `$${at + 1}::${type}[]`);
  const cells = columns.map((_, at) => `c${at}`);
  return (
    `insert into ${table} (${names.join(', ')}) select ${values.join(', ')} ` +
    `from unnest(${arrays.join(', ')}) as r(${cells.join(', ')})`
  );
}

function arraysOf(table: DemoTable, rows: readonly Row[]): string[] {
  return COLUMNS[table].map(({ name }) => arrayText(rows, name));
}

/** One cell of every row, in PostgreSQL's text form of an array. */
function arrayText(rows: readonly Row[], name: string): string {
  let text = '';
  let last: unknown;
  let lastText = 'NULL';
  for (const row of rows) {
    const value = row[name];
    // Runs of one time, one document or one unit are common, and quoting them once is enough.
    if (value !== last) {
      last = value;
      lastText = elementText(value);
    }
    text += `,${lastText}`;
  }
  return `{${text.slice(1)}}`;
}

function elementText(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (value === null || value === undefined) return 'NULL';
  // In a document's text there are quotes and backslashes to be escaped, and nothing that JSON would escape otherwise.
  if (typeof value !== 'string') return JSON.stringify(JSON.stringify(value));
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
