/** Connections to PostgreSQL: the pool that everything reads through. */
import type { Socket } from 'node:net';
import pg from 'pg';
import type { Logger } from 'pino';
import { readCells } from './queryable.ts';

/** How to reach the database. */
export interface DatabaseOptions {
  readonly connection: pg.ClientConfig;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  readonly log: Logger;
  /** Makes the socket of a connection, for those who have to end it while the server does not answer. */
  readonly socket: () => Socket;
}

/** How long a connection attempt may take before it counts as failed. */
const CONNECT_TIMEOUT_MS = 3000;

/** Opens the pool. No connection is made before the first query; errors of idle connections are logged, never thrown. */
export function openPool({ connection, poolSize, statementTimeoutMs, log, socket }: DatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    application_name: 'alphapulse-dashboard',
    ...connection,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeoutMs,
    // A frozen connection never answers at all, so the client has to give up by itself, a little after the server would.
    query_timeout: statementTimeoutMs + 2000,
    keepAlive: true,
    stream: socket,
    // Many small ranges read at once look dear to the planner, on hypertables above all. Compiling such a query takes seconds
    // where running it takes ms.
    onConnect: async (client) => {
      await readCells(client, { text: 'set jit = off', query_timeout: CONNECT_TIMEOUT_MS });
    },
  });
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'));
  // A client that is checked out emits errors on itself (a server restart does that), and an unheard one ends the process.
  pool.on('connect', (client) =>
    client.on('error', (error) => log.debug({ err: error }, 'a database connection was lost')),
  );
  return pool;
}
