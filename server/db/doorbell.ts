/**
 * The doorbell: one dedicated connection that listens for the triggers' NOTIFY. A ring names a stream and carries
 * nothing else; whoever misses one is late, never wrong. Because a connection can be deaf without a sign (frozen, or
 * behind a pooler that lost its LISTEN), it is believed only while its own notifications come back to it.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { backoff } from '../../shared/backoff.ts';
import type { StreamName } from '../../shared/streams.ts';
import { isStreamName } from '../../shared/streams.ts';
import { messageOf } from '../errors.ts';
import { ANSWER_TIMEOUT_MS, Listener } from './listener.ts';
import type { Queryable } from './queryable.ts';
import { readCell } from './queryable.ts';

/** The one channel that all triggers notify. */
export const DOORBELL_CHANNEL = 'alphapulse_dashboard';

/** What the triggers put before a stream's name where rows of it were updated or deleted (sql/004-rollups.sql). */
export const REWRITTEN = 'rewritten:';

/** From this part of the notification queue on the triggers do not ring, so that no writer fails for it (sql/002-ring.sql). */
export const QUIET_USAGE = 0.5;

/** Why the doorbell is down, and what mends it where it does not mend itself. */
export interface DoorbellFault {
  /**
   * `starting`: not connected yet. `away`: there is no connection that answers. `deaf`: there is one that does not hear.
   * `quiet`: it would hear, but the triggers do not ring, because the notification queue is filling up.
   */
  readonly kind: 'starting' | 'away' | 'deaf' | 'quiet';
  readonly reason: string;
  readonly mend?: string;
}

const QUIET: DoorbellFault = {
  kind: 'quiet',
  reason: 'the notification queue of the database is half full or more, so no trigger rings',
  mend: "End the session that listens inside an open transaction: select pid, application_name, xact_start from pg_stat_activity where state like 'idle in transaction%' order by xact_start",
};

/**
 * How a probe ended. `quiet`: none was sent, for the reason of the fault of this name. `unsent`: the notification itself
 * failed, which is no deafness.
 */
type RoundTrip = { readonly kind: 'heard' | 'deaf' | 'quiet' } | { readonly kind: 'unsent'; readonly error: unknown };

/** What a probe found out; `answers` says whether the listening connection is alive, whatever it hears. */
export type ProbeOutcome = RoundTrip & { readonly answers: boolean };

export interface DoorbellEvents {
  /** A stream's trigger rang. */
  ring(stream: StreamName): void;
  /** Rows of a stream were updated or deleted. */
  rewritten(stream: StreamName): void;
  /** LISTEN is in place: whatever was written before may not have rung, so it is time to look. */
  listening(): void;
  /** It went up (null) or down; told once for each kind of fault. */
  changed(fault: DoorbellFault | null): void;
  probed(outcome: ProbeOutcome): void;
}

/** What the doorbell is built with. */
export interface DoorbellOptions {
  /** How to reach the database without a pooler in between; asked for before every attempt. */
  readonly connection: () => Promise<pg.ClientConfig>;
  /** Where probes are sent: the connections that everything else is read through. */
  readonly database: Queryable;
  readonly events: DoorbellEvents;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly listener: Listener }
  | { readonly kind: 'listening'; readonly listener: Listener }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout };

/** A probe under way: `hear` with its nonce, or `false` once nobody can hear it any more. */
interface Awaited {
  readonly nonce: string;
  readonly settle: (heard: boolean) => void;
}

/** Listens until stopped; reconnects for ever by itself, and never fails. */
export class Doorbell {
  readonly #connection: () => Promise<pg.ClientConfig>;
  readonly #database: Queryable;
  readonly #events: DoorbellEvents;
  /** Several servers on one database hear each other's probes. */
  readonly #name = randomBytes(6).toString('hex');
  #state: State = { kind: 'idle' };
  #fault: DoorbellFault | null = { kind: 'starting', reason: 'the doorbell is not connected yet' };
  /** Attempts since a probe last came back. */
  #attempts = 0;
  #everHeard = false;
  #probes = 0;
  #probing = false;
  #awaited: Awaited | null = null;

  constructor({ connection, database, events }: DoorbellOptions) {
    this.#connection = connection;
    this.#database = database;
    this.#events = events;
  }

  /** Null while it is up: while rings are heard, as far as anybody can know. */
  get fault(): DoorbellFault | null {
    return this.#fault;
  }

  /** Begins to connect and returns at once. */
  start(): void {
    void this.#connect();
  }

