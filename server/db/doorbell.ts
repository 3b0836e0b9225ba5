/**
 * The doorbell: one dedicated connection that listens for the triggers' NOTIFY. A ring names a stream and carries
 * nothing else; whoever misses one is late, never wrong.
 */
import type pg from 'pg';
import createSubscriber, { type Subscriber } from 'pg-listen';
import type { Logger } from 'pino';
import type { StreamName } from '../../shared/streams.ts';
import { isStreamName } from '../../shared/streams.ts';
import { messageOf } from '../errors.ts';

/** The one channel that all triggers notify; several would need several LISTENs on one connection. */
export const DOORBELL_CHANNEL = 'alphapulse_dashboard';

/** A connection that answers nothing for this long is given up. */
const ANSWER_TIMEOUT_MS = 1500;

export interface DoorbellEvents {
  /** A stream's trigger rang. */
  ring(stream: StreamName): void;
  /** LISTEN is in place: whatever was written before may not have rung, so it is time to look. */
  connected(): void;
  /** From here on nothing rings until `connected`. */
  lost(reason: string): void;
}

/** Listens until stopped; reconnects for ever by itself. */
export class Doorbell {
  readonly #events: DoorbellEvents;
  readonly #log: Logger;
  readonly #connection: pg.ClientConfig;
  #subscriber: Subscriber<{ [channel: string]: string }> | null = null;
  #up = false;
  #stopped = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(connection: pg.ClientConfig, events: DoorbellEvents, log: Logger) {
    this.#connection = connection;
    this.#events = events;
    this.#log = log;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Begins to connect and returns at once. */
  start(): void {
    const subscriber = createSubscriber<{ [channel: string]: string }>(
      {
        application_name: 'alphapulse-dashboard doorbell',
        ...this.#connection,
        connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
        query_timeout: ANSWER_TIMEOUT_MS,
        keepAlive: true,
      },
      {
        // pg-listen gives up after three seconds unless told otherwise, and then stays deaf for ever.
        retryTimeout: 0,
        retryInterval: (attempt) => Math.min(100 * 2 ** attempt, 3000),
        paranoidChecking: 3000,
        native: false,
        parse: (payload) => payload,
        serialize: (payload) => String(payload),
      },
    );
    this.#subscriber = subscriber;
    subscriber.events.on('reconnect', () => this.#setDown('the connection was lost'));
    subscriber.events.on('error', (error) => this.#replace(subscriber, error));
    subscriber.events.on('notification', ({ channel, payload }) => {
      if (channel === DOORBELL_CHANNEL && typeof payload === 'string' && isStreamName(payload))
        this.#events.ring(payload);
    });
    void this.#connect(subscriber);
  }

  /**
   * The LISTEN is queued before the connection stands: pg-listen's own retries, which begin when this first attempt
   * fails, take up only those channels that were asked for by then.
   */
  async #connect(subscriber: Subscriber<{ [channel: string]: string }>): Promise<void> {
    let listening = false;
    subscriber.events.on('connected', () => {
      // The first `connected` comes before LISTEN is in place, the later ones after.
      if (listening) this.#setUp(subscriber);
    });
    const first = await Promise.allSettled([subscriber.connect(), subscriber.listenTo(DOORBELL_CHANNEL)]);
    listening = true;
    const failure = first.find((result) => result.status === 'rejected');
    if (failure === undefined) this.#setUp(subscriber);
    else this.#log.debug({ err: failure.reason }, 'the doorbell did not connect at once and goes on trying');
  }

  /** An error is pg-listen's last word on a connection. */
  #replace(subscriber: Subscriber<{ [channel: string]: string }>, error: unknown): void {
    this.#setDown(messageOf(error));
    if (this.#stopped || this.#subscriber !== subscriber) return;
    this.#subscriber = null;
    this.#close(subscriber);
    this.#retry = setTimeout(() => this.start(), 1000);
  }

  #close(subscriber: Subscriber<{ [channel: string]: string }>): void {
    subscriber.close().catch((error: unknown) => this.#log.debug({ err: error }, 'the old doorbell did not close'));
  }

  #setUp(subscriber: Subscriber<{ [channel: string]: string }>): void {
    if (this.#stopped || this.#subscriber !== subscriber) {
      // A retry that was under way when this one was given up has come through after all.
      this.#close(subscriber);
      return;
    }
    this.#up = true;
    this.#events.connected();
  }

  #setDown(reason: string): void {
    if (this.#up) this.#events.lost(reason);
    this.#up = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#up = false;
    clearTimeout(this.#retry);
    const subscriber = this.#subscriber;
    this.#subscriber = null;
    await subscriber?.close();
  }
}
