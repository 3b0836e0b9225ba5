/** Rows for a page that is soaked: an hour of history, then batches by COPY, each row of a symbol that is shown. */
import { once } from 'node:events';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { USUAL_THRESHOLD } from '../../shared/reduce.ts';
import type { StreamName } from '../../shared/streams.ts';

/** Symbols that are written, the one that the untouched page shows first: of three rows it has two. */
export const SYMBOLS = ['BTC/USDT', 'ETH/USDT'] as const;

interface Part {
  readonly stream: StreamName;
  /** Of ten rows, so many are the stream's. */
  readonly share: number;
  readonly key: string;
  readonly series: string | null;
  /** Column by whose value a row is told. */
  readonly value: string;
  readonly columns: readonly string[];
  /** The cells beside the time, of a row's number; `isFirst`: it is the stream's first row of a stretch of STRETCH_MS. */
  cells(number: number, isFirst: boolean): readonly (string | number)[];
}

const symbolOf = (number: number): string => SYMBOLS[number % 3 === 2 ? 1 : 0];
/** Of so many rows from the number `first` on, the place of the last that belongs to the first symbol or to none. */
function lastShown({ key }: Part, count: number, first: number): number {
  let last = count - 1;
  while (key === 'symbol' && symbolOf(first + last) !== SYMBOLS[0]) last -= 1;
  return last;
}
const pick = (names: readonly string[], number: number): string => names[Math.floor(number / 3) % names.length] ?? '';
const wave = (number: number, length: number): number => Math.sin((2 * Math.PI * number) / length);
const noise = (): number => Math.random() - 0.5;

/** Deviations of anomalies that a crowd may hide. */
const WEAK = 2.9;
/** Of each such stretch of time the first anomaly is a strong one. */
const STRETCH_MS = 10_000;

/** The five streams and their lines. */
export const PARTS: readonly Part[] = [
  {
    stream: 'system_metrics',
    share: 4,
    key: 'metric_name',
    series: null,
    value: 'metric_value',
    columns: ['metric_name', 'metric_value', 'metric_unit'],
    cells: (n) => [`metric_${n % 5}`, (50 + 30 * wave(n, 90_000) + 9 * noise()).toFixed(2), n % 5 < 3 ? '%' : 'ms'],
  },
  {
    stream: 'funding_rates',
    share: 3,
    key: 'symbol',
    series: 'exchange',
    value: 'funding_rate',
    columns: ['symbol', 'exchange', 'funding_rate'],
    cells: (n) => [
      symbolOf(n),
      pick(['binance', 'bybit', 'okx'], n),
      (0.0001 * wave(n, 90_000) + 0.00002 * noise()).toFixed(8),
    ],
  },
  {
    stream: 'anomalies',
    share: 1,
    key: 'symbol',
    series: 'data_type',
    value: 'z_score',
    columns: ['symbol', 'data_type', 'value', 'z_score'],
    // Those above the threshold are never left out of a chart, so they come by the clock, as they would at a usual rate: an
    // hour holds as many of them at the end as at the beginning.
    cells: (n, isFirst) => [
      symbolOf(n),
      pick(['volume', 'funding_rate'], n),
      (100 * Math.random()).toFixed(2),
      (isFirst ? USUAL_THRESHOLD + Math.random() : 2 * WEAK * noise()).toFixed(3),
    ],
  },
  {
    stream: 'performance_metrics',
    share: 1,
    key: 'symbol',
    series: 'strategy_id',
    value: 'pnl',
    columns: ['symbol', 'strategy_id', 'pnl', 'win_rate', 'drawdown'],
    cells: (n) => [symbolOf(n), 'momentum', (100 * noise()).toFixed(2), n % 2, (40 * Math.random()).toFixed(2)],
  },
  {
    stream: 'signal_predictions',
    share: 1,
    key: 'symbol',
    series: 'signal_type',
    value: 'confidence',
    columns: ['symbol', 'signal_type', 'confidence', 'predicted_pnl'],
    cells: (n) => [
      symbolOf(n),
      pick(['buy', 'sell'], n),
      Math.random().toFixed(4),
      n % 4 === 0 ? '\\N' : (50 * Math.random()).toFixed(2),
    ],
  },
];
const SHARES = PARTS.reduce((sum, { share }) => sum + share, 0);

const HOUR_MS = 3_600_000;
/** So many rows a second of an hour's history that each pixel column has all four rows of each line that more would leave in it. */
const HISTORY_A_SECOND = 200;
/** Rows that are sent as one text. */
const MOST_AT_ONCE = 100_000;

