/**
 * Writers as the field has them, all at once on one database: single rows, bulk inserts and COPY, transactions with
 * savepoints, rollbacks, and commits that come long after those of others. Seeded; every row carries a number of its own.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pace } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { StreamName } from '../../shared/streams.ts';
import { STREAM_NAMES, STREAMS } from '../../shared/streams.ts';
import { pick, seeded } from './random.ts';
import { makeChunks } from './timescale.ts';

/** The symbol that pages show; the others are there to be kept apart from it. */
export const SHOWN_SYMBOL = 'BTC/USDT';
const SYMBOLS = [SHOWN_SYMBOL, 'ETH/USDT', 'BTC/USDT:USDT'] as const;
const METRICS = ['cpu', 'memory'] as const;
const SERIES = ['one', 'two'] as const;

const HOUR_MS = 3_600_000;
/** How far from now rows are dated: mostly now; some hours off, as local times without a zone are; a few that no page of today shows. */
const HOURS_OFF = [0, 0, 0, 0, 0, 0, -2, 2, -25] as const;

/** How many rows of `funding_rates` make a rate of 1: its eight decimals carry the number of a row. */
const RATE_SCALE = 1e8;

/** The value column that carries the number of a row, by stream. */
export const MARK_COLUMNS: Readonly<Record<StreamName, string>> = {
  funding_rates: 'funding_rate',
  anomalies: 'value',
  performance_metrics: 'pnl',
  signal_predictions: 'confidence',
  system_metrics: 'metric_value',
};

/** The number that a value stands for. */
export function markOf(stream: StreamName, value: unknown): number {
  return Math.round(Number(value) * (stream === 'funding_rates' ? RATE_SCALE : 1));
}

/** A committed row as the tests compare it. */
export interface TrueRow {
  readonly id: number;
  readonly key: string;
  /** Epoch ms. */
  readonly time: number;
}

/** What is in the tables, by stream and by the number of the row. */
export type Truth = ReadonlyMap<StreamName, ReadonlyMap<number, TrueRow>>;

/** Reads what was committed to the streams' tables. Throws where two rows of a table have one number, for then they could not be told apart. */
export async function readTruth(client: pg.Client, streams: readonly StreamName[]): Promise<Truth> {
  const truth = new Map<StreamName, ReadonlyMap<number, TrueRow>>();
  for (const stream of streams) {
    const { rows } = await client.query<{ id: number; key: string; time: number; value: string }>(
      `select id, ${STREAMS[stream].key.name} as key, (extract(epoch from "timestamp") * 1000)::float8 as time,
         ${MARK_COLUMNS[stream]}::text as value from ${stream}`,
    );
    const byMark = new Map(rows.map(({ id, key, time, value }) => [markOf(stream, value), { id, key, time }]));
    if (byMark.size < rows.length) throw new Error(`two rows of ${stream} carry the same number`);
    truth.set(stream, byMark);
  }
  return truth;
}

/**
 * Takes every row of the tables away, and has hypertables ready for the writers: a late transaction that made a chunk would
 * keep those waiting whose operations it waits for.
 */
export async function emptyTables(client: pg.Client, streams: readonly StreamName[]): Promise<void> {
  for (const stream of streams) {
    await client.query(`delete from ${stream}`);
    for (const hours of new Set(HOURS_OFF)) {
      const from = Date.now() + hours * HOUR_MS;
      await makeChunks(client, STREAMS[stream].table, from, from + HOUR_MS);
    }
  }
}

/** Numbers of the rows of bursts, far above those of the writers. */
const BURST_FROM = 1_000_000;
let burstRows = 0;

