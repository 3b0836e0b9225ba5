/** What the server tells Prometheus: pushes timed, rows by what found them, how everything stands. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let client: pg.Client;
let dashboard: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  dashboard = await startDashboard(database.url, { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_VIEW_TOKENS: 'scraper:s-1' });
});
afterAll(async () => {
  await dashboard?.stop();
  await client?.end();
  await database?.drop();
});

/** All samples by their name with labels, as the text has them. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const reply = await fetch(`${dashboard.url}/metrics`, { headers: { authorization: 'Bearer s-1' } });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await reply.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const insert = (count: number): Promise<unknown> =>
  client.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select now(), 'A/B', 'x', 1, 1 from generate_series(1, $1::int)`,
    [count],
  );

it('needs the token that all reading needs', async () => {
  expect((await fetch(`${dashboard.url}/metrics`)).status).toBe(401);
});

it('times every row but those that only the tick found, and tells how many these are', async () => {
  const feed = await FeedSocket.open(`${dashboard.feedUrl}?token=s-1`);
  await feed.subscribe({ id: 'a', stream: 'anomalies' });
  await insert(7);
  await feed.until(() => feed.deltaIds().length === 7);
  // Without a ring the tick finds them, or the pump, which looks by itself for a while after one.
  await client.query('alter table anomalies disable trigger user');
  await insert(3);
  await feed.until(() => feed.deltaIds().length === 10);
  const samples = await scrape();
  const rows = (via: string): number =>
    samples.get(`alphapulse_stream_rows_total{stream="anomalies",via="${via}"}`) ?? 0;
  expect(rows('notify') + rows('tick')).toBe(10);
  expect(samples.get('alphapulse_push_latency_seconds_count{stream="anomalies"}') ?? 0).toBe(rows('notify'));
  expect(samples.get('alphapulse_push_latency_seconds_sum{stream="anomalies"}') ?? 0).toBeGreaterThanOrEqual(0);
  expect(samples.get('alphapulse_tick_rows_total') ?? 0).toBe(rows('tick'));
  expect(samples.get('alphapulse_clients')).toBe(1);
  await feed.close();
});

it('tells how the database, the doorbell, the streams, the memory and the process stand', async () => {
  await vi.waitFor(async () => {
    const samples = await scrape();
    for (const name of ['alphapulse_database_up', 'alphapulse_doorbell_up', 'alphapulse_stream_up{stream="anomalies"}'])
      expect([name, samples.get(name)]).toEqual([name, 1]);
  });
  const samples = await scrape();
  const names = [...samples.keys()];
  for (const expected of [
    /^alphapulse_build_info\{version="[^"]+",build="[^"]*"\}$/,
    /^alphapulse_pool_connections\{state="waiting"\}$/,
    /^alphapulse_log_bytes\{stream="anomalies"\}$/,
    /^alphapulse_cache_channels_total\{result="hit"\}$/,
    /^alphapulse_http_requests_total$/,
    /^nodejs_eventloop_lag_p99_seconds$/,
    /^process_resident_memory_bytes$/,
  ])
    expect(
      names.filter((name) => expected.test(name)),
      String(expected),
    ).toHaveLength(1);
  expect(samples.get('alphapulse_stream_newest_age_seconds{stream="anomalies"}')).toBeLessThan(600);
  expect(names.some((name) => name.includes('s-1'))).toBe(false);
});

it('tells a stream that is off from one that is live', async () => {
  await client.query('alter table system_metrics rename column metric_value to cpu_percent');
  await vi.waitFor(async () => expect((await scrape()).get('alphapulse_stream_up{stream="system_metrics"}')).toBe(0), {
    timeout: 15_000,
  });
});
