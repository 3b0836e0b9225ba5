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

/** Most connections that only looks are made through: five streams seldom look at the same moment, and briefly. */
const MOST_LOOKS = 3;

/** Looks have connections of their own, so that no long history keeps a new row waiting. */
export interface Pools {
  readonly looks: pg.Pool;
  readonly reads: pg.Pool;
}

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
  #pools: Pools | null = null;
  #closed = false;
  #ended: Promise<void> | undefined;
  #givingUp: NodeJS.Timeout | undefined;

  constructor(settings: DatabaseSettings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /** The pool that requests and history are read through; made now where the server answers, else rejects. */
  async open(): Promise<pg.Pool> {
    return (await this.pools()).reads;
  }

  /** Both pools, as `open`. */
  async pools(): Promise<Pools> {
    if (this.#pools !== null) return this.#pools;
    const connection = await settleTls(this.#settings.connection);
    // Another call may have been quicker, and a stop may have come.
    if (this.#closed) throw away();
    const { poolSize, statementTimeoutMs } = this.#settings;
    const looks = Math.max(1, Math.min(MOST_LOOKS, poolSize - MOST_LOOKS));
    const make = (size: number): pg.Pool =>
      openPool({ connection, poolSize: size, statementTimeoutMs, log: this.#log, socket: () => this.#newSocket() });
    this.#pools ??= { looks: make(looks), reads: make(Math.max(1, poolSize - looks)) };
    return this.#pools;
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

  /** Connections that are read through: in all, idle, and callers that wait for one. */
  get usage(): { readonly total: number; readonly idle: number; readonly waiting: number } {
    const pool = this.#pools?.reads;
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
    this.#ended ??= Promise.all([this.#pools?.looks.end(), this.#pools?.reads.end()]).then(() => undefined);
    return this.#ended;
  }

  #newSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.on('close', () => this.#sockets.delete(socket));
  }

  #require(): pg.Pool {
    if (this.#pools === null) throw away();
    return this.#pools.reads;
  }
}

function away(): CodedError {
  return new CodedError('database_away', 'the database has not been reached yet', {
    mend: 'wait, or check the address and that the server runs; the dashboard goes on trying',
  });
}
