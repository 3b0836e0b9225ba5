/** Long reads, and a table that is locked, keep no other stream's rows waiting. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let dashboard: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

describe('a database that is busy with one table', () => {
  it('F4 F7 brings the rows of the others all the same', async () => {
    const locker = await database.connect();
    const writer = await database.connect();
    const feed = await FeedSocket.open(dashboard.feedUrl);
    await feed.subscribe({ id: 'live', stream: 'system_metrics' });
    await locker.query('begin');
    await locker.query('lock table funding_rates in access exclusive mode');
    const blocked = Array.from({ length: 20 }, () => fetch(`${dashboard.url}/api/chart/funding_rates?symbol=BTC/USDT`));
    for (let i = 0; i < 5; i += 1)
      feed.say({ type: 'subscribe', id: `h${i}`, stream: 'funding_rates', range: `${i + 1}h` });
    const waiting = `select count(*)::int as n from pg_locks where not granted and relation = 'funding_rates'::regclass`;
    await expect.poll(async () => (await writer.query<{ n: number }>(waiting)).rows[0]?.n).toBeGreaterThanOrEqual(5);
    const { rows } = await writer.query<{ id: number }>(
      `insert into system_metrics ("timestamp", metric_name, metric_value) select now(), 'm' || i, i from generate_series(1, 3) i returning id`,
    );
    const ids = rows.map(({ id }) => Number(id));
    await feed.until(() => ids.every((id) => feed.deltaIds().includes(id)), 3000);
    expect(feed.of('delta').map(({ via }) => via)).not.toContain('replay');
    await locker.query('commit');
    const answers = await Promise.all(blocked);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await feed.close();
  });
});
