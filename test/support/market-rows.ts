/** A whole market by SQL: many symbols on several exchanges, their anomalies, and changes at a set pace. */
import type pg from 'pg';

/** Exchanges of a seeded market, in order. */
export const EXCHANGES = ['binance', 'bybit', 'okx'] as const;

/** The name of a seeded symbol: `BTC/USDT` is number 0, and every tenth is quoted in USDC. */
export function symbolName(number: number): string {
  if (number === 0) return 'BTC/USDT';
  return `C${number.toString().padStart(4, '0')}/${number % 10 === 0 ? 'USDC' : 'USDT'}`;
}

/** SQL of the same name, of a column `i`. */
const NAME = `case when i = 0 then 'BTC/USDT'
  else 'C' || lpad(i::text, 4, '0') || '/' || case when i % 10 = 0 then 'USDC' else 'USDT' end end`;

/** SQL of a rate with heavy tails around zero, alike on all exchanges, for columns `i` and `x` (number of the exchange). */
const RATE = `round((0.0001 * (sin(i * 12.9898) * 3 + 6 * power(sin(i * 78.233), 9)) + 0.00001 * sin(i * 3 + x * 5))::numeric, 8)`;

/**
 * Gives each of `symbols` symbols on the first `exchanges` exchanges four rates, the newest `ageSeconds` old, and every
 * seventh symbol some anomalies of the last hour.
 */
export async function seedMarket(
  writer: pg.Client,
  {
    symbols,
    exchanges = EXCHANGES.length,
    ageSeconds = 0,
  }: { symbols: number; exchanges?: number; ageSeconds?: number },
): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, next_funding_time, created_at)
       select t, ${NAME}, e, ${RATE}, date_trunc('day', now()) + interval '1 day', t
       from generate_series(3, 0, -1) back, generate_series(0, $1::int - 1) i,
         unnest($2::text[]) with ordinality as exchange(e, x),
         lateral (select now() - $3::int * interval '1 second' - back * interval '5 minutes' as t) at`,
    [symbols, EXCHANGES.slice(0, exchanges), ageSeconds],
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold, created_at)
       select t, ${NAME}, 'funding_rate', i, (3 + (i * 7 + n * 3) % 30 / 10.0) * case when i % 2 = 0 then 1 else -1 end, 3, t
       from generate_series(0, $1::int - 1, 7) i, generate_series(1, 12) n,
         lateral (select now() - (n * 4 + i % 4) * interval '1 minute' as t) at
       where n <= 1 + i % 12`,
    [symbols],
  );
}

/** Writes `rows` rates of as many channels, beginning at number `from` of them all; returns where to go on. */
export async function changeRates(
  writer: pg.Client,
  { symbols, exchanges = EXCHANGES.length }: { symbols: number; exchanges?: number },
  from: number,
  rows: number,
): Promise<number> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select clock_timestamp(), ${NAME}, ($3::text[])[x], ${RATE} + round((random() - 0.5)::numeric * 0.0001, 8)
       from (select (k / $4::int) % $5::int as i, 1 + k % $4::int as x
         from generate_series($1::int, $1::int + $2::int - 1) k) channels`,
    [from, rows, EXCHANGES.slice(0, exchanges), exchanges, symbols],
  );
  return (from + rows) % (symbols * exchanges);
}

/** Writes one anomaly. */
export async function insertAnomaly(writer: pg.Client, symbol: string, z: number, at = 'now()'): Promise<void> {
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold)
       values (${at}, $1, 'volume', 1, $2, 3)`,
    [symbol, z],
  );
}

/** Writes one rate. */
export async function insertRate(writer: pg.Client, symbol: string, exchange: string, rate: number): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, $2, $3)`,
    [symbol, exchange, rate],
  );
}
