/** Rollups: after whatever happened to the rows, every pack is what M4 keeps of the rows that are visible at the position. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { HOUR_MS } from '../../server/db/rollup/tables.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { AT_ONCE, type Compared, comparePacks, settle, settled } from '../support/rollups.ts';
import { HYPERTABLES } from '../support/timescale.ts';

const METRICS = STREAMS.system_metrics;
/** The beginning of an hour two days ago. */
const HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 48 * HOUR_MS;

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase({ migrated: true });
  client = await db.connect();
});
afterEach(() => db.drop());

/** Writes rows of a metric, evenly over an hour. */
async function write(
  {
    metric = 'cpu',
    hour = HOUR,
    rows = 1000,
    from = 0,
  }: { metric?: string; hour?: number; rows?: number; from?: number } = {},
  on: pg.Client = client,
): Promise<void> {
  await on.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value)
     select to_timestamp($2::float8 / 1000 + i * 3600.0 / ($3::int + 1)),
       $1, case i % 50 when 7 then 'NaN' when 8 then 'Infinity' else sin(i * 0.37) * i end
     from generate_series($4::int, $4 + $3 - 1) i where i * 3600.0 / ($3 + 1) < 3600`,
    [metric, hour, rows, from],
  );
}

async function checked(stream: StreamDeclaration = METRICS): Promise<Compared> {
  const compared = await comparePacks(client, stream);
  expect(compared.holes).toEqual([]);
  return compared;
}

const count = async (table: string): Promise<number> => {
  const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from alphapulse_dashboard.${table}`);
  return rows[0]?.n ?? -1;
};

