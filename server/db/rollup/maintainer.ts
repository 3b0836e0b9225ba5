/**
 * Keeps the rollups: one maintainer at a time over all servers of a database, on a connection of its own, at about half of
 * one core at most while there is a past to pack. It may end at any moment; whoever comes next goes on where it stopped.
 */

import { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { STREAMS, type StreamName } from '../../../shared/streams.ts';
import type { CounterName } from '../../counted.ts';
import { messageOf } from '../../errors.ts';
import { errorCode, readCell } from '../queryable.ts';
import { RollupReport } from './report.ts';
import { type RollupPace, StreamRollup, USUAL_PACE } from './step.ts';
import { ROLLED_STREAMS, rollupAccess } from './tables.ts';

/** The advisory lock's two keys: "ALPH" in ASCII, and a two; the migrations have the one. */
export const ROLLUP_LOCK = [0x41_4c_50_48, 2] as const;
/**
 * What another transaction that was in the way leads to: serialization failure, deadlock, lock not available, and a chunk that
 * was compressed.
 */
const PASSING = new Set(['40001', '40P01', '55P03', 'chunk_rewritten']);
/** A statement that takes longer is given up, in ms; the connection a little later. */
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 3000;
/** How long a stop waits for a statement under way, in ms, before the connection is cut. */
const STOP_MS = 500;
/** After this long, in ms, time alone may have brought something to do: an hour that ended, a line that was quiet. */
const IDLE_MS = 10_000;
/** Tables in partitions cost tens of ms to look through. */
const PARTITIONED_MS = 10_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * What the session is set to. A commit that a crash takes back takes the position and its packs back together, so none
 * has to wait for the disk. Every query has an index to go by; one core is enough.
 */
const SESSION = `set synchronous_commit = off; set jit = off; set enable_seqscan = off;
  set max_parallel_workers_per_gather = 0; set lock_timeout = 2000; set statement_timeout = ${STATEMENT_TIMEOUT_MS};
  set default_transaction_read_only = off`;

/** A stream that can have rollups. */
export interface RolledStream {
  readonly stream: StreamName;
  /** Whether its table is a hypertable or has partitions. */
  readonly partitioned: boolean;
}

export interface MaintainerOptions {
  /** How to reach the database without a pooler in between: the lock belongs to the session. */
  readonly connection: () => Promise<pg.ClientConfig>;
  readonly log: Logger;
  readonly count: (name: CounterName, amount: number) => void;
  readonly pace?: RollupPace;
  /** How often is looked for new rows, and for the lock where another has it, in ms. Default a second. */
  readonly stepMs?: number;
}

interface Kept {
  readonly rollup: StreamRollup;
  readonly report: RollupReport;
  readonly everyMs: number;
  /** When the next step is due, by `performance.now()`. */
  due: number;
}

/** The maintainer of one server process; at work, or waiting for the lock that another one holds. */
export class RollupMaintainer {
  readonly #options: MaintainerOptions;
  readonly #end = new AbortController();
  readonly #stepMs: number;
  readonly #pace: RollupPace;
  #streams: readonly RolledStream[] = [];
  #kept = new Map<StreamName, Kept>();
  #running: Promise<void> | null = null;
  #socket: Socket | null = null;
  #holding = false;
  /** Whether the last session began. */
  #connected = false;
  /** What is wrong, by what it concerns: told once. */
  readonly #told = new Map<string, string>();

  constructor(options: MaintainerOptions) {
    this.#options = options;
    this.#stepMs = options.stepMs ?? 1000;
    this.#pace = options.pace ?? USUAL_PACE;
  }

  /** Whether this one holds the lock. */
  get holding(): boolean {
    return this.#holding;
  }

  /** Says which streams can have rollups now; begins with the first. */
  follow(streams: readonly RolledStream[]): void {
    this.#streams = streams.filter(({ stream }) => ROLLED_STREAMS.some(({ name }) => name === stream));
    if (this.#streams.length === 0 || this.#end.signal.aborted) return;
    this.#running ??= this.#run();
  }

  /** Ends the work, what is not committed with it, and the connection. */
  async stop(): Promise<void> {
    this.#end.abort();
    const cut = setTimeout(() => this.#socket?.destroy(), STOP_MS);
    await this.#running;
    clearTimeout(cut);
  }

  async #run(): Promise<void> {
    let pause = this.#stepMs;
    while (!this.#end.signal.aborted) {
      this.#connected = false;
      try {
        await this.#session();
      } catch (error) {
        this.#tell('', 'rollups are not kept up to date', error);
      } finally {
        this.#holding = false;
      }
      pause = this.#connected ? this.#stepMs : Math.min(pause * 2, LONGEST_RETRY_MS);
      await this.#sleep(pause);
    }
  }

  /** One connection, from its beginning to its end. */
  async #session(): Promise<void> {
    const client = await this.#connect();
    try {
      const access = await rollupAccess(client);
      if (access !== 'ready') {
        this.#refused(access);
        return;
      }
      this.#connected = true;
      await client.query(SESSION);
      while (!this.#end.signal.aborted) {
        if (await this.#lock(client)) {
          this.#holding = true;
          this.#options.log.debug('this server keeps the rollups');
          await this.#work(client);
        } else await this.#sleep(this.#stepMs);
      }
    } finally {
      await client.end().catch((error: unknown) => this.#options.log.debug({ err: error }, 'a connection was lost'));
      this.#socket = null;
    }
  }

  async #connect(): Promise<pg.Client> {
    const connection = await this.#options.connection();
    const socket = new Socket();
    const client = new pg.Client({
      ...connection,
      application_name: 'alphapulse-dashboard rollups',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS + 2000,
      keepAlive: true,
      stream: () => socket,
    });
    // A lost connection fails the query that runs on it; unheard, it would end the process besides.
    client.on('error', (error) => this.#options.log.debug({ err: error }, 'the connection of the rollups was lost'));
    this.#socket = socket;
    if (this.#end.signal.aborted) socket.destroy();
    try {
      await client.connect();
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return client;
  }

  async #lock(client: pg.Client): Promise<boolean> {
    const text = `select pg_try_advisory_lock(${ROLLUP_LOCK.join(', ')})::text`;
    return (await readCell(client, { text })) === 'true';
  }

  /** Works until the connection breaks or the end has come. */
  async #work(client: pg.Client): Promise<void> {
    this.#kept = new Map();
    let seen = '';
    let seenAt = Number.NEGATIVE_INFINITY;
    while (!this.#end.signal.aborted) {
      // Where nobody has committed anything since there was nothing to do, there is nothing to do.
      const snapshot = (await readCell(client, { text: 'select pg_current_snapshot()::text' })) ?? '';
      if (snapshot === seen && performance.now() - seenAt < IDLE_MS) {
        await this.#sleep(this.#stepMs);
        continue;
      }
      let idle = true;
      let busy = false;
      for (const kept of this.#keep()) {
        if (this.#end.signal.aborted) return;
        if (performance.now() < kept.due) {
          if (kept.everyMs > this.#stepMs) idle = false;
          continue;
        }
        const kind = await this.#step(client, kept);
        if (kind !== 'idle' && kind !== 'unfit') idle = false;
        busy ||= kind === 'built' || kind === 'cleared';
      }
      if (idle) {
        seen = snapshot;
        seenAt = performance.now();
      }
      if (!busy) await this.#sleep(this.#stepMs);
    }
  }

  #keep(): readonly Kept[] {
    return this.#streams.map(({ stream, partitioned }) => {
      const there = this.#kept.get(stream);
      if (there !== undefined) return there;
      const kept: Kept = {
        rollup: new StreamRollup(STREAMS[stream], this.#pace, partitioned),
        report: new RollupReport(stream, this.#options.log),
        everyMs: partitioned ? Math.max(PARTITIONED_MS, this.#stepMs) : this.#stepMs,
        due: 0,
      };
      this.#kept.set(stream, kept);
      return kept;
    });
  }

  /** One step, and the rest after it. */
  async #step(client: pg.Client, kept: Kept): Promise<string> {
    const { count } = this.#options;
    const before = performance.now();
    try {
      const outcome = await kept.rollup.step(client);
      if (outcome.built > 0) count('rollup_packs_built_total', outcome.built);
      if (outcome.dropped > 0) count('rollup_packs_dropped_total', outcome.dropped);
      kept.report.tell(outcome);
      const more = outcome.kind === 'built' || outcome.kind === 'cleared';
      const now = performance.now();
      kept.due = more ? now : now + kept.everyMs;
      if (more) await this.#sleep((now - before) * this.#pace.rest);
      this.#told.delete(kept.rollup.stream.name);
      this.#told.delete('');
      return outcome.kind;
    } catch (error) {
      kept.due = performance.now() + kept.everyMs;
      if (PASSING.has(errorCode(error) ?? '')) {
        this.#options.log.debug(
          { err: error, stream: kept.rollup.stream.name },
          'a step of the rollups is tried again',
        );
        return 'failed';
      }
      // What concerns one table must not keep the others waiting; without a connection nothing goes on.
      if (errorCode(error) === undefined || errorCode(error)?.startsWith('08') || errorCode(error)?.startsWith('57P'))
        throw error;
      count('rollup_errors_total', 1);
      this.#tell(kept.rollup.stream.name, `rollups of ${kept.rollup.stream.name} are not kept up to date`, error);
      return 'failed';
    }
  }

  #refused(access: 'missing' | 'forbidden'): void {
    const reason =
      access === 'missing'
        ? 'there are no tables for them'
        : 'the role may not write the tables in alphapulse_dashboard';
    const mend =
      access === 'missing'
        ? 'run: npm run migrate'
        : 'grant usage on schema alphapulse_dashboard, and select, insert, update, delete on all tables in it';
    if (this.#told.get('') !== reason) this.#options.log.info({ reason, mend }, `rollups are off: ${reason}. ${mend}`);
    this.#told.set('', reason);
  }

  /** One line when something begins, not one a second while it lasts. */
  #tell(about: string, what: string, error: unknown): void {
    if (this.#end.signal.aborted) return;
    const line = `${what}: ${messageOf(error)}`;
    if (this.#told.get(about) !== line) this.#options.log.warn({ err: error }, line);
    this.#told.set(about, line);
  }

  /** Waits; a stop cuts it short. */
  async #sleep(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#end.signal, ref: false }).catch(() => undefined);
  }
}
