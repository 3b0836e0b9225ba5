/** The maintainer of the rollups: one at a time, whatever ends it, and nothing half done. */
import { Writable } from 'node:stream';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { RollupMaintainer } from '../../server/db/rollup/maintainer.ts';
import { rollupMaintainerPid, rollupProgress } from '../../server/db/rollup/progress.ts';
import { HOUR_MS } from '../../server/db/rollup/tables.ts';
import { STREAMS } from '../../shared/streams.ts';
import { startDashboard } from '../support/dashboard.ts';
import { freshDatabase, startServer, type TestDatabase } from '../support/postgres.ts';
import { AT_ONCE, comparePacks } from '../support/rollups.ts';

const METRICS = STREAMS.system_metrics;
const PATIENT = { timeout: 30_000, interval: 20 };
const HOURS = 40;

let db: TestDatabase;
let client: pg.Client;
let running: RollupMaintainer[];

beforeEach(async () => {
  db = await freshDatabase({ migrated: true });
  client = await db.connect();
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((maintainer) => maintainer.stop()));
  await db.drop();
});

/** A maintainer that works in small transactions; `lines` takes what it logs. */
function start(connection: pg.ClientConfig = db.config, lines: string[] = [], rowsAtOnce = 1000): RollupMaintainer {
  const into = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const maintainer = new RollupMaintainer({
    connection: async () => connection,
    log: pino({ level: 'info' }, into),
    count: () => undefined,
    pace: { ...AT_ONCE, rowsAtOnce },
    stepMs: 10,
  });
  running.push(maintainer);
  maintainer.follow([{ stream: 'system_metrics', partitioned: false }]);
  return maintainer;
}

