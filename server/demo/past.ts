/** Reads back from the tables what an earlier run of the demo wrote, so that the next one goes on from there. */
import * as z from 'zod';
import type { StreamName } from '../../shared/streams.ts';
import { LONGEST_TRADE, type OpenTrade, type RunningFigures, STRATEGIES } from './desk.ts';
import { EXCHANGES } from './instruments.ts';
import { type SymbolPast, seriesName, WINDOW } from './simulation.ts';
import { isForeignTable, type Sql } from './writer.ts';

const amount = z.coerce.number().pipe(z.number());
const fundingSchema = z.object({
  exchange: z.string(),
  time: amount,
  rate: amount,
  mark_price: amount.nullable(),
  open_interest: amount.nullable(),
  volume: amount.nullable(),
});
const predictionSchema = z.object({
  time: amount,
  signal_type: z.string(),
  side: z.enum(['long', 'short']),
  entry_price: amount,
  horizon_seconds: amount,
  position_size: amount,
});
const runningSchema = z.object({
  pnl: amount,
  win_rate: amount,
  drawdown: amount,
  trade_count: amount,
  avg_position_size: amount,
  max_position_size: amount,
});
const newestSchema = z.object({ time: amount.nullable(), recorded_at: z.string().nullable() });
const timeSchema = z.object({ time: amount.nullable() });

/** The newest funding rate up to now: when (epoch ms), and where a recording stood (epoch ms), if it came from one. */
export interface NewestRate {
  readonly time: number;
  readonly recordedAt: number | null;
}

/** Rows of a query; none where the table is not of the shape that the demo writes, since nothing of its own is in it then. */
async function ask(sql: Sql, text: string, values: unknown[]): Promise<unknown[]> {
  try {
    return (await sql.query(text, values)).rows;
  } catch (error) {
    if (isForeignTable(error)) return [];
    throw error;
  }
}

/** Null where the table is empty. Rows dated in the future are not looked at. */
export async function readNewestRate(sql: Sql, now: number): Promise<NewestRate | null> {
  const rows = await ask(
    sql,
    `select extract(epoch from "timestamp") * 1000 as time, metadata->>'recorded_at' as recorded_at
     from funding_rates where "timestamp" <= to_timestamp($1::float8 / 1000)
     order by "timestamp" desc limit 1`,
    [now],
  );
  const newest = newestSchema.optional().parse(rows[0]);
  if (newest === undefined || newest.time === null) return null;
  return { time: newest.time, recordedAt: newest.recorded_at === null ? null : Date.parse(newest.recorded_at) };
}

/** When the newest row of a table is dated, not after `now`; null where there is none. Epoch ms. */
export async function readNewestTime(sql: Sql, table: StreamName, now: number): Promise<number | null> {
  const rows = await ask(
    sql,
    `select extract(epoch from max("timestamp")) * 1000 as time from ${table}
     where "timestamp" <= to_timestamp($1::float8 / 1000)`,
    [now],
  );
  return timeSchema.optional().parse(rows[0])?.time ?? null;
}

/** A symbol as the tables have it at `time`; null where they know nothing of it. */
export async function readPast(sql: Sql, symbol: string, time: number): Promise<SymbolPast | null> {
  const [rates, trades, running] = await Promise.all([
    readRates(sql, symbol, time),
    readTrades(sql, symbol, time),
    readRunning(sql, symbol, time),
  ]);
  const last = rates.filter((row) => row.exchange === EXCHANGES[0]).at(-1);
  const latest = new Map(rates.map((row) => [row.exchange, row.rate]));
  if (rates.length === 0)
    return trades.length > 0 || running !== null
      ? { last: { time, rates: latest }, watched: [], trades, running }
      : null;
  return {
    last: {
      time,
      rates: latest,
      price: last?.mark_price ?? undefined,
      openInterest: last?.open_interest ?? undefined,
      volume: last?.volume ?? undefined,
    },
    watched: rates.flatMap((row) => [
      { series: seriesName('funding_rate', row.exchange), time: row.time, value: row.rate },
      ...(row.open_interest === null
        ? []
        : [{ series: seriesName('open_interest', row.exchange), time: row.time, value: row.open_interest }]),
      ...(row.volume === null
        ? []
        : [{ series: seriesName('volume', row.exchange), time: row.time, value: row.volume }]),
    ]),
    trades,
    running,
  };
}

/** The last row of each bar of the detectors' window, in the order of time: an index lookup a bar, however dense the polls. */
async function readRates(sql: Sql, symbol: string, time: number): Promise<z.infer<typeof fundingSchema>[]> {
  const from = Math.floor((time - WINDOW.windowMs) / WINDOW.barMs) * WINDOW.barMs;
  const rows = await ask(
    sql,
    `select f.exchange, extract(epoch from f."timestamp") * 1000 as time, f.funding_rate::float8 as rate,
            f.metadata->>'mark_price' as mark_price, f.metadata->>'open_interest' as open_interest,
            f.metadata->>'volume' as volume
     from unnest($4::text[]) as e(exchange)
     cross join generate_series(to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000),
                                $5::float8 * interval '1 ms') as bar
     cross join lateral (
       select * from funding_rates
       where symbol = $1 and exchange = e.exchange and "timestamp" >= bar
         and "timestamp" < bar + $5::float8 * interval '1 ms' and "timestamp" <= to_timestamp($3::float8 / 1000)
       order by "timestamp" desc limit 1) f
     order by f."timestamp"`,
    [symbol, from, time, [...EXCHANGES], WINDOW.barMs],
  );
  return z.array(fundingSchema).parse(rows);
}

async function readTrades(sql: Sql, symbol: string, time: number): Promise<OpenTrade[]> {
  const rows = await ask(
    sql,
    `select extract(epoch from "timestamp") * 1000 as time, signal_type, metadata->>'side' as side,
            metadata->>'entry_price' as entry_price, metadata->>'horizon_seconds' as horizon_seconds,
            metadata->>'position_size' as position_size
     from signal_predictions
     where symbol = $1 and "timestamp" > to_timestamp($2::float8 / 1000) and "timestamp" <= to_timestamp($3::float8 / 1000)
     order by "timestamp"`,
    [symbol, time - LONGEST_TRADE, time],
  );
  return rows.flatMap((row): OpenTrade[] => {
    // Predictions of others may lie in the same table; those without our metadata are not ours to trade.
    const parsed = predictionSchema.safeParse(row);
    if (!parsed.success) return [];
    const { signal_type: signalType, side, entry_price: entryPrice, position_size: size } = parsed.data;
    const due = parsed.data.time + parsed.data.horizon_seconds * 1_000;
    return size > 0 && due > time ? [{ signalType, side, entryPrice, size, due }] : [];
  });
}

async function readRunning(sql: Sql, symbol: string, time: number): Promise<RunningFigures | null> {
  const rows = await ask(
    sql,
    `select pnl, win_rate, drawdown, trade_count, avg_position_size, max_position_size from performance_metrics
     where symbol = $1 and strategy_id = $2 and "timestamp" <= to_timestamp($3::float8 / 1000)
     order by "timestamp" desc, id desc limit 1`,
    [symbol, STRATEGIES.momentum.id, time],
  );
  const row = runningSchema.safeParse(rows[0]).data;
  if (row === undefined) return null;
  return {
    pnl: row.pnl,
    peak: row.pnl + row.drawdown,
    trades: row.trade_count,
    wins: Math.round(row.win_rate * row.trade_count),
    sizeSum: row.avg_position_size * row.trade_count,
    sizeMax: row.max_position_size,
  };
}
