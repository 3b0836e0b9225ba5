/**
 * The database as the rest of the server holds it: there from the start, usable once it was reached. Whether TLS is to be
 * used can only be settled by asking the server, so the pool cannot be made before that answers.
 */
import { Socket } from 'node:net';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { DatabaseConnection } from '../config.ts';
import { CodedError } from '../errors.ts';
import { openPool } from './connections.ts';
import type { Database } from './queryable.ts';
import { settleTls } from './tls.ts';

/** What is settled before a connection is made. */
export interface DatabaseSettings {
  readonly connection: DatabaseConnection;
  readonly listen: DatabaseConnection;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
}

export class LateDatabase implements Database {
  readonly #settings: DatabaseSettings;
  readonly #log: Logger;
  readonly #sockets = new Set<Socket>();
  #pool: pg.Pool | null = null;
  #closed = false;
  #ended: Promise<void> | undefined;
  #givingUp: NodeJS.Timeout | undefined;

  constructor(settings: DatabaseSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /** The pool; made now where the server answers, else rejects. */
  async open(): Promise<pg.Pool> {
    if (this.#pool !== null) return this.#pool;
    const connection = await settleTls(this.#settings.connection);
    // Another call may have been quicker, and a stop may have come.
    if (this.#closed) throw away();
    const { poolSize, statementTimeoutMs } = this.#settings;
    const socket = (): Socket => this.#newSocket();
    this.#pool ??= openPool({ connection, poolSize, statementTimeoutMs, log: this.#log, socket });
    return this.#pool;
  }

  /** How to reach the database without a pooler in between. */
  async listenConnection(): Promise<pg.ClientConfig> {
    return settleTls(this.#settings.listen);
  }

  /** @throws CodedError `database_away` until the server was reached. */
  get query(): pg.Pool['query'] {
    const pool = this.#require();
    return pool.query.bind(pool);
  }

  async connect(): Promise<pg.PoolClient> {
    return this.#require().connect();
  }

  /** Connections of the pool: in all, idle, and callers that wait for one. */
  get usage(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    const pool = this.#pool;
    return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
  }

  /**
   * For a stop: what the database has not answered within `ms` from now fails as if it were away. A request that waits
   * for a database that will never answer would keep the server from ending otherwise.
   */
  giveUpAfter(ms: number): void {
    this.#givingUp = setTimeout(() => {
      void this.#end();
      for (const socket of this.#sockets) socket.destroy();
    }, ms);
  }

  /** Gives all connections back; those that are in use end when they are. */
  async close(): Promise<void> {
    await this.#end();
    clearTimeout(this.#givingUp);
  }

  #end(): Promise<void> {
    this.#closed = true;
    // A pool may be ended only once.
    this.#ended ??= this.#pool?.end() ?? Promise.resolve();
    return this.#ended;
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.on('close', () => this.#sockets.delete(socket));
  }

  #require(): pg.Pool {
    if (this.#pool === null) throw away();
    return this.#pool;
  }
}

function away(): CodedError {
  return new CodedError('database_away', 'the database has not been reached yet', {
    mend: 'wait, or check the address and that the server runs; the dashboard goes on trying',
  });
}