/** Rows of two metrics in each of the last hours. */
async function fill(on: pg.Client = client): Promise<void> {
  await on.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value)
     select date_trunc('hour', now()) - h * interval '1 hour' + i * interval '10 seconds', m, sin(i * h)
     from generate_series(1, ${HOURS}) h, generate_series(0, 359) i, unnest(array['cpu', 'memory']) m`,
  );
}

async function packs(on: pg.Client = client): Promise<number> {
  const { rows } = await on.query<{ n: number }>('select count(*)::int as n from alphapulse_dashboard.rollups');
  return rows[0]?.n ?? 0;
}

const some = (on: pg.Client = client): Promise<void> =>
  vi.waitFor(async () => expect(await packs(on)).toBeGreaterThan(10), PATIENT);

/** Waits until every hour is packed, and compares. */
async function finished(on: pg.Client = client): Promise<void> {
  await vi.waitFor(async () => {
    const progress = (await rollupProgress(on)).find(({ stream }) => stream === 'system_metrics');
    expect(progress?.hoursDone).toBeGreaterThanOrEqual(190);
    expect(progress).toMatchObject({ touched: 0, rewrites: 0 });
    expect((await comparePacks(on, METRICS)).holes.filter((hole) => !isCurrent(hole))).toEqual([]);
  }, PATIENT);
  expect(await packs(on)).toBeGreaterThanOrEqual(2 * HOURS);
}

/** The hour that has not ended yet has no packs. */
const isCurrent = (hole: string): boolean => hole.includes(String(Math.floor(Date.now() / HOUR_MS) * HOUR_MS));

describe('the maintainer', () => {
  it('is one of two; the other takes over when it is killed in the middle, and loses nothing', async () => {
    await fill();
    const maintainers = [start(), start()];
    await some();
    expect(maintainers.filter(({ holding }) => holding)).toHaveLength(1);
    const pid = await rollupMaintainerPid(client);
    await client.query('select pg_terminate_backend($1)', [pid]);
    await vi.waitFor(async () => expect(await rollupMaintainerPid(client)).not.toBe(pid), PATIENT);
    await comparePacks(client, METRICS);
    await finished();
    expect(maintainers.filter(({ holding }) => holding)).toHaveLength(1);
  });

  it('comes back by itself, and one that is stopped lets the lock go', async () => {
    await fill();
    const first = start();
    await some();
    const pid = await rollupMaintainerPid(client);
    await client.query('select pg_terminate_backend($1)', [pid]);
    await finished();
    const second = start();
    await first.stop();
    await vi.waitFor(() => expect(second.holding).toBe(true), PATIENT);
  });

  it('stops at once in the middle of a statement, and leaves nothing half done', async () => {
    await fill();
    const maintainer = start(db.config, [], 1_000_000);
    await vi.waitFor(() => expect(maintainer.holding).toBe(true), PATIENT);
    const blocker = await db.connect();
    await blocker.query('begin; lock table alphapulse_dashboard.rollup_hours in access exclusive mode');
    await vi.waitFor(async () => {
      const { rowCount } = await client.query(`select from pg_locks where not granted and database is not null`);
      expect(rowCount).toBeGreaterThan(0);
    }, PATIENT);
    await maintainer.stop();
    await blocker.query('rollback');
    await comparePacks(client, METRICS);
    start();
    await finished();
  });

  it('keeps up with writers: rows of now, late rows, and rewritten ones', async () => {
    await fill();
    start();
    const writer = await db.connect();
    for (let round = 0; round < 60; round += 1) {
      await writer.query(
        `insert into system_metrics ("timestamp", metric_name, metric_value)
         select now() - (i % 7) * interval '50 minutes', 'cpu', i from generate_series(1, 20) i`,
      );
      if (round % 10 === 3) await writer.query('update system_metrics set metric_value = 7 where id % 5000 = 77');
      if (round % 10 === 7) await writer.query('delete from system_metrics where id % 5000 = 99');
      if (round % 10 === 5) await comparePacks(client, METRICS);
    }
    await finished();
  });

  it('says once that it may not, and does nothing', async () => {
    const role = `keeper_${db.name}`;
    await client.query(`create role ${role} login password 'keeper'; grant select on system_metrics to ${role}`);
    try {
      await fill();
      const lines: string[] = [];
      const maintainer = start({ ...db.config, user: role, password: 'keeper' }, lines);
      await vi.waitFor(() => expect(lines.join()).toContain('rollups are off: the role may not write'), PATIENT);
      expect(maintainer.holding).toBe(false);
      await maintainer.stop();
      expect(lines).toHaveLength(1);
      expect(await packs()).toBe(0);
    } finally {
      await client.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it('says that there are no tables where an older migration made none', async () => {
    await client.query('drop table alphapulse_dashboard.rollup_touched');
    const lines: string[] = [];
    start(db.config, lines);
    await vi.waitFor(() => expect(lines.join()).toContain('npm run migrate'), PATIENT);
  });

  it('tells in the log how far it is', async () => {
    await fill();
    const lines: string[] = [];
    start(db.config, lines);
    await finished();
    const told = lines.filter((line) => line.includes('hours, newest first'));
    expect(told.length).toBeGreaterThan(2);
    expect(told.length).toBeLessThan(13);
    await vi.waitFor(() => expect(lines.join()).toMatch(/rollups of system_metrics: all \d+ hours/), PATIENT);
  });

  it('is part of the service', async () => {
    await fill();
    const dashboard = await startDashboard(db.url);
    try {
      await some();
      expect(await rollupMaintainerPid(client)).not.toBeNull();
    } finally {
      await dashboard.stop();
    }
    expect((await comparePacks(client, METRICS)).packs).toBeGreaterThan(0);
  });
});

it('a copy of the database begins anew', async () => {
  await fill();
  const maintainer = start();
  await finished();
  await maintainer.stop();
  await client.query('update alphapulse_dashboard.rollups set rows = 0');
  await client.end();
  const admin = new pg.Client({ ...db.config, database: 'postgres' });
  await admin.connect();
  const name = `${db.name}_copy`;
  try {
    await vi.waitFor(() => admin.query(`create database ${name} template ${db.name}`), PATIENT);
    const copy = new pg.Client({ ...db.config, database: name });
    await copy.connect();
    const other = start({ ...db.config, database: name });
    await vi.waitFor(async () => {
      const { rows } = await copy.query('select from alphapulse_dashboard.rollups where rows = 0');
      expect(rows).toHaveLength(0);
    }, PATIENT);
    await finished(copy);
    await other.stop();
    await copy.end();
  } finally {
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.end();
  }
});

it('a crash of the server takes the position back no further than the packs', async () => {
  const server = await startServer();
  try {
    await migrate({ connection: server.config, report: () => undefined });
    let own = new pg.Client(server.config);
    const connect = async (): Promise<void> => {
      own = new pg.Client(server.config);
      own.on('error', () => undefined);
      await own.connect();
    };
    await connect();
    await fill(own);
    const maintainer = start(server.config);
    await some(own);
    await own.query(`insert into system_metrics ("timestamp", metric_name, metric_value)
      select "timestamp", metric_name, 1 from system_metrics where id % 100 = 5`);
    await server.stop('immediate');
    await server.start();
    await connect();
    await comparePacks(own, METRICS);
    await own.query('update system_metrics set metric_value = 3 where id % 777 = 5');
    await finished(own);
    await maintainer.stop();
    await own.end();
  } finally {
    await server.dispose();
  }
});
