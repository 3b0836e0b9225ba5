/** Retention on a real PostgreSQL: what goes, what must never go, and that nobody who writes or reads notices. */
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters } from '../../server/counted.ts';
import { readCatalogue } from '../../server/db/catalogue.ts';
import { migrate } from '../../server/db/migrate.ts';
import { Retention, type RetentionOptions } from '../../server/db/retention.ts';
import { readRetentionFacts, retentionVerdicts } from '../../server/db/retention-rules.ts';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { STREAMS } from '../../shared/streams.ts';
import { startDashboard } from '../support/dashboard.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { Recorder } from '../support/recorder.ts';
import { AT_ONCE, comparePacks, settle } from '../support/rollups.ts';

const DAYS = 7;

/** Its own: the rows that were there a round ago are told by the oldest transaction of all databases of the server. */
let server: PrivateServer;
let client: pg.Client;
const connections: pg.Client[] = [];
const running: Retention[] = [];

beforeAll(async () => {
  server = await startServer();
  await migrate({ connection: server.config, report: () => undefined });
  client = await connect();
});
beforeEach(async () => {
  await client.query('truncate system_metrics, anomalies');
  await client.query('truncate alphapulse_dashboard.rollups, alphapulse_dashboard.rollup_rewrites');
});
afterEach(async () => {
  for (const retention of running.splice(0)) await retention.stop();
});
afterAll(async () => {
  for (const connection of connections) await connection.end();
  await server?.dispose();
});

async function connect(): Promise<pg.Client> {
  const connection = new pg.Client(server.config);
  await connection.connect();
  connections.push(connection);
  return connection;
}

/** Retention as the service runs it, its rounds by hand and without rest. */
function retention(options: Partial<RetentionOptions> = {}): Retention {
  const made = new Retention({
    connection: async () => server.config,
    days: DAYS,
    counters: new Counters(),
    log: pino({ level: 'silent' }),
    pause: async () => undefined,
    ...options,
  });
  running.push(made);
  return made;
}

/** Two rounds: the first sees which rows are there, the second deletes. */
async function cleaned(options: Partial<RetentionOptions> = {}): Promise<Record<string, number>> {
  const made = retention(options);
  await made.round();
  const round = await made.round();
  return round.kind === 'done' ? Object.fromEntries(round.deleted) : {};
}

/** Writes one row a metric for each age in hours, written when it says unless `written` says otherwise. */
async function write(ages: readonly number[], metric = 'cpu', written: number | null = null): Promise<void> {
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
     select now() - make_interval(secs => age * 3600), $2, age, now() - make_interval(secs => coalesce($3::float8, age) * 3600)
     from unnest($1::float8[]) age`,
    [ages, metric, written],
  );
}

async function ages(metric = 'cpu'): Promise<readonly number[]> {
  const { rows } = await client.query<{ age: number }>(
    'select metric_value as age from system_metrics where metric_name = $1 order by 1',
    [metric],
  );
  return rows.map(({ age }) => age);
}

const hours = (days: number): number => days * 24;
/** A week whole, so that there is something that the bound can be believed by. */
const WEEK = Array.from({ length: hours(DAYS) }, (_, hour) => hour);

describe('what goes', () => {
  it('is what is older than the days by its own time and by that of its writing, whole hours, in the second round', async () => {
    await write([...WEEK, hours(DAYS) + 2, hours(8), hours(30)]);
    await write([hours(9)], 'memory');
    const made = retention();
    expect(await made.round()).toMatchObject({ kind: 'done' });
    expect(await ages()).toHaveLength(WEEK.length + 3);
    const round = await made.round();
    expect(round).toEqual({
      kind: 'done',
      deleted: new Map([
        ['anomalies', 0],
        ['system_metrics', 4],
      ]),
    });
    expect(await ages()).toEqual(WEEK);
    expect(await ages('memory')).toEqual([]);
  });

  it('comes to thousands of rows in many batches, rows of one time among them', async () => {
    await write(WEEK);
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
       select '2020-01-01'::timestamptz + i / 1500 * interval '1 h', 'cpu', -i, '2020-01-01' from generate_series(1, 4500) i`,
    );
    let batches = 0;
    const deleted = await cleaned({
      pause: async () => {
        batches += 1;
      },
    });
    expect(deleted).toMatchObject({ system_metrics: 4500 });
    expect(batches).toBeGreaterThanOrEqual(4);
    expect(await ages()).toEqual(WEEK);
  });

  it('takes the packs of its hours along, and leaves a note for whoever is making one', async () => {
    await write([...WEEK, hours(20)]);
    await write([hours(1)], 'memory');
    await client.query(
      `insert into alphapulse_dashboard.rollups (stream, key, line, hour, width, rows, columns)
       select 'system_metrics', key, '', date_bin('1 hour', now() - make_interval(hours => age), 'epoch'), 60, 1, '{}'
       from (values ('cpu', 480), ('cpu', 24), ('memory', 480)) packs(key, age)`,
    );
    expect(await cleaned()).toMatchObject({ system_metrics: 1 });
    const left = await client.query('select key from alphapulse_dashboard.rollups order by 1');
    expect(left.rows).toEqual([{ key: 'cpu' }, { key: 'memory' }]);
    const notes = await client.query<{ covers: boolean }>(
      `select now() - interval '20 days' between from_time and to_time + interval '1 minute' as covers
       from alphapulse_dashboard.rollup_rewrites`,
    );
    expect(notes.rows).toHaveLength(1);
  });
});

