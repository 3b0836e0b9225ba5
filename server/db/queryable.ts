/**
 * What the readers of the database ask of a connection or a pool, so that they need not know which of the two they were
 * given; how cells are read as PostgreSQL's own text; and how a database that is away is told from a faulty query.
 */
import type { ClientBase } from 'pg';
import { PreparingClient } from './prepared.ts';

/** Anything that runs one query: a client or a pool. */
export type Queryable = Pick<ClientBase, 'query'>;

/** A client out of a pool. `release(true)` throws the connection away instead of giving it back. */
export interface PooledClient extends Queryable {
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  release(destroy?: boolean | Error): void;
}

/** A pool: `query` borrows a connection for one query, `connect` for several. */
export interface Database extends Queryable {
  connect(): Promise<PooledClient>;
}

/** One row as PostgreSQL printed it: the text of each column, null for SQL null. */
export type Cells = readonly (string | null)[];

/** Leaves every cell as the text that PostgreSQL sent, so that no digit is lost in a parser. */
const RAW_TEXT = { getTypeParser: () => (text: string) => text };

/** A query of this name and text: the database parses and plans a named one once a connection. */
export interface NamedQuery {
  readonly name?: string;
  readonly text: string;
  /** Ms after which the client gives the answer up; absent: as the connection says. */
  readonly query_timeout?: number;
}

/**
 * Runs a query and answers its rows as raw text.
 *
 * @param values bound to `$1`, `$2` ... in order.
 */
export async function readCells(
  db: Queryable,
  query: NamedQuery,
  values: readonly unknown[] = [],
): Promise<readonly Cells[]> {
  const statements = db instanceof PreparingClient ? db.statements : null;
  const name = query.name ?? statements?.nameOf(query.text);
  try {
    const result = await db.query<(string | null)[]>({
      ...query,
      ...(name === undefined ? {} : { name }),
      values: [...values],
      rowMode: 'array',
      types: RAW_TEXT,
    });
    return result.rows;
  } catch (error) {
    statements?.failed(errorCode(error));
    throw error;
  }
}

/** The only cell of a query's first row; null where there is none. */
export async function readCell(
  db: Queryable,
  query: NamedQuery,
  values: readonly unknown[] = [],
): Promise<string | null> {
  const [row] = await readCells(db, query, values);
  return row?.[0] ?? null;
}

/** The first cell of every row, nulls left out. */
export async function readColumn(
  db: Queryable,
  query: NamedQuery,
  values: readonly unknown[] = [],
): Promise<readonly string[]> {
  const rows = await readCells(db, query, values);
  return rows.flatMap(([cell]) => (cell == null ? [] : [cell]));
}

/**
 * Gives `work` a client inside a REPEATABLE READ READ ONLY transaction, so that all it reads is of one moment, and
 * returns the client to the pool whatever happens.
 */
export async function inReadTransaction<T>(db: Database, work: (client: Queryable) => Promise<T>): Promise<T> {
  const client = await db.connect();
  // A server that goes away makes the borrowed client emit `error` besides failing its query; unheard, it ends the process.
  let broken = false;
  const onError = (): void => {
    broken = true;
  };
  client.on('error', onError);
  try {
    await client.query('begin isolation level repeatable read read only');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    // The failed transaction ends here; where even that fails the connection is not fit to be used again.
    if (!broken) {
      await client.query('rollback').catch(() => {
        broken = true;
      });
    }
    throw error;
  } finally {
    client.removeListener('error', onError);
    client.release(broken);
  }
}

/** Errors of sockets that mean that nobody answers at the other end. */
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  // The pool that is opened late, before it was.
  'database_away',
]);

/** PostgreSQL's own: connection exceptions (class 08), shut down, starting up, too many connections. */
const SERVER_CODES = /^(08...|57P0[1-5]|53300)$/;

/** What pg and its pool say without a code. */
const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after|Query read timeout)/;

/** Of these, the ones that come from waiting in vain: for a lock or for a free connection as well as for the server. */
const WAITED = /^(Query read timeout|timeout exceeded when trying to connect)/;

/** The code of an error as Node and pg attach it; undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether an error means that the database cannot be reached, and not that the query was wrong. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.some(isDatabaseAway)) return true;
  const code = errorCode(error);
  if (code !== undefined && (SOCKET_CODES.has(code) || SERVER_CODES.test(code))) return true;
  return error instanceof Error && MESSAGES.test(error.message);
}

/** Whether an error says only that no answer came in time, which one locked table or an exhausted pool leads to as well. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && WAITED.test(error.message);
}
