/** Writers at a steady rate, each row a transaction of its own with a number of its own: what they wrote, and how long they waited. */
import { setTimeout as pass } from 'node:timers/promises';
import pg from 'pg';

const CONNECTIONS = 4;
const TICK_MS = 2;
const APPLICATION = 'alphapulse bench writer';
/** A writer that waits this long is looked at: what it waits for, as the server says. */
const LONG_MS = 50;
const LOOK_MS = 25;
/** How many rows of `funding_rates` make a rate of 1: its eight decimals carry the number of a row. */
const RATE_SCALE = 1e8;

/** The streams that are written to, in turns. */
export const WRITTEN = ['system_metrics', 'funding_rates'] as const;
type Written = (typeof WRITTEN)[number];

const INSERTS: Readonly<Record<Written, string>> = {
  system_metrics: `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
    values (now(), 'metric_' || lpad((($1::bigint / 2) % 50)::text, 2, '0'), $1::bigint, '%')`,
  funding_rates: `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
    values (now(), 'S' || lpad((($1::bigint / 2) % 1000)::text, 4, '0') || '/USDT', 'okx', $1::bigint / ${RATE_SCALE}.0)`,
};

/** What was written in one stretch. */
export interface Stretch {
  /** Sorted ms from sending an insert to its commit. */
  readonly times: readonly number[];
  /** Longest ms from when an insert was due to its commit: also counts those that had to wait for others before them. */
  readonly longestSinceDue: number;
  readonly seconds: number;
  /** What writers that had waited for LONG_MS were seen to wait for, with how often. */
  readonly waits: ReadonlyMap<string, number>;
  /** Numbers of the rows that were committed, by stream. */
  readonly committed: Readonly<Record<Written, readonly number[]>>;
}

/** Connections that write; numbers go on from one stretch to the next. */
export class PacedWriters {
  readonly #watcher: pg.Client;
  readonly #clients: readonly pg.Client[];
  readonly #perSecond: number;
  #written = 0;

  private constructor(watcher: pg.Client, clients: readonly pg.Client[], perSecond: number) {
    this.#watcher = watcher;
    this.#clients = clients;
    this.#perSecond = perSecond;
  }

  static async open(connectionString: string, perSecond: number): Promise<PacedWriters> {
    const clients = Array.from(
      { length: CONNECTIONS + 1 },
      () => new pg.Client({ connectionString, application_name: APPLICATION }),
    );
    await Promise.all(clients.map((client) => client.connect()));
    const [watcher, ...writers] = clients;
    if (watcher === undefined) throw new RangeError('there is no connection to watch by');
    return new PacedWriters(watcher, writers, perSecond);
  }

  /** Writes while `work` is under way, and until everything that was due then is committed. */
  async during(work: () => Promise<unknown>): Promise<Stretch> {
    const start = performance.now();
    const first = this.#written;
    const times: number[] = [];
    let longestSinceDue = 0;
    const committed: Record<Written, number[]> = { system_metrics: [], funding_rates: [] };
    const turns: Promise<void>[] = this.#clients.map(() => Promise.resolve());
    const one = async (client: pg.Client, mark: number, due: number): Promise<void> => {
      const stream = WRITTEN[mark % 2] ?? 'system_metrics';
      const sent = performance.now();
      await client.query({ name: stream, text: INSERTS[stream], values: [mark] });
      const now = performance.now();
      times.push(now - sent);
      longestSinceDue = Math.max(longestSinceDue, now - due);
      committed[stream].push(mark);
    };
    const write = (): void => {
      const due = first + ((performance.now() - start) / 1000) * this.#perSecond;
      for (; this.#written < due; this.#written += 1) {
        const mark = this.#written;
        const turn = mark % this.#clients.length;
        const client = this.#clients[turn];
        if (client === undefined) continue;
        const dueAt = start + ((mark - first) / this.#perSecond) * 1000;
        turns[turn] = (turns[turn] ?? Promise.resolve()).then(() => one(client, mark, dueAt));
      }
    };
    const waits = new Map<string, number>();
    const watched = new AbortController();
    const watching = this.#watch(waits, watched.signal);
    const timer = setInterval(write, TICK_MS);
    try {
      await work();
    } finally {
      clearInterval(timer);
      await Promise.all(turns);
      watched.abort();
      await watching;
    }
    return {
      times: times.sort((a, b) => a - b),
      longestSinceDue,
      seconds: (performance.now() - start) / 1000,
      waits,
      committed,
    };
  }

  async #watch(waits: Map<string, number>, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const { rows } = await this.#watcher.query<{ wait: string }>({
        name: 'watch',
        text: `select coalesce(wait_event_type || ' ' || wait_event, 'nothing: it runs') as wait from pg_stat_activity
          where application_name = $1 and pid <> pg_backend_pid() and state = 'active'
            and query_start < clock_timestamp() - make_interval(secs => $2)`,
        values: [APPLICATION, LONG_MS / 1000],
      });
      for (const { wait } of rows) waits.set(wait, (waits.get(wait) ?? 0) + 1);
      await pass(LOOK_MS);
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.#watcher, ...this.#clients].map((client) => client.end()));
  }
}