it('leaves no pack of rows that are gone, also where one was being made meanwhile', async () => {
  await write(WEEK);
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
     select at, 'cpu', 1, at from generate_series(0, 99) row
     cross join lateral (select date_trunc('hour', now()) - interval '7 days 3 hours' + row * interval '1 s' as at) a`,
  );
  const [maintainer, blocker] = [await connect(), await connect()];
  const rollup = new StreamRollup(STREAMS.system_metrics, AT_ONCE);
  await settle(maintainer, rollup);
  const old = `hour < now() - interval '7 days 2 hours'`;
  const packs = async (): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::int as count from alphapulse_dashboard.rollups where ${old}`,
    );
    return rows[0]?.count ?? 0;
  };
  expect(await packs()).toBeGreaterThan(0);
  await client.query(
    `delete from alphapulse_dashboard.rollups where ${old}; delete from alphapulse_dashboard.rollup_hours where ${old}`,
  );
  const made = retention();
  await made.round();
  // The pack is made anew, and before that is committed its rows go.
  const { rows } = await maintainer.query<{ pid: number }>('select pg_backend_pid() as pid');
  await blocker.query('begin; lock alphapulse_dashboard.rollup_hours in share mode');
  const step = rollup.step(maintainer);
  await vi.waitFor(async () => {
    const waiting = await client.query(`select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`, [
      rows[0]?.pid,
    ]);
    expect(waiting.rowCount).toBe(1);
  });
  expect(await made.round()).toMatchObject({
    deleted: new Map([
      ['anomalies', 0],
      ['system_metrics', 100],
    ]),
  });
  await blocker.query('rollback');
  expect(await step).toMatchObject({ kind: 'built' });
  expect(await packs()).toBeGreaterThan(0);
  // It is there, and nobody takes it; then it goes.
  await comparePacks(client, STREAMS.system_metrics);
  await settle(maintainer, rollup);
  await comparePacks(client, STREAMS.system_metrics);
  expect(await packs()).toBe(0);
});

it('rings once a table that rows were deleted from, so that no server keeps history that shows them', async () => {
  const listener = await connect();
  const heard: (string | undefined)[] = [];
  listener.on('notification', ({ payload }) => heard.push(payload));
  await listener.query('listen alphapulse_dashboard');
  await write([...WEEK, hours(20)]);
  await cleaned();
  await client.query(`notify alphapulse_dashboard, 'over'`);
  await vi.waitFor(() => expect(heard).toContain('over'));
  expect(heard.filter((payload) => payload?.startsWith('rewritten'))).toEqual(['rewritten:system_metrics']);
  await listener.query('unlisten *');
});

