/**
 * Faults of the server, of the way to it and of the clock, on a PostgreSQL of its own: what cannot be reached, a pooler in
 * between, a standby, what is prepared and forgotten, a queue that fills up.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { commandsOf, type Examination, examine, faultsOf, follow } from '../support/doctor.ts';
import { hasPooler, type Pooler, startPooler } from '../support/pooler.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';

let server: PrivateServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startServer({ settings: { max_notify_queue_pages: '64', max_prepared_transactions: '5' } });
  await migrate({ connection: server.config, report: () => undefined });
  client = await connect();
});
afterAll(async () => {
  await client?.end();
  await server?.dispose();
});

async function connect(): Promise<pg.Client> {
  const opened = new pg.Client(server.config);
  // Servers that stop end their connections.
  opened.on('error', () => undefined);
  await opened.connect();
  return opened;
}

const envOf = (url: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  DATABASE_URL: url,
  DB_SSLMODE: 'disable',
  ...more,
});
/** What a database has on which no server runs. */
const UNKEPT = ['warn rollups rollups_unkept', 'warn rollups rollups_none'];
const unusualIn = (examination: Examination): readonly string[] =>
  faultsOf(examination).filter((fault) => !UNKEPT.includes(fault));
const mendOf = ({ findings }: Examination, code: string): string =>
  findings.find((finding) => finding.code === code)?.mend ?? '';

describe('the way to the database', () => {
  const role = 'lost';
  const url = (change: (url: URL) => void): string => {
    const changed = new URL(server.url);
    change(changed);
    return changed.href;
  };
  beforeAll(async () => {
    await client.query(`create role ${role} login superuser password 'right'`);
  });

  it('a wrong password', async () => {
    const env = envOf(
      url((wrong) => {
        wrong.username = role;
        wrong.password = 'mistaken';
      }),
    );
    const found = await examine(env);
    expect(faultsOf(found)).toEqual(['fail database password']);
    expect(JSON.stringify(found.findings)).not.toContain('mistaken');
    const [, change = ''] = /give the role that one: (.*)$/.exec(mendOf(found, 'password')) ?? [];
    expect(change).toBe(`alter role "lost" password '...'`);
    await client.query(change.replace('...', 'mistaken'));
    expect(unusualIn(await examine(env))).toEqual([]);
  });

  it('a database that is not there', async () => {
    const env = envOf(
      url((wrong) => {
        wrong.pathname = '/nowhere';
      }),
    );
    const found = await examine(env);
    expect(faultsOf(found)).toEqual(['fail database database_missing']);
    const mend = mendOf(found, 'database_missing');
    expect(mend).toContain(
      `createdb -h 127.0.0.1 -p ${server.config.port} -U postgres 'nowhere', then: npm run migrate`,
    );
    // What createdb does; the program itself does not come with the server of the tests.
    await client.query(`create database nowhere`);
    await follow(mend.replace(/^createdb [^,]*, then: /, ''), client, env);
    expect(unusualIn(await examine(env))).toEqual([]);
  });

  it('a server that is not there', async () => {
    const text = await runProgram(['doctor'], envOf('postgres://me:secret@127.0.0.1:1/pulse'));
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(
      /^fail {2}database: no connection to me@127\.0\.0\.1:1\/pulse.* Mend: check DATABASE_URL/m,
    );
    expect(text.stdout).not.toContain('secret');
  });

  it('a right to connect that is missing', async () => {
    await client.query(`create database closed; `);
    await client.query('revoke connect on database closed from public');
    await client.query(`create role outsider login password 'out'`);
    const env = envOf(
      url((closed) => {
        closed.pathname = '/closed';
        closed.username = 'outsider';
        closed.password = 'out';
      }),
    );
    const found = await examine(env);
    expect(faultsOf(found)).toEqual(['fail database connect_right']);
    await follow(mendOf(found, 'connect_right'), client, env);
    expect(faultsOf(await examine(env))).not.toContain('fail database connect_right');
  });
});