/** Writes rows into all streams. Numbers and times go on from one batch to the next. */
export class Load {
  readonly #config: pg.ClientConfig;
  #client: pg.Client | null = null;
  /** Of each stream. */
  readonly #numbers = new Map<StreamName, number>();
  /** Time of the newest row, epoch ms. */
  #written: number;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
    this.#written = Date.now() - HOUR_MS;
  }

  /** An hour of rows up to the present; answers how many. */
  async history(): Promise<number> {
    const rows = (HOUR_MS / 1000) * HISTORY_A_SECOND;
    return (await this.batch(rows)).rows;
  }

  /**
   * Writes `rows` rows, spread over the time since the batch before; answers how many, and of each stream the newest time of
   * what a page of the first symbol shows; not of anomalies, whose weak points it may leave out.
   */
  async batch(rows: number): Promise<{ rows: number; newest: ReadonlyMap<StreamName, number> }> {
    const begin = this.#written;
    const end = Math.max(begin + 1, Date.now());
    const newest = new Map<StreamName, number>();
    let written = 0;
    for (const part of PARTS) {
      const count = Math.floor((rows * part.share) / SHARES);
      const first = this.#numbers.get(part.stream) ?? 0;
      const at = (index: number): number => begin + ((index + 1) / count) * (end - begin);
      await this.#copy(part, count, first, at);
      this.#numbers.set(part.stream, first + count);
      // As the database rounds it.
      if (part.stream !== 'anomalies') newest.set(part.stream, Math.round(at(lastShown(part, count, first))));
      written += count;
    }
    this.#written = end;
    return { rows: written, newest };
  }

  /** The client, connected anew where a restart has ended it. */
  async client(): Promise<pg.Client> {
    if (this.#client !== null) return this.#client;
    const client = new pg.Client(this.#config);
    client.on('error', () => {
      this.#client = null;
    });
    await client.connect();
    this.#client = client;
    return client;
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  async #copy({ stream, columns, cells }: Part, count: number, first: number, at: (index: number) => number) {
    const client = await this.client();
    const stretch = (index: number): number => Math.floor(at(index) / STRETCH_MS);
    for (let start = 0; start < count; start += MOST_AT_ONCE) {
      const copy = client.query(from(`copy ${stream} ("timestamp", ${columns.join()}) from stdin`));
      const finished = once(copy, 'finish');
      let text = '';
      for (let index = start; index < Math.min(count, start + MOST_AT_ONCE); index += 1) {
        const isFirst = stretch(index) > stretch(index - 1);
        text += `${new Date(Math.round(at(index))).toISOString()}\t${cells(first + index, isFirst).join('\t')}\n`;
      }
      copy.end(text);
      await finished;
    }
  }
}

/** The newest row of a line. */
export interface Newest {
  readonly line: string;
  readonly time: number;
  readonly value: number;
}

/**
 * What the database says of a stream as the page shows it with a symbol: the newest row of each line, and the rows of the 60
 * minutes of which the last is that of `now` (epoch ms).
 */
export async function truthOf(
  client: pg.Client,
  stream: StreamName,
  symbol: string,
  now: number,
): Promise<{ newest: readonly Newest[]; rowsLastHour: number }> {
  const part = PARTS.find((each) => each.stream === stream);
  if (part === undefined) throw new RangeError(`${stream} is not written`);
  const { key, series, value } = part;
  const isSystem = key !== 'symbol';
  // Of a crowd of weak points a chart keeps the strongest; those above the threshold are never left out.
  const isKept = stream === 'anomalies' ? `abs(z_score) >= ${USUAL_THRESHOLD}` : 'true';
  const { rows } = await client.query<{ line: string; time: number; value: number }>(
    `select distinct on (line) ${series ?? key} as line, (extract(epoch from "timestamp") * 1000)::float8 as time,
        ${value}::float8 as value
      from ${stream} where ${isSystem ? '$1::text is not null' : `${key} = $1`} and "timestamp" > now() - interval '2 minutes' and ${isKept}
      order by line, "timestamp" desc, id desc`,
    [symbol],
  );
  const { rows: counted } = await client.query<{ count: number }>(
    `select count(*)::int as count from ${stream} where ${isSystem ? '$1::text is not null' : `${key} = $1`}
       and "timestamp" >= date_trunc('minute', to_timestamp($2)) - interval '59 minutes'
       and "timestamp" < date_trunc('minute', to_timestamp($2)) + interval '1 minute'`,
    [symbol, now / 1000],
  );
  return {
    newest: rows.map(({ line, time, value: cell }) => ({ line, time, value: cell })),
    rowsLastHour: counted[0]?.count ?? Number.NaN,
  };
}
