/** Migrating databases as the field has them: rows stay where and what they are, foreign shapes are left alone. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inspect } from '../../server/db/inspect.ts';
import { migrate } from '../../server/db/migrate.ts';
import { catalogueDump, rowsAsStored } from '../support/catalogue.ts';
import { type FieldShape, fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase();
  client = await db.connect();
});
afterEach(() => db.drop());

async function run(): Promise<string[]> {
  const lines: string[] = [];
  await migrate({ connection: db.config, report: (line) => lines.push(line) });
  return lines;
}

const FUNDING_ROWS = `
  insert into funding_rates ("timestamp", symbol, exchange, funding_rate, metadata)
  select now() - i * interval '1 minute', 'BTC/USDT', 'binance', i / 1e8, jsonb_build_object('i', i)
  from generate_series(1, 500) i`;
const PREDICTION_ROWS = `
  insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl)
  select now() - i * interval '1 minute', 'BTC/USDT', 'momentum', 'NaN', null from generate_series(1, 300) i`;

describe('existing data', () => {
  it.each<FieldShape>(['plain', 'composite', 'keyless'])('of the %s shape stays untouched', async (shape) => {
    await fieldSchema(client, shape);
    await client.query(FUNDING_ROWS);
    await client.query(PREDICTION_ROWS);
    const before = {
      funding: await rowsAsStored(client, 'funding_rates'),
      predictions: await rowsAsStored(client, 'signal_predictions'),
      catalogue: await catalogueDump(client),
    };
    await run();
    expect(await rowsAsStored(client, 'funding_rates')).toEqual(before.funding);
    expect(await rowsAsStored(client, 'signal_predictions')).toEqual(before.predictions);
    const after = await catalogueDump(client);
    expect(before.catalogue.filter((line) => !after.includes(line))).toEqual([]);
    const { rows } = await client.query('select count(dashboard_xid)::integer as stamped from funding_rates');
    expect(rows).toEqual([{ stamped: 0 }]);
    const { streams } = await inspect(client);
    expect(streams.every(({ problems, cursorIndex }) => problems.length === 0 && cursorIndex)).toBe(true);
  });

  it('keeps on being written as before, each row stamped with its transaction', async () => {
    await fieldSchema(client);
    await run();
    await client.query('begin');
    await client.query(FUNDING_ROWS);
    const { rows } = await client.query(
      'select count(*)::integer as n from funding_rates where dashboard_xid = pg_current_xact_id()',
    );
    await client.query('commit');
    expect(rows).toEqual([{ n: 500 }]);
  });
});

describe('foreign shapes', () => {
  it.each<[FieldShape, string, RegExp]>([
    ['older_performance_metrics', 'performance_metrics', /the older performance_metrics.*has no symbol/],
    ['wide_system_metrics', 'system_metrics', /a wide system_metrics.*has no metric_name/],
  ])('%s is left alone with its reason, the others work, and the mend given mends it', async (shape, table, reason) => {
    await fieldSchema(client, shape);
    const of = (dump: readonly string[]): string[] =>
      dump.filter((line) => line.includes(table) && !line.includes(`gate_${table}`));
    const before = of(await catalogueDump(client));
    const left = (await run()).find((line) => line.startsWith(`${table} is left alone`));
    expect(left).toMatch(reason);
    expect(of(await catalogueDump(client))).toEqual(before);
    const working = (await inspect(client)).streams.filter(({ problems }) => problems.length === 0);
    expect(working).toHaveLength(4);
    expect(working.every(({ cursorIndex, doorbell }) => cursorIndex && doorbell)).toBe(true);

    const mend = /Mend: (alter table \w+ rename to \w+), then: npm run migrate/.exec(left ?? '')?.[1] ?? '';
    await client.query(mend);
    await run();
    expect((await inspect(client)).streams.every(({ problems, doorbell }) => problems.length === 0 && doorbell)).toBe(
      true,
    );
  });

  it('does not make a table that the pipeline has in a schema out of sight', async () => {
    await client.query('create schema trading');
    await client.query('set search_path = trading');
    await fieldSchema(client);
    const lines = await run();
    expect(lines.find((line) => line.startsWith('funding_rates is left alone'))).toContain('in the schema trading');
    const { rows } = await client.query(`select to_regclass('public.funding_rates') as made`);
    expect(rows).toEqual([{ made: null }]);
  });

  it('leaves a column of the cursor name and another type to its owner', async () => {
    await fieldSchema(client);
    await client.query('alter table funding_rates add column dashboard_xid bigint');
    const lines = await run();
    expect(lines.find((line) => line.startsWith('funding_rates is left alone'))).toContain('dashboard_xid is bigint');
    const { rows } = await client.query(
      `select format_type(atttypid, null) as type from pg_attribute where attrelid = 'funding_rates'::regclass and attname = 'dashboard_xid'`,
    );
    expect(rows).toEqual([{ type: 'bigint' }]);
  });
});

describe('new tables', () => {
  it('are hypertables exactly where the server has TimescaleDB, and existing ones stay as they are', async () => {
    await fieldSchema(client);
    const { rowCount } = await client.query(`select 1 from pg_available_extensions where name = 'timescaledb'`);
    const available = rowCount === 1;
    if (available) await client.query('create extension timescaledb');
    await run();
    const { server, streams } = await inspect(client);
    expect(server.timescaledb !== null).toBe(available);
    const hypertables = streams.filter(({ hypertable }) => hypertable).map(({ stream }) => stream);
    expect(hypertables).toEqual(available ? ['anomalies', 'system_metrics'] : []);
    expect(streams.every(({ cursorIndex, doorbell }) => cursorIndex && doorbell)).toBe(true);
    expect((await run()).at(-1)).toContain('nothing to do');
  });
});

describe('native partitions', () => {
  it('get the column, the index at every level and one doorbell, and lose them again', async () => {
    await client.query(`
      create table anomalies (
        id serial, "timestamp" timestamptz not null, symbol varchar(20) not null, data_type varchar(50) not null,
        value double precision not null, z_score double precision not null, threshold double precision default 3.0,
        metadata jsonb, created_at timestamptz default now()) partition by range ("timestamp");
      create table anomalies_old partition of anomalies for values from (minvalue) to ('2026-01-01');
      create table anomalies_new partition of anomalies for values from ('2026-01-01') to (maxvalue)
        partition by list (symbol);
      create table anomalies_new_btc partition of anomalies_new for values in ('BTC/USDT');
      create table anomalies_new_rest partition of anomalies_new default`);
    const before = await catalogueDump(client);
    await run();
    const anomalies = (await inspect(client)).streams.find(({ stream }) => stream === 'anomalies');
    expect(anomalies).toMatchObject({ relkind: 'p', cursorColumn: true, cursorIndex: true, indexesMissing: [] });
    expect((await run()).at(-1)).toContain('nothing to do');

    await client.query('listen alphapulse_dashboard');
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query(
      `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       values ('2025-05-05', 'ETH/USDT', 'funding_rate', 1, 4), ('2026-05-05', 'BTC/USDT', 'funding_rate', 1, 4)`,
    );
    await vi.waitFor(() => expect(heard).toEqual(['anomalies']));
    const { rows } = await client.query('select count(*)::integer as n from anomalies where dashboard_xid is not null');
    expect(rows).toEqual([{ n: 2 }]);

    await migrate({ connection: db.config, remove: true, report: () => undefined });
    const after = (await catalogueDump(client)).filter((line) => line.includes('anomalies'));
    expect(after).toEqual(before.filter((line) => line.includes('anomalies')));
  });
});

describe('restored rows', () => {
  it('with ids of transactions that this server has not begun lose them; those being written keep theirs', async () => {
    await run();
    const insert = `insert into system_metrics ("timestamp", metric_name, metric_value, dashboard_xid)`;
    await client.query(
      `${insert} select now(), 'restored', i, '900000000000' from generate_series(1, 2500) i;
       ${insert} values (now(), 'kept', 1, pg_current_xact_id())`,
    );
    const { streams } = await inspect(client);
    expect(streams.filter(({ foreignCursorValues }) => foreignCursorValues).map(({ stream }) => stream)).toEqual([
      'system_metrics',
    ]);
    const writer = await db.connect();
    await writer.query('begin');
    await writer.query(`insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'late', 1)`);
    expect(await run()).toEqual(['system_metrics: foreign ids']);
    await writer.query('commit');
    const { rows } = await client.query(
      `select metric_name, count(*)::integer as rows, count(dashboard_xid)::integer as stamped
       from system_metrics group by 1 order by 1`,
    );
    expect(rows).toEqual([
      { metric_name: 'kept', rows: 1, stamped: 1 },
      { metric_name: 'late', rows: 1, stamped: 1 },
      { metric_name: 'restored', rows: 2500, stamped: 0 },
    ]);
    expect((await inspect(client)).streams.some(({ foreignCursorValues }) => foreignCursorValues)).toBe(false);
  });

  it('are cleared even where the dump came without the index', async () => {
    await run();
    await client.query(`
      drop index dashboard_anomalies_cursor;
      insert into anomalies ("timestamp", symbol, data_type, value, z_score, dashboard_xid)
      values (now(), 'BTC/USDT', 'funding_rate', 1, 4, '900000000000')`);
    await run();
    expect((await client.query('select dashboard_xid from anomalies')).rows).toEqual([{ dashboard_xid: null }]);
  });
});