it.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['a tick of nothing', { DASHBOARD_TICK_SECONDS: '0' }, /DASHBOARD_TICK_SECONDS="0"/],
  ['a port that is none', { DASHBOARD_PORT: '80500' }, /DASHBOARD_PORT="80500"/],
  ['a database that is no PostgreSQL', { DATABASE_URL: 'mysql://me:hunter2@db/pulse' }, /DATABASE_URL/],
])('a fault of the configuration: %s', async (_, env, names) => {
  const found = await examine({ ...envOf(server.url), ...env });
  expect(faultsOf(found)).toEqual(['fail configuration configuration']);
  expect(found.findings[0]?.what).toMatch(names);
  expect(found.findings[0]?.mend).toBe('alphapulse-dashboard --help');
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

it.each([
  ['ahead of', -5000],
  ['behind', 5000],
])('a clock of the database that is %s that of the machine', async (which, shift) => {
  const preload = `const now = Date.now; Date.now = () => now() + ${shift};`;
  const found = await examine(
    envOf(server.url, { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` }),
  );
  expect(unusualIn(found)).toEqual(['warn database clock']);
  expect(found.findings.find(({ code }) => code === 'clock')).toMatchObject({
    what: expect.stringMatching(new RegExp(`clock is [45]\\.\\d s ${which} this machine's`)),
    mend: 'timedatectl set-ntp true, on both',
  });
});

it('a transaction that was prepared and forgotten', async () => {
  const env = envOf(server.url);
  await client.query(`begin; create table held (id int); prepare transaction 'forgotten'`);
  // One that is about to be committed is no fault.
  expect(unusualIn(await examine(env))).toEqual([]);
  await expect
    .poll(async () => unusualIn(await examine(env)), { timeout: 40_000 })
    .toEqual(['warn database prepared_transaction']);
  const mend = mendOf(await examine(env), 'prepared_transaction');
  expect(mend).toBe(`commit prepared 'forgotten', or: rollback prepared 'forgotten'`);
  expect(commandsOf(mend)).toEqual([`commit prepared 'forgotten'`]);
  await client.query(mend.replace(/^.*or: /, ''));
  expect(unusualIn(await examine(env))).toEqual([]);
});

it('a queue of notifications that fills up', async () => {
  const env = envOf(server.url);
  const hoarder = await connect();
  await hoarder.query('listen noise');
  // A listener inside a transaction reads nothing, and nothing behind it can be thrown away.
  await hoarder.query('begin');
  const more = `select pg_notify('noise', clock_timestamp() || repeat('x', 7000)), pg_notification_queue_usage() as usage`;
  for (let usage = 0; usage < 0.6; ) usage = (await client.query<{ usage: number }>(more)).rows[0]?.usage ?? 1;
  const found = await examine(env);
  expect(unusualIn(found)).toEqual(['warn database notification_queue']);
  expect(found.findings.find(({ code }) => code === 'notification_queue')?.what).toMatch(/is \d\d % full/);
  const { rows } = await client.query<{ pid: number }>(mendOf(found, 'notification_queue'));
  await client.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  await expect.poll(async () => unusualIn(await examine(env)), { timeout: 20_000 }).toEqual([]);
});

/** The address that a mend gives, with the password in it. */
function listenUrlOf(mend: string): string {
  const [, address = ''] = /^export DASHBOARD_LISTEN_URL='(.*)'$/.exec(mend) ?? [];
  return address.replace('PASSWORD', server.config.password);
}

it('a listener that hears nothing', async () => {
  // NOTIFY reaches the listeners of its own database alone, so that LISTEN on another one works and hears nothing.
  await client.query('create database elsewhere');
  const deaf = new URL(server.url);
  deaf.pathname = '/elsewhere';
  const found = await examine(envOf(server.url, { DASHBOARD_LISTEN_URL: deaf.href }));
  expect(unusualIn(found)).toEqual(['warn database listen_deaf']);
  const listen = listenUrlOf(mendOf(found, 'listen_deaf'));
  expect(unusualIn(await examine(envOf(server.url, { DASHBOARD_LISTEN_URL: listen })))).toEqual([]);
});

it('a listening address that leads nowhere', async () => {
  const nowhere = 'postgres://me:secret@127.0.0.1:1/pulse';
  const found = await examine(envOf(server.url, { DASHBOARD_LISTEN_URL: nowhere }));
  expect(unusualIn(found)).toEqual(['warn database listen_database_unreachable']);
  expect(JSON.stringify(found)).not.toContain('secret');
});

describe.skipIf(!hasPooler())('behind a transaction pooler (needs PgBouncer on this machine)', () => {
  let pooler: Pooler | undefined;
  const through = async (ignored: string): Promise<Readonly<Record<string, string>>> => {
    pooler = await startPooler(server.config, ignored);
    return envOf(pooler.url);
  };
  const end = async (): Promise<void> => {
    await pooler?.stop();
    pooler = undefined;
  };

  it('that refuses parameters the setting of the pooler is named', async () => {
    try {
      const found = await examine(await through('extra_float_digits'));
      expect(faultsOf(found)).toEqual(['fail database pooler_parameters']);
      expect(mendOf(found, 'pooler_parameters')).toContain(
        'ignore_startup_parameters = extra_float_digits, statement_timeout',
      );
    } finally {
      await end();
    }
  });

  it('nothing is heard, and the direct address that doctor names hears', async () => {
    try {
      const env = await through('extra_float_digits, statement_timeout');
      const found = await examine(env);
      expect(unusualIn(found)).toEqual(['warn database listen_deaf']);
      const listen = listenUrlOf(mendOf(found, 'listen_deaf'));
      expect(new URL(listen).port).toBe(String(server.config.port));
      expect(unusualIn(await examine({ ...env, DASHBOARD_LISTEN_URL: listen }))).toEqual([]);
    } finally {
      await end();
    }
  });
});

it('a standby', async () => {
  const mark = join(server.dataDir, 'standby.signal');
  await server.stop('fast');
  await writeFile(mark, '');
  await server.start();
  try {
    const found = await examine(envOf(server.url));
    expect(faultsOf(found)).toEqual(['fail database standby']);
    expect(mendOf(found, 'standby')).toMatch(/^export DB_HOST=PRIMARY/);
    expect((await runProgram(['doctor'], envOf(server.url))).stdout).toMatch(/^fail {2}database: .*standby/m);
  } finally {
    await server.stop('fast');
    await rm(mark);
    await server.start();
  }
  expect(unusualIn(await examine(envOf(server.url)))).toEqual([]);
});
