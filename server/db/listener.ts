/**
 * One connection that listens on one channel, by pg-listen, from its first byte to an end that is certain, whatever the
 * network does. It does not reconnect: one that breaks is over, and its owner makes another.
 */
import { Socket } from 'node:net';
import type pg from 'pg';
import createSubscriber, { type Subscriber } from 'pg-listen';

/** A connection that answers nothing for this long, in ms, is given up. */
export const ANSWER_TIMEOUT_MS = 1500;
/** How long an orderly end may take, in ms, before the socket is cut. */
const CLOSE_TIMEOUT_MS = 1000;
/** A channel that nobody notifies: to listen on it for a moment is a round trip to the server and no more. */
const SILENT_CHANNEL = 'alphapulse_dashboard_silence';

/** What a listener tells. */
export interface ListenerEvents {
  /** The payload of a notification on the channel. */
  heard(payload: string): void;
  /** The connection broke by itself, once it listened; told at most once, and never after `close` or `destroy`. */
  lost(error: Error): void;
}

/** Connects once; whoever wants another connection makes another listener. */
export class Listener {
  readonly #connection: () => Promise<pg.ClientConfig>;
  readonly #channel: string;
  readonly #events: ListenerEvents;
  /** Its own, because neither pg-listen nor its driver can end a connection whose other side does not answer. */
  readonly #socket = new Socket();
  #subscriber: Subscriber<{ [channel: string]: string }> | null = null;
  #listening = false;
  #over = false;

  constructor(connection: () => Promise<pg.ClientConfig>, channel: string, events: ListenerEvents) {
    this.#connection = connection;
    this.#channel = channel;
    this.#events = events;
  }

  /** Resolves when LISTEN is in place. Rejects where it cannot be; nothing is left open then. */
  async open(): Promise<void> {
    try {
      const connection = await this.#connection();
      if (this.#over) throw new Error('the listener was ended before it was connected');
      const subscriber = this.#subscribe(connection);
      await subscriber.connect();
      await subscriber.listenTo(this.#channel);
    } catch (error) {
      this.destroy();
      throw error;
    }
    if (this.#over) throw new Error('the listener was ended while it connected');
    this.#listening = true;
  }

  #subscribe(connection: pg.ClientConfig): Subscriber<{ [channel: string]: string }> {
    const subscriber = createSubscriber<{ [channel: string]: string }>(
      {
        application_name: 'alphapulse-dashboard doorbell',
        ...connection,
        connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
        query_timeout: ANSWER_TIMEOUT_MS,
        keepAlive: true,
        stream: () => this.#socket,
      },
      // Its own reconnecting goes on after close() and brings connections that nobody can end: one attempt means none.
      { retryLimit: 1, paranoidChecking: false, native: false, parse: (payload) => payload, serialize: String },
    );
    this.#subscriber = subscriber;
    subscriber.events.on('error', (error) => this.#lose(error));
    subscriber.notifications.on(this.#channel, (payload) => {
      if (typeof payload === 'string' && !this.#over) this.#events.heard(payload);
    });
    return subscriber;
  }

  /** Whether the server answers on this connection in time. Says nothing of notifications. */
  async answers(): Promise<boolean> {
    if (this.#subscriber === null || this.#over) return false;
    try {
      await this.#subscriber.listenTo(SILENT_CHANNEL);
      await this.#subscriber.unlisten(SILENT_CHANNEL);
      return true;
    } catch {
      // Whatever the error says, the connection is of no use.
      return false;
    }
  }

  /** Ends the connection at once, without a word to the server. */
  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  /** Takes leave of the server, for which it gets a second. */
  async close(): Promise<void> {
    this.#over = true;
    const cut = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    await this.#subscriber?.close();
    clearTimeout(cut);
  }

  #lose(error: Error): void {
    if (this.#over || !this.#listening) return;
    this.destroy();
    this.#events.lost(error);
  }
}
