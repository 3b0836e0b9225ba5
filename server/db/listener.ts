/** One connection that listens on one channel: from its first byte to an end that is certain, whatever the network does. */
import { Socket } from 'node:net';
import pg from 'pg';

/** A connection that answers nothing for this long, in ms, is given up. */
export const ANSWER_TIMEOUT_MS = 1500;
/** How long an orderly end may take, in ms, before the socket is cut. */
const CLOSE_TIMEOUT_MS = 1000;

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
  /** Its own, because node-postgres has no way to end a connection whose other side does not answer. */
  readonly #socket = new Socket();
  #client: pg.Client | null = null;
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
      const client = new pg.Client({
        application_name: 'alphapulse-dashboard doorbell',
        ...connection,
        connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
        query_timeout: ANSWER_TIMEOUT_MS,
        keepAlive: true,
        stream: () => this.#socket,
      });
      this.#client = client;
      client.on('notification', ({ channel, payload }) => {
        if (channel === this.#channel && payload !== undefined && !this.#over) this.#events.heard(payload);
      });
      client.on('error', (error) => this.#lose(error));
      client.on('end', () => this.#lose(new Error('the server ended the connection')));
      await client.connect();
      await client.query(`listen ${pg.escapeIdentifier(this.#channel)}`);
    } catch (error) {
      this.destroy();
      throw error;
    }
    if (this.#over) throw new Error('the listener was ended while it connected');
    this.#listening = true;
  }

  /** Whether the server answers on this connection in time. Says nothing of notifications. */
  async answers(): Promise<boolean> {
    if (this.#client === null || this.#over) return false;
    try {
      await this.#client.query('select 1');
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
    await this.#client?.end();
    clearTimeout(cut);
  }

  #lose(error: Error): void {
    if (this.#over || !this.#listening) return;
    this.destroy();
    this.#events.lost(error);
  }
}
