/** The examples in Python write to a running dashboard's database as they stand, and subscribers have the rows at once. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../../server/root.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const run = promisify(execFile);

/** The first interpreter of this machine that runs `statement`; null where none does. */
async function pythonThat(statement: string): Promise<string | null> {
  for (const command of ['python3', '/usr/bin/python3']) {
    try {
      await run(command, ['-c', statement]);
      return command;
    } catch {
      // Not there, or without what is asked for: the next one may do.
    }
  }
  return null;
}

const python = await pythonThat('import urllib.request');
const withPsycopg = await pythonThat('import psycopg');

let database: TestDatabase;
let dashboard: Dashboard;
let feed: FeedSocket;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  dashboard = await startDashboard(database.url, {
    DASHBOARD_HEARTBEAT_SECONDS: '0.2',
    DASHBOARD_WRITE_TOKENS: 'bot:write-1',
    DASHBOARD_VIEW_TOKENS: 'desk:view-1',
  });
});
afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});
beforeEach(async () => {
  feed = await FeedSocket.open(`${dashboard.feedUrl}?token=view-1`);
  await feed.until(() => feed.of('heartbeat').at(-1)?.doorbell === 'up');
});
afterEach(async () => {
  await feed?.close();
});

const PATH = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

/** Runs an example; the ids that it printed. */
async function example(command: string | null, name: string, env: Readonly<Record<string, string>>): Promise<number[]> {
  const file = join(packageRoot(), 'examples', 'python-writer', name);
  const { stdout } = await run(command ?? 'python3', [file], { env: { ...PATH, ...env } });
  return z.array(z.number()).parse(JSON.parse(stdout));
}

it.skipIf(python === null)('by POST, with nothing but its own library (needs Python)', async () => {
  await feed.subscribe({ id: 'a', stream: 'anomalies', keys: ['BTC/USDT'], detail: 'full' });
  const env = { DASHBOARD_URL: dashboard.url, DASHBOARD_TOKEN: 'write-1' };
  const ids = await example(python, 'post_anomaly.py', env);
  expect(ids).toHaveLength(1);
  await feed.until(() => feed.deltaIds().length > 0);
  expect(feed.of('delta').flatMap(({ rows }) => rows)).toMatchObject([
    { id: ids[0], data_type: 'funding_rate', value: 0.0012, z_score: -4.5, threshold: 3, metadata: { window: '7d' } },
  ]);
  const refused = example(python, 'post_anomaly.py', { ...env, DASHBOARD_TOKEN: 'view-1' });
  await expect(refused).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^403: .*DASHBOARD_WRITE_TOKENS/),
  });
});

it.skipIf(withPsycopg === null)('by INSERT, as the pipeline does (needs psycopg for Python)', async () => {
  await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'], detail: 'full' });
  await feed.subscribe({ id: 'b', stream: 'system_metrics', keys: ['example_queue_length'] });
  const ids = await example(withPsycopg, 'insert_rows.py', { DATABASE_URL: database.url });
  await feed.until(() => feed.deltaIds().length > 1);
  const deltas = feed.of('delta');
  expect(deltas.map(({ via }) => via)).toEqual(['notify', 'notify']);
  expect(deltas.flatMap(({ rows }) => rows.map(({ id }) => id)).sort()).toEqual(ids.toSorted());
  expect(deltas.flatMap(({ rows }) => rows)).toContainEqual(
    expect.objectContaining({ exchange: 'binance', funding_rate: 0.0001, metadata: { source: 'example' } }),
  );
});