describe('packs', () => {
  it('are made of hours by how many rows they have, of every stream but anomalies', async () => {
    await write({ rows: 12, hour: HOUR });
    await write({ rows: 13, hour: HOUR + HOUR_MS });
    await write({ rows: 240, hour: HOUR + 2 * HOUR_MS });
    await write({ rows: 241, hour: HOUR + 3 * HOUR_MS });
    await write({ rows: 720, hour: HOUR + 4 * HOUR_MS });
    await write({ rows: 721, hour: HOUR + 5 * HOUR_MS });
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 0 + 1 + 1 + 2 + 2 + 3 });
  });

  it('tell lines apart: with a series, with none, with an empty one, and where no index knows the series', async () => {
    await client.query('alter table funding_rates alter exchange drop not null');
    await client.query('alter table signal_predictions alter signal_type drop not null');
    for (const [symbol, line] of [
      ['BTC/USDT', 'binance'],
      ['BTC/USDT', null],
      ['ETH/USDT', ''],
      ['ETH/USDT', ':x'],
      ['SOL/USDT', null],
    ]) {
      const values = [symbol, line, HOUR];
      await client.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate, next_funding_time)
         select to_timestamp($3::float8 / 1000 + i * 10.7), $1, $2, sin(i) / 10000, nullif(i % 3, 0) / 100000.0,
           to_timestamp($3::float8 / 1000 + i) from generate_series(1, 300) i`,
        values,
      );
      await client.query(
        `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl)
         select to_timestamp($3::float8 / 1000 + i * 4.1), $1, $2, random(), nullif(i % 5, 0)
         from generate_series(1, 800) i`,
        values,
      );
      await client.query(
        `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, trade_count)
         select to_timestamp($3::float8 / 1000 + i * 20), $1, coalesce($2, 'none'), random(), i
         from generate_series(1, 100) i`,
        values,
      );
    }
    for (const [stream, packs] of [
      [STREAMS.funding_rates, 10],
      [STREAMS.signal_predictions, 15],
      [STREAMS.performance_metrics, 5],
    ] as const) {
      await settled(client, stream);
      expect(await checked(stream)).toMatchObject({ packs });
    }
  });

  it('of an hour that grew between its examination and its packs are of one kind', async () => {
    await write({ rows: 900, hour: HOUR });
    await write({ metric: 'memory', rows: 200, hour: HOUR });
    // One line a transaction: the second waits with the rows that it was counted with.
    const rollup = new StreamRollup(METRICS, { ...AT_ONCE, rowsAtOnce: 1 });
    while ((await count('rollups')) === 0) await rollup.step(client);
    expect(await count('rollups')).toBe(3);
    await write({ metric: 'memory', rows: 100, hour: HOUR, from: 1 });
    await settle(client, rollup);
    expect(await checked()).toMatchObject({ packs: 3 + 2 });
  });

  it('of a long past are made newest first, in several transactions, each of them right', async () => {
    for (let hour = 0; hour < 30; hour += 1) await write({ hour: HOUR - hour * HOUR_MS, rows: 900 });
    const rollup = new StreamRollup(METRICS, { ...AT_ONCE, rowsAtOnce: 5000 });
    const seen: number[] = [];
    for (;;) {
      const { kind, hoursDone, hoursAll } = await rollup.step(client);
      expect(hoursAll).toBeGreaterThan(189);
      seen.push(hoursDone);
      await comparePacks(client, METRICS);
      if (kind === 'idle') break;
    }
    expect(new Set(seen).size).toBeGreaterThan(3);
    expect(await checked()).toMatchObject({ packs: 90 });
  });
});

describe('what happens to the rows afterwards', () => {
  beforeEach(async () => {
    await write();
    await write({ metric: 'memory' });
    await write({ hour: HOUR - HOUR_MS });
    await settled(client, METRICS);
    await checked();
  });

  it('late rows: the packs of their line and hour go with the position, and come again', async () => {
    await write({ rows: 5 });
    await comparePacks(client, METRICS);
    const slow = new StreamRollup(METRICS, { ...AT_ONCE, quietMs: 60_000 });
    expect(await slow.step(client)).toMatchObject({ kind: 'moved', dropped: 3 });
    expect(await comparePacks(client, METRICS)).toMatchObject({ packs: 6, holes: [expect.stringContaining('cpu')] });
    expect(await count('rollup_touched')).toBe(1);
    expect(await slow.step(client)).toMatchObject({ kind: 'idle' });
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 9 });
  });

  it('a day that is loaded later, with a line that was not there', async () => {
    for (let hour = 0; hour < 24; hour += 1) {
      await write({ metric: 'new', hour: HOUR - hour * HOUR_MS, rows: 100 });
      await write({ metric: 'cpu', hour: HOUR - hour * HOUR_MS, rows: 100 });
    }
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 24 + 22 + 2 * 3 + 3 });
  });

  it('rows of a transaction that was open all the while', async () => {
    const slow = await db.connect();
    await slow.query('begin');
    await write({ rows: 50 }, slow);
    await write({ rows: 3, metric: 'memory' });
    await settled(client, METRICS);
    await checked();
    await write({ rows: 3, metric: 'memory' });
    await slow.query('commit');
    await comparePacks(client, METRICS);
    await settled(client, METRICS);
    await checked();
  });

  it('rows of a transaction that was rolled back', async () => {
    const slow = await db.connect();
    await slow.query('begin');
    await write({ rows: 50 }, slow);
    await slow.query('update system_metrics set metric_value = 1');
    await slow.query('rollback');
    expect(await new StreamRollup(METRICS, AT_ONCE).step(client)).toMatchObject({ kind: 'idle' });
    expect(await count('rollup_rewrites')).toBe(0);
    await checked();
  });

  it('UPDATE and DELETE: a note takes the hours out in the same transaction, and they are packed again', async () => {
    // TimescaleDB refuses to move a row to another chunk.
    const [moved, by] = HYPERTABLES ? ['metric_unit', `'ms'`] : ['"timestamp"', `"timestamp" - interval '1 hour'`];
    for (const sql of [
      `update system_metrics set metric_value = metric_value + 1 where metric_name = 'cpu' and id % 100 = 3`,
      `update system_metrics set ${moved} = ${by} where metric_name = 'memory' and id % 7 = 3`,
      `delete from system_metrics where metric_name = 'cpu' and id % 3 = 0`,
      `delete from system_metrics where metric_name = 'memory'`,
    ]) {
      await client.query(sql);
      expect(await count('rollup_rewrites')).toBe(1);
      await comparePacks(client, METRICS);
      await settled(client, METRICS);
      expect(await count('rollup_rewrites')).toBe(0);
      await checked();
    }
    expect(await count('rollups')).toBeGreaterThan(0);
  });

  it('an hour that was rewritten waits until it is quiet', async () => {
    await client.query(`update system_metrics set metric_value = 1 where "timestamp" >= to_timestamp($1)`, [
      HOUR / 1000,
    ]);
    const rollup = new StreamRollup(METRICS, { ...AT_ONCE, quietMs: 3_600_000 });
    await settle(client, rollup);
    expect(await comparePacks(client, METRICS)).toMatchObject({ packs: 3 });
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 9 });
  });

  it('statements that touch no row leave no note, nor do those of the retention', async () => {
    await client.query('update system_metrics set metric_value = 1 where false');
    // Of hypertables nobody is told which rows were deleted, nor that none was.
    if (!HYPERTABLES) await client.query('delete from system_metrics where false');
    await client.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value) select id, "timestamp", metric_name, 0
       from system_metrics limit 1 on conflict do nothing`,
    );
    await client.query('begin');
    await client.query(`set local alphapulse_dashboard.retention = 'on'`);
    await client.query('delete from system_metrics where id = (select min(id) from system_metrics)');
    await client.query('rollback');
    expect(await count('rollup_rewrites')).toBe(0);
  });

  it('an upsert that changes a row leaves one', async () => {
    await client.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value) select id, "timestamp", metric_name, 0
       from system_metrics limit 1 on conflict (id${HYPERTABLES ? ', "timestamp"' : ''}) do update set metric_value = 123`,
    );
    expect(await count('rollup_rewrites')).toBe(1);
    await comparePacks(client, METRICS);
    await settled(client, METRICS);
    await checked();
  });

  it('TRUNCATE, and rows after it', async () => {
    await client.query('truncate system_metrics');
    await comparePacks(client, METRICS);
    await write({ rows: 70 });
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 1 });
  });

  it('rings for who keeps history in memory; and notes nothing where there are no rollups', async () => {
    const heard: (string | undefined)[] = [];
    const listener = await db.connect();
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query('listen alphapulse_dashboard');
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'A/B', 'x', 1, 2)`,
    );
    await client.query('update anomalies set value = 2');
    // Of hypertables this one would ring as well, for the trigger does not see that no row was deleted.
    if (!HYPERTABLES) await client.query('delete from anomalies where false');
    await client.query('delete from system_metrics where id % 2 = 0');
    await vi.waitFor(() => expect(heard).toEqual(['anomalies', 'rewritten:anomalies', 'rewritten:system_metrics']));
    expect(await count('rollup_rewrites')).toBe(1);
  });

  it('the position of a quiet stream keeps up with the transactions of others', async () => {
    const position = async (): Promise<string> => {
      const { rows } = await client.query<{ position: string }>(
        `select position from alphapulse_dashboard.rollup_state where stream = 'system_metrics'`,
      );
      return rows[0]?.position ?? '';
    };
    const before = await position();
    expect(await new StreamRollup(METRICS, AT_ONCE).step(client)).toMatchObject({ kind: 'idle' });
    // Each subtransaction with an id of its own counts as one more.
    await client.query(`create temp table trades (i int); do $do$ begin
      for i in 1..20100 loop
        begin insert into trades values (i); exception when others then raise; end;
      end loop; end $do$`);
    expect(await new StreamRollup(METRICS, AT_ONCE).step(client)).toMatchObject({ kind: 'moved' });
    expect(await position()).not.toBe(before);
    await checked();
  });

  it('a writer never fails where its note cannot be written', async () => {
    await client.query('alter table alphapulse_dashboard.rollup_rewrites rename to gone');
    await client.query('delete from system_metrics where id % 2 = 0');
    const { rows } = await client.query('select count(*)::int as n from system_metrics where id % 2 = 0');
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('a writer needs no right on anything of the dashboard', async () => {
    const role = `writer_${db.name}`;
    await client.query(`create role ${role}; grant select, insert, update, delete, truncate on system_metrics to ${role};
      grant usage on sequence system_metrics_id_seq to ${role}`);
    try {
      await client.query(`set role ${role}`);
      await write({ rows: 5 });
      await client.query('update system_metrics set metric_value = 1 where id % 100 = 3');
      await client.query('delete from system_metrics where id % 100 = 4');
      await client.query('reset role');
      expect(await count('rollup_rewrites')).toBe(2);
      await settled(client, METRICS);
      await checked();
    } finally {
      await client.query('reset role');
      await client.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

it('of a partitioned table hours are examined by time, and are the same', async () => {
  await client.query(`drop table system_metrics cascade;
    create table system_metrics (id serial not null, "timestamp" timestamptz not null, metric_name varchar(100) not null,
      metric_value double precision not null, metric_unit varchar(20), metadata jsonb, created_at timestamptz default now(),
      primary key (id, "timestamp")) partition by range ("timestamp");
    create table early partition of system_metrics for values from (minvalue) to ('${new Date(HOUR).toISOString()}');
    create table later partition of system_metrics for values from ('${new Date(HOUR).toISOString()}') to (maxvalue)`);
  await migrate({ connection: db.config, report: () => undefined });
  for (const hour of [0, 1, 2]) await write({ hour: HOUR - hour * HOUR_MS, rows: 300 * hour + 10 });
  await write({ hour: HOUR - 3 * HOUR_MS, metric: 'other', rows: 800 });
  await settle(client, new StreamRollup(METRICS, AT_ONCE, true));
  expect(await checked()).toMatchObject({ packs: 2 + 2 + 3 });
  await write({ hour: HOUR - HOUR_MS, rows: 20 });
  await client.query(`delete from system_metrics where metric_name = 'other'`);
  await settle(client, new StreamRollup(METRICS, AT_ONCE, true));
  expect(await checked()).toMatchObject({ packs: 4 });
});

describe('what voids everything', () => {
  beforeEach(async () => {
    await write();
    await settled(client, METRICS);
  });

  /** Packs that are wrong on purpose: whoever believes them is found out. */
  const spoil = (): Promise<unknown> => client.query('update alphapulse_dashboard.rollups set rows = rows + 1');

  it.each([
    ['another database', `update alphapulse_dashboard.rollup_state set database = '7/5'`],
    ['another format of packs', 'update alphapulse_dashboard.rollup_state set format = 0'],
    [
      'a table made anew',
      'create table copy (like system_metrics including all); drop table system_metrics cascade; alter table copy rename to system_metrics',
    ],
    [
      'a cursor column made anew',
      `alter table system_metrics drop column dashboard_xid; alter table system_metrics add column dashboard_xid xid8 default pg_current_xact_id()`,
    ],
    ['a trigger dropped', 'drop trigger alphapulse_dashboard_updated on system_metrics'],
    ['a trigger disabled', 'alter table system_metrics disable trigger alphapulse_dashboard_truncated'],
  ])('%s: nothing of before is left, and all is made again as soon as it can be', async (_, sql) => {
    await client.query(sql);
    await spoil();
    const rollup = new StreamRollup(METRICS, AT_ONCE);
    expect(await rollup.step(client)).toMatchObject({ kind: 'cleared' });
    expect(await count('rollup_state')).toBe(0);
    await migrate({ connection: db.config, report: () => undefined });
    await settle(client, rollup);
    await checked();
  });

  it('migrating without triggers takes the position away with them, and migrating with them does not believe what is left', async () => {
    await migrate({ connection: db.config, report: () => undefined, doorbell: false });
    expect(await count('rollup_state')).toBe(0);
    expect(await new StreamRollup(METRICS, AT_ONCE).step(client)).toMatchObject({ kind: 'unfit' });
    await client.query('update system_metrics set metric_value = 5');
    await migrate({ connection: db.config, report: () => undefined });
    await settled(client, METRICS);
    expect(await checked()).toMatchObject({ packs: 3 });
  });

  it('more rows than can be gone through in time void them, instead of being tried for ever', async () => {
    await write({ rows: 5 });
    const blocker = await db.connect();
    await blocker.query('begin; lock table alphapulse_dashboard.rollup_touched in access exclusive mode');
    await client.query('set statement_timeout = 500');
    const rollup = new StreamRollup(METRICS, AT_ONCE);
    await expect(rollup.step(client)).rejects.toMatchObject({ code: '57014' });
    await blocker.query('rollback');
    await client.query('reset statement_timeout');
    expect(await count('rollup_state')).toBe(0);
    await settle(client, rollup);
    expect(await checked()).toMatchObject({ packs: 3 });
  });

  it('hours that grow old take their packs with them', async () => {
    const rollup = new StreamRollup(METRICS, { ...AT_ONCE, windowMs: 24 * HOUR_MS });
    await settle(client, rollup);
    expect(await count('rollups')).toBe(0);
    expect(await count('rollup_hours')).toBeLessThan(26);
  });
});