  /** The database is there again: no reason to wait out the back-off. */
  hurry(): void {
    if (this.#state.kind !== 'waiting') return;
    clearTimeout(this.#state.timer);
    void this.#connect();
  }

  /** Sends a notification round to itself, unless one is under way; a doorbell that does not hear it is built anew. */
  probe(): void {
    if (this.#state.kind === 'listening') void this.#probe();
  }

  /** Ends it, from any state, within about a second. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'idle' };
    this.#awaited?.settle(false);
    if (state.kind === 'waiting') clearTimeout(state.timer);
    else if (state.kind === 'connecting') state.listener.destroy();
    else if (state.kind === 'listening') await state.listener.close();
  }

  async #connect(): Promise<void> {
    const listener = new Listener(this.#connection, DOORBELL_CHANNEL, {
      heard: (payload) => this.#heard(payload),
      lost: (error) => this.#again({ kind: 'away', reason: `the connection was lost: ${error.message}` }),
    });
    this.#state = { kind: 'connecting', listener };
    try {
      await listener.open();
    } catch (error) {
      if (this.#has(listener)) this.#again({ kind: 'away', reason: `it cannot connect: ${messageOf(error)}` });
      return;
    }
    if (!this.#has(listener)) return;
    this.#state = { kind: 'listening', listener };
    this.#events.listening();
    await this.#probe();
  }

  #has(listener: Listener): boolean {
    return 'listener' in this.#state && this.#state.listener === listener;
  }

  /** Gives the connection up and makes another after a while. */
  #again(fault: DoorbellFault): void {
    if ('listener' in this.#state) this.#state.listener.destroy();
    const wait = backoff(this.#attempts, Math.random);
    this.#attempts += 1;
    this.#state = { kind: 'waiting', timer: setTimeout(() => void this.#connect(), wait) };
    this.#awaited?.settle(false);
    this.#tell(fault);
  }

  #tell(fault: DoorbellFault | null): void {
    const before = this.#fault;
    this.#fault = fault;
    if (before?.kind !== fault?.kind) this.#events.changed(fault);
  }

  #heard(payload: string): void {
    const rewritten = payload.startsWith(REWRITTEN) ? payload.slice(REWRITTEN.length) : '';
    if (isStreamName(payload)) this.#events.ring(payload);
    else if (isStreamName(rewritten)) this.#events.rewritten(rewritten);
    else if (payload === this.#awaited?.nonce) this.#awaited.settle(true);
  }

  /** Probes the connection at hand, and the one that takes its place meanwhile. Never rejects. */
  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    for (let probed: Listener | null = null; this.#state.kind === 'listening' && this.#state.listener !== probed; ) {
      probed = this.#state.listener;
      await this.#judge(probed);
    }
    this.#probing = false;
  }

  async #judge(listener: Listener): Promise<void> {
    const [trip, answers] = await Promise.all([this.#roundTrip(), listener.answers()]);
    // What is said of a connection that was lost meanwhile, or of a doorbell that was stopped, is of no use.
    if (!this.#has(listener)) return;
    this.#events.probed({ ...trip, answers });
    if (trip.kind === 'heard') {
      this.#everHeard = true;
      this.#attempts = 0;
      this.#tell(null);
    } else if (!answers) this.#again({ kind: 'away', reason: 'the connection does not answer' });
    else if (trip.kind === 'deaf') this.#again(this.#deafness());
    else if (trip.kind === 'quiet') this.#tell(QUIET);
    // Its LISTEN was confirmed: one that was found deaf or quiet before stays so until a probe says otherwise.
    else if (this.#fault?.kind === 'starting' || this.#fault?.kind === 'away') this.#tell(null);
  }

  async #roundTrip(): Promise<RoundTrip> {
    this.#probes += 1;
    const nonce = `probe ${this.#name} ${this.#probes}`;
    const heard = new Promise<boolean>((settle) => {
      this.#awaited = { nonce, settle };
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      if (!(await this.#send(nonce))) return { kind: 'quiet' };
      // Not before what has arrived was read: a server that was busy for seconds is not deaf.
      timer = setTimeout(() => setImmediate(() => this.#awaited?.settle(false)), ANSWER_TIMEOUT_MS);
      return { kind: (await heard) ? 'heard' : 'deaf' };
    } catch (error) {
      return { kind: 'unsent', error };
    } finally {
      clearTimeout(timer);
      this.#awaited = null;
    }
  }

  /** Notifies as the triggers do: not at all while the queue is half full, where the answer is false. */
  async #send(nonce: string): Promise<boolean> {
    const text = `select case when pg_notification_queue_usage() < ${QUIET_USAGE} then pg_notify($1, $2)::text end`;
    const cell = await readCell(this.#database, { text, query_timeout: ANSWER_TIMEOUT_MS }, [DOORBELL_CHANNEL, nonce]);
    return cell !== null;
  }

  #deafness(): DoorbellFault {
    const reason = 'the listening connection does not hear what is notified';
    if (this.#everHeard) return { kind: 'deaf', reason };
    const mend =
      'Set DASHBOARD_LISTEN_URL to a direct connection to the same database: LISTEN does not work through a transaction pooler';
    return { kind: 'deaf', reason, mend };
  }
}
