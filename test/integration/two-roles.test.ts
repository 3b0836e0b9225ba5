/**
 * The two roles of docs/operations.md, made by the page's own SQL on a server of their own: the one migrates the field's
 * tables, the other serves them live, keeps the rollups, writes where that is granted, and can harm nothing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { examine, faultsOf, follow } from '../support/doctor.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { fieldSchema, type PrivateServer, startServer } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';

const page = readFileSync(join(packageRoot(), 'docs', 'operations.md'), 'utf8');
const section = page.slice(page.indexOf('## Two roles'), page.indexOf('## Indexes'));
const [roles = '', serving = '', pipeline = '', writing = '', retention = '', ...rest] = [
  ...section.matchAll(/```sql\n([\s\S]*?)```/g),
].map(([, sql = '']) => sql);

let server: PrivateServer;
let admin: pg.Client;
let producer: pg.Client;
let dashboard: Dashboard | undefined;
const opened: pg.Client[] = [];

const urlOf = (user: string): string => `postgresql://${user}:secret@127.0.0.1:${server.config.port}/alphapulse`;
const envOf = (user: string): Readonly<Record<string, string>> => ({
  DATABASE_URL: urlOf(user),
  DB_SSLMODE: 'disable',
});

async function connect(config: pg.ClientConfig | string): Promise<pg.Client> {
  const client = new pg.Client(config);
  await client.connect();
  opened.push(client);
  return client;
}

beforeAll(async () => {
  server = await startServer();
  const first = await connect(server.config);
  await first.query('create database alphapulse');
  admin = await connect({ ...server.config, database: 'alphapulse' });
  await admin.query(`create role alphapulse login password 'secret'; grant create on schema public to alphapulse`);
  producer = await connect(urlOf('alphapulse'));
  await fieldSchema(producer);
  await producer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
     select now() - i * interval '20 seconds', 'BTC/USDT', 'okx', 0.0001 from generate_series(1, 2000) i`,
  );
});
afterAll(async () => {
  await dashboard?.stop();
  await Promise.all(opened.map((client) => client.end()));
  await server?.dispose();
});

const RATE = `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', 0.0002) returning id`;
const METRIC = JSON.stringify({ metric_name: 'cpu', metric_value: 1 });

async function post(): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${dashboard?.url}/api/system-metrics`, { method: 'POST', headers, body: METRIC });
}

describe('by the SQL of the page', () => {
  it('the one role migrates what the pipeline owns, and what is not there yet', async () => {
    expect(rest).toEqual([]);
    await admin.query(roles.replaceAll("'...'", "'secret'"));
    expect(await runProgram(['migrate'], envOf('dashboard_migrate'))).toMatchObject({ code: 0, stderr: '' });
    const migrator = await connect(urlOf('dashboard_migrate'));
    await migrator.query(serving);
    await migrator.query(pipeline);
  });

  it('the other serves: rows live by the doorbell, history, and rollups, with nothing for doctor to say', async () => {
    dashboard = await startDashboard(urlOf('dashboard'), { DASHBOARD_HEARTBEAT_SECONDS: '0.2' });
    const feed = await FeedSocket.open(dashboard.feedUrl);
    try {
      await feed.until(() => feed.of('heartbeat').at(-1)?.doorbell === 'up');
      await feed.subscribe({ id: 'a', stream: 'funding_rates', keys: ['BTC/USDT'], range: '24h' });
      await feed.until(() => feed.of('snapshot').length > 0);
      const { rows } = await producer.query<{ id: number }>(RATE);
      await feed.until(() => feed.deltaIds().includes(rows[0]?.id ?? Number.NaN));
      expect(feed.of('delta').at(-1)?.via).toBe('notify');
    } finally {
      await feed.close();
    }
    const packs = async (): Promise<number> =>
      (await admin.query('select from alphapulse_dashboard.rollups limit 1')).rowCount ?? 0;
    await expect.poll(packs, { timeout: 30_000 }).toBe(1);
    await expect.poll(async () => faultsOf(await examine(envOf('dashboard'))), { timeout: 30_000 }).toEqual([]);
  });

  it('the pipeline writes into the new tables as well', async () => {
    await producer.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 1)`,
    );
    await producer.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'BTC/USDT', 'x', 1, 4)`,
    );
  });

  it('it writes over HTTP once that is granted, and not before', async () => {
    expect((await post()).status).toBe(503);
    const migrator = await connect(urlOf('dashboard_migrate'));
    await migrator.query(writing);
    const answer = await post();
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ ids: [expect.any(Number)] });
  });

  it.each([
    'alter table anomalies add column more int',
    'drop table anomalies',
    'truncate anomalies',
    'delete from anomalies',
    'update anomalies set value = 0',
    'delete from funding_rates',
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', 1)`,
    'drop trigger alphapulse_dashboard_doorbell on funding_rates',
    'drop index dashboard_anomalies_cursor',
    'create table mine (id int)',
    'create schema mine',
    'delete from alphapulse_dashboard.migrations',
    'drop schema alphapulse_dashboard cascade',
  ])('it may not: %s', async (statement) => {
    const client = await connect(urlOf('dashboard'));
    await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('retention works once that is granted, and not before', async () => {
    const unable = async (): Promise<readonly string[]> =>
      faultsOf(await examine({ ...envOf('dashboard'), DASHBOARD_RETENTION_DAYS: '30' }));
    expect(await unable()).toEqual(['warn retention retention_unable']);
    const migrator = await connect(urlOf('dashboard_migrate'));
    await migrator.query(retention);
    expect(await unable()).toEqual([]);
  });
});

/** Doctor's findings as the serving role, and what is left once their mends were done by the administrator. */
async function mended(): Promise<{ readonly found: readonly string[]; readonly left: readonly string[] }> {
  const first = await examine(envOf('dashboard'));
  const mends = first.findings.flatMap(({ level, mend }) => (level === 'ok' || mend === null ? [] : [mend]));
  for (const mend of new Set(mends)) await follow(mend, admin, envOf('dashboard_migrate'));
  return { found: faultsOf(first), left: faultsOf(await examine(envOf('dashboard'))) };
}

it.each<[string, string, readonly string[]]>([
  ['reading a table', 'revoke select on funding_rates from dashboard', ['fail funding_rates table']],
  [
    'keeping rollups',
    'revoke delete on alphapulse_dashboard.rollups from dashboard',
    ['warn rollups rollups_forbidden'],
  ],
  [
    'notifying, of the server and of the triggers',
    'revoke execute on function pg_notify(text, text) from public',
    ['warn database notify_right', 'warn anomalies doorbell_silent', 'warn system_metrics doorbell_silent'],
  ],
])('a right that was revoked is named with its grant, which mends it: %s', async (_, revoke, found) => {
  await admin.query(revoke);
  expect(await mended()).toEqual({ found, left: [] });
});