/** Writes many anomalies in one statement, none of them of the symbol that pages show. */
export async function writeBurst(client: pg.Client, rows: number): Promise<void> {
  const from = BURST_FROM + burstRows;
  burstRows += rows;
  await client.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
     select now(), case i % 2 when 0 then $1 else $2 end, 'burst', $3::int + i, 5 from generate_series(1, $4::int) i`,
    [SYMBOLS[1], SYMBOLS[2], from, rows],
  );
}

/** Rows of one statement, column by column. */
interface Draft {
  readonly stream: StreamName;
  readonly times: readonly Date[];
  readonly keys: readonly string[];
  readonly series: readonly string[];
  readonly values: readonly string[];
}

/** What a load is made of. */
export interface WritersOptions {
  readonly seed: number;
  /** Connections that write. */
  readonly workers?: number;
  /** Ms between two operations of one connection. */
  readonly paceMs?: number;
  readonly streams?: readonly StreamName[];
}

export class Writers {
  readonly #config: pg.ClientConfig;
  readonly #random: () => number;
  readonly #paceMs: number;
  readonly #streams: readonly StreamName[];
  readonly #work: Promise<unknown>;
  readonly #mostLate: number;
  #stopping = false;
  #late = 0;
  #marks = 0;
  #operations = 0;
  #waiting: { readonly until: number; readonly resolve: () => void }[] = [];
  /** Operations that failed; on a database that stays up there is none. */
  readonly failures: Error[] = [];

  constructor(config: pg.ClientConfig, { seed, workers = 4, paceMs = 20, streams = STREAM_NAMES }: WritersOptions) {
    this.#config = config;
    this.#random = seeded(seed);
    this.#paceMs = paceMs;
    this.#streams = streams;
    // Somebody has to go on, or those that wait for others would wait for ever.
    this.#mostLate = workers - 2;
    this.#work = Promise.all(Array.from({ length: workers }, () => this.#run()));
  }

  /** Operations that ended, in whatever way. */
  get operations(): number {
    return this.#operations;
  }

  /** Resolves when so many further operations have ended. */
  async more(count: number): Promise<void> {
    if (this.#stopping) return;
    const until = this.#operations + count;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ until, resolve });
    });
  }

  /** Ends the load; open transactions are brought to their end. Safe to call twice. Rejects where a writer broke down. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#work;
  }

  async #run(): Promise<void> {
    let client: pg.Client | null = null;
    while (!this.#stopping) {
      try {
        client ??= await this.#connect();
        await this.#operate(client);
      } catch (error) {
        this.failures.push(error instanceof Error ? error : new Error(String(error)));
        // The server may be gone from under it: the next operation has a connection of its own.
        client?.end().catch(() => undefined);
        client = null;
      }
      this.#operations += 1;
      this.#wake();
      if (!this.#stopping) await pace(this.#paceMs);
    }
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      application_name: 'alphapulse test writer',
      connectionTimeoutMillis: 5000,
      ...this.#config,
    });
    // The failure of the query says the same.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  #wake(): void {
    const due = this.#waiting.filter(({ until }) => this.#stopping || until <= this.#operations);
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }

  async #operate(client: pg.Client): Promise<void> {
    const kind = this.#random();
    if (kind < 0.5) await this.#insert(client, this.#draft(1));
    else if (kind < 0.6) await this.#insert(client, this.#draft(2 + this.#below(60)));
    else if (kind < 0.65) await this.#copy(client, this.#draft(2 + this.#below(60)));
    else if (kind < 0.9 || this.#late >= this.#mostLate) await this.#transaction(client, async () => undefined);
    else await this.#lateTransaction(client);
  }

  /** Commits after others that began after it, and so out of the order of ids. */
  async #lateTransaction(client: pg.Client): Promise<void> {
    this.#late += 1;
    try {
      await this.#transaction(client, () => this.more(5 + this.#below(40)));
    } finally {
      this.#late -= 1;
    }
  }

  async #transaction(client: pg.Client, meanwhile: () => Promise<void>): Promise<void> {
    await client.query('begin');
    await this.#insert(client, this.#draft(1));
    for (let part = this.#below(3); part > 0; part -= 1) {
      await client.query('savepoint part');
      await this.#insert(client, this.#draft(1 + this.#below(3)));
      if (this.#random() < 0.3) await client.query('rollback to savepoint part');
    }
    await meanwhile();
    await this.#insert(client, this.#draft(1));
    await client.query(this.#random() < 0.2 ? 'rollback' : 'commit');
  }

  async #insert(client: pg.Client, { stream, times, keys, series, values }: Draft): Promise<void> {
    const { key, series: line } = STREAMS[stream];
    const columns = ['"timestamp"', key.name, MARK_COLUMNS[stream]];
    const arrays = ['$1::timestamptz[]', '$2::text[]', '$3::numeric[]'];
    const parameters: unknown[] = [times, keys, values];
    if (line !== null) {
      columns.push(line.name);
      arrays.push('$4::text[]');
      parameters.push(series);
    }
    const [names, list] = [columns.join(', '), arrays.join(', ')];
    const [extra, constant] = stream === 'anomalies' ? [', z_score', ', 5'] : ['', ''];
    await client.query(
      `insert into ${stream} (${names}${extra}) select r.*${constant} from unnest(${list}) r`,
      parameters,
    );
  }

  async #copy(client: pg.Client, { stream, times, keys, series, values }: Draft): Promise<void> {
    const { key, series: line } = STREAMS[stream];
    const columns = ['"timestamp"', key.name, MARK_COLUMNS[stream]];
    if (line !== null) columns.push(line.name);
    if (stream === 'anomalies') columns.push('z_score');
    const lines = times.map((time, index) => {
      const cells = [time.toISOString(), keys[index], values[index]];
      if (line !== null) cells.push(series[index]);
      if (stream === 'anomalies') cells.push('5');
      return `${cells.join('\t')}\n`;
    });
    // A COPY whose connection ends is otherwise waited for without end.
    let cut = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      cut = () => reject(new Error('the connection ended during a COPY'));
    });
    client.once('end', cut);
    const target = client.query(copyFrom(`copy ${stream} (${columns.join(', ')}) from stdin`));
    try {
      await Promise.race([pipeline(Readable.from(lines), target), ended]);
    } finally {
      client.off('end', cut);
    }
  }

  #draft(rows: number): Draft {
    const stream = pick(this.#random, this.#streams);
    const now = Date.now();
    const each = <T>(make: () => T): T[] => Array.from({ length: rows }, make);
    return {
      stream,
      times: each(() => new Date(now + HOUR_MS * pick(this.#random, HOURS_OFF))),
      keys: each(() => pick(this.#random, stream === 'system_metrics' ? METRICS : SYMBOLS)),
      series: each(() => pick(this.#random, SERIES)),
      values: each(() => {
        this.#marks += 1;
        return stream === 'funding_rates' ? (this.#marks / RATE_SCALE).toFixed(8) : String(this.#marks);
      }),
    };
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}
