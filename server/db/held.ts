/** A database snapshot that is kept open: history read through it is exactly as of the position of its look. */
import type pg from 'pg';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { HeldPosition, Position, Reservation, SnapshotRequest } from '../feed/ports.ts';
import type { ReducedChannel } from '../feed/reduced.ts';
import type { Spacings } from './history/spacings.ts';
import { readChannels } from './history.ts';
import { PreparingClient, type Statements } from './prepared.ts';
import { readCells } from './queryable.ts';

/** A connection that has not begun by then is frozen. */
const ANSWER_TIMEOUT_MS = 5000;

/** What is remembered of one reading of a stream's history for the next. */
export interface HistoryMemory {
  readonly spacings: Spacings;
  /** Null where queries are better planned each time, with the parts of the table that the times in them leave out. */
  readonly statements: Statements | null;
}

export class HeldSnapshot implements Reservation {
  readonly client: pg.PoolClient;
  readonly #stream: StreamDeclaration;
  readonly #memory: HistoryMemory;
  #released = false;
  /** Ends when the read under way has: several subscriptions share the one connection. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(client: pg.PoolClient, stream: StreamDeclaration, memory: HistoryMemory) {
    this.client = client;
    this.#stream = stream;
    this.#memory = memory;
  }

  /** Takes a connection and its snapshot. The first statement on `client` fixes which one that is. */
  static async open(pool: pg.Pool, stream: StreamDeclaration, memory: HistoryMemory): Promise<HeldSnapshot> {
    const client = await pool.connect();
    try {
      await readCells(client, {
        text: 'begin isolation level repeatable read read only',
        query_timeout: ANSWER_TIMEOUT_MS,
      });
    } catch (error) {
      client.release(true);
      throw error;
    }
    return new HeldSnapshot(client, stream, memory);
  }

  /** The snapshot as the feed core knows it. */
  at(position: Position): HeldPosition {
    return { position, channels: (request) => this.#channels(request), release: () => this.release() };
  }

  /** Ends the transaction and gives the connection back; one that does not answer is thrown away. Safe to call twice. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#turn.catch(() => undefined);
    try {
      await this.client.query('rollback');
      this.client.release();
    } catch (error) {
      this.client.release(error instanceof Error ? error : true);
    }
  }

  async *#channels(request: SnapshotRequest): AsyncGenerator<ReducedChannel> {
    // One turn a channel, so that a client that takes its snapshots slowly does not keep the others waiting.
    const { spacings, statements } = this.#memory;
    const options = { spacings, margins: request.range.kind === 'window' };
    const client = statements === null ? this.client : new PreparingClient(this.client, statements);
    const channels = readChannels(client, this.#stream, request, options);
    try {
      for (;;) {
        const next = await this.#inTurn(() => channels.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await this.#inTurn(() => channels.return(undefined));
    }
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const mine = before.catch(() => undefined).then(action);
    this.#turn = mine;
    return mine;
  }
}

/** The snapshot of a reservation, or one of its own where there is none. */
export async function heldOf(
  reservation: Reservation | null,
  pool: pg.Pool,
  stream: StreamDeclaration,
  memory: HistoryMemory,
): Promise<HeldSnapshot> {
  if (reservation === null) return HeldSnapshot.open(pool, stream, memory);
  if (reservation instanceof HeldSnapshot) return reservation;
  throw new TypeError('a reservation of another log was handed in');
}