describe('what stays', () => {
  it('is what came late: it is kept as long as a row that came in time', async () => {
    await write(WEEK);
    await write([hours(30)], 'cpu', 1);
    expect(await cleaned()).toMatchObject({ system_metrics: 0 });
    expect(await ages()).toHaveLength(WEEK.length + 1);
  });

  it('is what was not there in the round before, whatever it says of itself', async () => {
    await write(WEEK);
    const made = retention();
    await made.round();
    await write([hours(30)]);
    await made.round();
    expect(await ages()).toHaveLength(WEEK.length + 1);
    await made.round();
    expect(await ages()).toEqual(WEEK);
  });

  it('is the newest week of a table that nobody writes to any more', async () => {
    const stopped = WEEK.map((age) => age + hours(90));
    await write([...stopped, hours(120)]);
    expect(await cleaned()).toMatchObject({ system_metrics: 1 });
    expect(await ages()).toEqual(stopped);
  });

  it('is everything where a clock jumped: by the newest row years have passed, and nothing was written in them', async () => {
    const before = WEEK.map((age) => age + hours(3650));
    await write(before);
    await write([0, 0.5]);
    expect(await cleaned()).toMatchObject({ system_metrics: 0 });
    expect(await ages()).toEqual([0, 0.5, ...before]);
    // A day later the new time has a day's worth of rows.
    await write([hours(2)]);
    expect(await cleaned()).toMatchObject({ system_metrics: before.length });
  });

  it("is everything in view where this server's clock, or one row, is ahead", async () => {
    await write([...WEEK, -hours(3650)]);
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value) values ('infinity', 'cpu', 1)`,
    );
    const before = await ages();
    expect(await cleaned({ now: () => Date.now() + 3650 * 86_400_000 })).toMatchObject({ system_metrics: 0 });
    expect(await ages()).toEqual(before);
  });

  it("is more where this server's clock is behind", async () => {
    await write([...WEEK, hours(8), hours(20)]);
    expect(await cleaned({ now: () => Date.now() - 5 * 86_400_000 })).toMatchObject({ system_metrics: 1 });
    expect(await ages()).toHaveLength(WEEK.length + 1);
  });
});

describe('one at a time', () => {
  it('a round where another server is at it does nothing', async () => {
    await write([...WEEK, hours(20)]);
    const made = retention();
    await made.round();
    let second: unknown;
    const other = retention();
    await cleaned({
      pause: async () => {
        second ??= await other.round();
      },
    });
    expect(second).toEqual({ kind: 'busy' });
  });

  it('a stop ends a round in its middle and leaves no connection', async () => {
    await write([...WEEK, hours(20)]);
    const made = retention({
      pause: async () => {
        void made.stop();
      },
    });
    await made.round();
    expect(await made.round()).toEqual({ kind: 'stopped' });
    expect(await made.round()).toEqual({ kind: 'stopped' });
  });
});

describe('writers and readers', () => {
  it('insert beside it without waiting for a lock, and the feed brings every row, late ones too', async () => {
    await write(WEEK);
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
       select '2020-01-01'::timestamptz + i * interval '1 min', 'cpu', -i, '2020-01-01' from generate_series(1, 5000) i`,
    );
    const dashboard = await startDashboard(server.url, { DASHBOARD_TICK_SECONDS: '1' });
    const recorder = new Recorder({ url: () => dashboard.feedUrl, streams: ['system_metrics'] });
    const writer = new pg.Client({ ...server.config, lock_timeout: 250 });
    await writer.connect();
    try {
      await vi.waitFor(() => expect(recorder.trouble).toBeNull(), { timeout: 20_000 });
      const made = retention();
      let mark = 1_000_000;
      const insertBoth = async (): Promise<void> => {
        mark += 2;
        await writer.query(
          `insert into system_metrics ("timestamp", metric_name, metric_value)
           values (now(), 'cpu', $1), ('2020-01-02', 'cpu', $2)`,
          [mark, mark + 1],
        );
      };
      const stopped = new AbortController();
      const busy = (async () => {
        while (!stopped.signal.aborted) await insertBoth();
      })();
      await made.round();
      const round = await made.round();
      stopped.abort();
      await busy;
      expect(round).toMatchObject({
        kind: 'done',
        deleted: new Map([
          ['anomalies', 0],
          ['system_metrics', 5000],
        ]),
      });
      const { rows } = await client.query<{ count: number }>(
        'select count(*)::int as count from system_metrics where metric_value > 1000000',
      );
      expect(rows[0]?.count).toBe(mark - 1_000_000);
      await vi.waitFor(() => expect(recorder.recording('system_metrics').rows.size).toBe(mark - 1_000_000), {
        timeout: 20_000,
      });
      recorder.check();
    } finally {
      recorder.stop();
      await writer.end();
      await dashboard.stop();
    }
  });
});

describe('tables that are not its own', () => {
  let config: PrivateServer['config'];
  let owner: pg.Client;
  beforeAll(async () => {
    await client.query('create database another');
    config = { ...server.config, database: 'another' };
    owner = new pg.Client(config);
    await owner.connect();
    await owner.query(
      `create table system_metrics (
         id serial primary key, "timestamp" timestamptz not null, metric_name varchar(100) not null,
         metric_value double precision not null, metric_unit varchar(20), metadata jsonb,
         created_at timestamptz default now())`,
    );
    await migrate({ connection: config, report: () => undefined });
    await owner.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value, created_at)
       select now() - i * interval '6 h', 'cpu', i, now() - i * interval '6 h' from generate_series(0, 100) i`,
    );
  });
  afterAll(async () => {
    await owner?.end();
  });

  it('are left alone, with the SQL that makes one its own; after that it is cleaned', async () => {
    const verdicts = async () =>
      retentionVerdicts(await readCatalogue(owner), await readRetentionFacts(owner), DAYS).find(
        ({ stream }) => stream === 'system_metrics',
      );
    const verdict = await verdicts();
    expect(verdict).toMatchObject({ works: false, reason: expect.stringContaining('was there before') });
    const connection = async (): Promise<pg.ClientConfig> => config;
    expect(await cleaned({ connection })).toEqual({ anomalies: 0 });
    const mend = verdict?.works === false ? verdict.mend : '';
    await owner.query(mend.slice(mend.indexOf('insert')));
    expect(await verdicts()).toEqual({ stream: 'system_metrics', works: true });
    expect((await cleaned({ connection })).system_metrics).toBeGreaterThan(50);
  });

  it('are those that came after one of its own was dropped', async () => {
    await owner.query('alter table anomalies rename to anomalies_old; create table anomalies (like anomalies_old)');
    expect(retentionVerdicts(await readCatalogue(owner), await readRetentionFacts(owner), DAYS)).toContainEqual(
      expect.objectContaining({ stream: 'anomalies', works: false }),
    );
  });
});
