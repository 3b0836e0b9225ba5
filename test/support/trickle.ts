/** A pipeline that writes a funding rate now and then, so that whoever waits for a row gets one. */
import { setTimeout as pace } from 'node:timers/promises';
import type pg from 'pg';

const PACE_MS = 200;

export class Trickle {
  readonly #client: pg.Client;
  readonly #work: Promise<void>;
  #stopping = false;

  /** Begins at once, on a connection that it has to itself. */
  constructor(client: pg.Client) {
    this.#client = client;
    this.#work = this.#run();
    // Who stops it is told; until then nobody else is.
    this.#work.catch(() => undefined);
  }

  /** Rejects where a row could not be written. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.#client.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', 0.0002)`,
      );
      await pace(PACE_MS);
    }
  }
}
