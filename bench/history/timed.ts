/**
 * A connection whose statements the server itself times: it sends the duration of each step (parse, bind, execute) as a
 * notice, so that neither the network nor the reader's own work is in the figure. A superuser may have that.
 */
import type pg from 'pg';
import { PreparingClient, Statements } from '../../server/db/prepared.ts';
import type { Place } from './place.ts';

export class TimedConnection {
  readonly client: pg.Client;
  /** The same connection as a server reads history by: its statements are prepared once. */
  readonly preparing: PreparingClient;
  #ms = 0;

  private constructor(client: pg.Client) {
    this.client = client;
    this.preparing = new PreparingClient(client, new Statements());
    client.on('notice', ({ message }) => {
      const duration = /^duration: ([\d.]+) ms/.exec(message ?? '')?.[1];
      if (duration === undefined) return;
      this.#ms += Number(duration);
    });
  }

  static async open(place: Place, database: string): Promise<TimedConnection> {
    const client = await place.connect(database);
    const timed = new TimedConnection(client);
    // As a server's connections are.
    await client.query('set jit = off');
    // The server's own log need not hear of it.
    await client.query(`set log_min_messages = fatal`);
    await client.query(`set client_min_messages = log`);
    await client.query(`set log_duration = on`);
    return timed;
  }

  /** Runs `action` and answers its result, the ms that the server spent on its statements, and the ms by the clock. */
  async measure<T>(action: () => Promise<T>): Promise<{ result: T; sqlMs: number; wallMs: number }> {
    await this.client.query('select');
    this.#ms = 0;
    const start = performance.now();
    const result = await action();
    return { result, sqlMs: this.#ms, wallMs: performance.now() - start };
  }

  async end(): Promise<void> {
    await this.client.end();
  }
}
