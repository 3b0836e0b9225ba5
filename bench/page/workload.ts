/** What the benchmarks of the page write: a day of history for five charts, and rows at a steady rate, each with its commit noted. */
import pg from 'pg';
import type { StreamName } from '../../shared/streams.ts';

/** The symbol that is shown. */
export const SYMBOL = 'BTC/USDT';

interface Part {
  readonly stream: StreamName;
  /** Value column that stands for a row where one line a chart is drawn. */
  readonly value: string;
  readonly names: readonly string[];
  readonly columns: string;
  /** SQL of these columns: of a line's `name`, its number `n` and the row's time `t` in seconds. */
  readonly values: string;
}

const WAVE = 'sin(t / 900.0 + n)';

/** The five charts, their lines and their rows. */
export const PARTS: readonly Part[] = [
  {
    stream: 'funding_rates',
    value: 'funding_rate',
    names: ['binance', 'bybit', 'okx'],
    columns: 'symbol, exchange, funding_rate',
    values: `'${SYMBOL}', name, round((0.0001 * ${WAVE} + 0.00002 * random())::numeric, 8)`,
  },
  {
    stream: 'anomalies',
    value: 'z_score',
    names: ['volume', 'funding_rate'],
    columns: 'symbol, data_type, value, z_score',
    values: `'${SYMBOL}', name, 100 * random(), 5 * (random() - 0.5)`,
  },
  {
    stream: 'performance_metrics',
    value: 'pnl',
    names: ['momentum', 'carry'],
    columns: 'symbol, strategy_id, pnl, win_rate, drawdown',
    values: `'${SYMBOL}', name, 10 * ${WAVE} + random(), round(random()), 40 * random()`,
  },
  {
    stream: 'signal_predictions',
    value: 'confidence',
    names: ['buy', 'sell'],
    columns: 'symbol, signal_type, confidence, predicted_pnl',
    values: `'${SYMBOL}', name, abs(${WAVE}), 50 * random()`,
  },
  {
    stream: 'system_metrics',
    value: 'metric_value',
    names: ['cpu', 'memory', 'disk', 'network'],
    columns: 'metric_name, metric_value, metric_unit',
    values: `name, 50 + 30 * ${WAVE} + 5 * random(), '%'`,
  },
];

/** Seconds between two rows of a line in the history. */
const SPACING_S = 10;
const DAY_S = 86_400;

/** Writes a day of history for every line; answers how many rows that were. */
export async function seedDay(client: pg.Client): Promise<number> {
  let rows = 0;
  for (const { stream, names, columns, values } of PARTS) {
    const { rowCount } = await client.query(
      `insert into ${stream} ("timestamp", created_at, ${columns})
         select at, at, ${values} from generate_series($2::int, 0, -1) i, unnest($1::text[]) with ordinality lines(name, n),
           lateral (select now() - make_interval(secs => i * ${SPACING_S}) as at) moment,
           lateral (select extract(epoch from at)::float8 as t) seconds`,
      [names, DAY_S / SPACING_S - 1],
    );
    rows += rowCount ?? 0;
  }
  return rows;
}

/** A row on its way; times in ms of this process's `performance.now()`. */
export interface Written {
  readonly stream: StreamName;
  readonly name: string;
  /** The row's own time, epoch ms. */
  readonly time: number;
  readonly sent: number;
  readonly committed: number;
}

const TICK_MS = 2;

/** Writers of all five streams, each with a connection of its own, so that the rows of a line commit in their order. */
export class LineWriters {
  readonly #clients: readonly pg.Client[];

  private constructor(clients: readonly pg.Client[]) {
    this.#clients = clients;
  }

  static async open(config: pg.ClientConfig): Promise<LineWriters> {
    const clients = PARTS.map(() => new pg.Client(config));
    await Promise.all(clients.map((client) => client.connect()));
    return new LineWriters(clients);
  }

  /** Writes `rate` rows a second to every stream, each a transaction of its own, until `work` is done and all are committed. */
  async during(rate: number, work: () => Promise<unknown>): Promise<readonly Written[]> {
    const written: Written[] = [];
    const begun = performance.now();
    let isOver = false;
    const writing = PARTS.map(async (part, index) => {
      const client = this.#clients[index];
      if (client === undefined) return;
      for (let row = 0; !isOver; row += 1) {
        const due = begun + (row / rate) * 1000;
        while (performance.now() < due && !isOver) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
        if (!isOver) written.push(await insert(client, part, row));
      }
    });
    try {
      await work();
    } finally {
      isOver = true;
      await Promise.all(writing);
    }
    return written;
  }

  async end(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }
}

async function insert(client: pg.Client, { stream, names, columns, values }: Part, row: number): Promise<Written> {
  const at = row % names.length;
  const name = names[at] ?? '';
  const sent = performance.now();
  // Whole ms, which come to the page as they are; a row a line in so many ms at most.
  const time = Math.round(performance.timeOrigin + sent);
  await client.query({
    name: stream,
    text: `insert into ${stream} ("timestamp", ${columns})
      select at, ${values} from (select $1::text as name, $2::int as n, to_timestamp($3::float8 / 1000) as at) line,
        lateral (select extract(epoch from at)::float8 as t) seconds`,
    values: [name, at, time],
  });
  return { stream, name, time, sent, committed: performance.now() };
}

/** Rows of `system_metrics` one at a time, with a unit of their own and so a plot of their own, whose label tells the newest. */
export const TRACER = { name: 'tracer', unit: 'beats' };

export async function insertTracer(client: pg.Client, value: number): Promise<{ sent: number; committed: number }> {
  const sent = performance.now();
  await client.query({
    name: 'tracer',
    text: `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit) values (now(), $1, $2, $3)`,
    values: [TRACER.name, value, TRACER.unit],
  });
  return { sent, committed: performance.now() };
}
