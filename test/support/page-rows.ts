/** Rows for a page to show: a history of one symbol in every stream, and as many further symbols as a test wants. */
import type pg from 'pg';

/** Gives BTC/USDT some hours in every stream, and `COIN<i>/USDT` one funding rate of i / 10,000, to `symbols` in all. */
export async function seedPage(writer: pg.Client, symbols: number): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at)
       select now() - i * interval '1 minute', 'BTC/USDT', e, 0.0001 * sin(i / 9.0), now() - i * interval '1 minute'
       from generate_series(1, 300) i, unnest(array['binance', 'bybit']) e`,
  );
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now(), 'COIN' || i || '/USDT', 'binance', i / 10000.0 from generate_series(1, $1::int) i`,
    [symbols - 1],
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, created_at)
       select now() - i * interval '3 minute', 'BTC/USDT', t, i, 4 * sin(i), now() - i * interval '3 minute'
       from generate_series(1, 100) i, unnest(array['funding_rate', 'volume']) t`,
  );
  await writer.query(
    `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, win_rate, drawdown, created_at)
       select now() - i * interval '5 minute', 'BTC/USDT', 'momentum', 10 * sin(i), i % 2, 0, now() - i * interval '5 minute'
       from generate_series(1, 60) i`,
  );
  await writer.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl, created_at)
       select now() - i * interval '5 minute', 'BTC/USDT', 'buy', abs(sin(i)), i, now() - i * interval '5 minute'
       from generate_series(1, 60) i`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit, created_at)
       select now() - i * interval '1 minute', 'cpu', 50 + 10 * sin(i / 9.0), '%', now() - i * interval '1 minute'
       from generate_series(1, 300) i`,
  );
}

/**
 * How many rows of a symbol a card says there were in the last hour: of 60 whole minutes, the present one included. Asked
 * of the database anew each time, because a minute may pass while a test runs.
 */
export async function rowsOfLastHour(client: pg.Client, table: string, symbol: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from ${table} where symbol = $1
       and "timestamp" >= date_trunc('minute', now()) - interval '59 minutes'
       and "timestamp" < date_trunc('minute', now()) + interval '1 minute'`,
    [symbol],
  );
  return rows[0]?.count ?? Number.NaN;
}
