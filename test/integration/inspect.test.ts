/** Inspection names every difference between the declaration and a database at once, each with what mends it. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspect, reasonOf, type StreamInspection } from '../../server/db/inspect.ts';
import { migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase();
  client = await db.connect();
});
afterEach(() => db.drop());

async function inspected(name: StreamName, by: pg.Client = client): Promise<StreamInspection> {
  const found = (await inspect(by)).streams.find(({ stream }) => stream === name);
  if (found === undefined) throw new Error(`${name} was not inspected`);
  return found;
}

describe('inspection', () => {
  it('of an empty database finds every table missing, and says that migrate makes it', async () => {
    const { server, streams } = await inspect(client);
    expect(server.inRecovery).toBe(false);
    expect(server.versionNumber).toBeGreaterThanOrEqual(140_000);
    expect(streams.map(({ stream }) => stream)).toEqual([...STREAM_NAMES]);
    for (const stream of streams) {
      expect(stream).toMatchObject({ exists: false, relkind: null, readable: false, cursorColumn: false });
      expect(reasonOf(stream)).toEqual({
        reason: `there is no table ${stream.stream}`,
        mend: 'npm run migrate',
      });
    }
  });

  it('of the field before any migration finds the tables usable, without cursor and doorbell', async () => {
    await fieldSchema(client);
    expect(await inspected('signal_predictions')).toEqual({
      stream: 'signal_predictions',
      exists: true,
      relkind: 'r',
      hypertable: false,
      problems: [],
      cursorColumn: false,
      cursorIndex: false,
      doorbell: false,
      rewritesTold: false,
      readable: true,
      alterable: true,
      owner: db.config.user,
      foreignCursorValues: false,
      indexesMissing: ['symbol, signal_type, "timestamp" desc, id desc'],
    });
    expect(reasonOf(await inspected('signal_predictions'))).toBeNull();
  });

  it('names all missing and all other-typed columns at once', async () => {
    await client.query(`create table anomalies (
      id uuid, "timestamp" timestamp, symbol varchar(20) not null, data_type varchar(50), value text, z_score real)`);
    const anomalies = await inspected('anomalies');
    expect(anomalies.problems.map(({ column, problem }) => [column, problem])).toEqual([
      ['id', 'the column id is uuid, accepted are smallint, integer, bigint'],
      ['timestamp', 'the column timestamp is timestamp without time zone, accepted are timestamp with time zone'],
      ['value', expect.stringContaining('the column value is text, accepted are double precision')],
      ['threshold', 'the column threshold (double precision default 3.0) is missing'],
      ['metadata', 'the column metadata (jsonb) is missing'],
      ['created_at', 'the column created_at (timestamptz default now()) is missing'],
    ]);
    expect(reasonOf(anomalies)?.reason).toContain('; the columns threshold, metadata, created_at are missing');
    expect(anomalies.indexesMissing).toEqual(['symbol, "timestamp" desc', 'z_score desc, "timestamp" desc']);
  });

  it('gives mends that mend, where columns can be added or changed', async () => {
    await client.query(`create table system_metrics (
      id bigint primary key, "timestamp" timestamp not null, metric_name text not null, metric_value text)`);
    const { problems } = await inspected('system_metrics');
    expect(problems).toHaveLength(5);
    for (const { mend } of problems) await client.query(mend);
    expect((await inspected('system_metrics')).problems).toEqual([]);
  });

  it('accepts what the field has of other widths and domains', async () => {
    await client.query(`
      create domain price as numeric(20, 8);
      create table anomalies (id bigserial, "timestamp" timestamptz, symbol text, data_type char(10), value price,
        z_score numeric, threshold integer, metadata json, created_at timestamptz, extra integer)`);
    expect((await inspected('anomalies')).problems).toEqual([]);
  });

  it('recognises the older performance_metrics and the wide system_metrics', async () => {
    await fieldSchema(client, 'older_performance_metrics');
    const performance = reasonOf(await inspected('performance_metrics'));
    expect(performance?.reason).toMatch(/the older performance_metrics.*total_trades.*has no symbol.*strategy_id/);
    expect(performance?.mend).toMatch(
      /^alter table performance_metrics rename to performance_metrics_old, then: npm run migrate$/,
    );
    await client.query(`create table system_metrics (id serial, "timestamp" timestamptz, cpu_percent float)`);
    const system = reasonOf(await inspected('system_metrics'));
    expect(system?.reason).toMatch(/a wide system_metrics.*cpu_percent.*has no metric_name/);
    expect(reasonOf(await inspected('funding_rates'))).toBeNull();
  });

  it('takes a view for no table, and its mend makes room', async () => {
    await migrate({ connection: db.config, report: () => undefined });
    await client.query('alter table anomalies rename to raw; create view anomalies as select * from raw');
    const view = await inspected('anomalies');
    expect(view).toMatchObject({ exists: true, relkind: 'v', doorbell: false, cursorIndex: false });
    expect(reasonOf(view)?.reason).toBe('anomalies is a view, not a table');
    const mend = /^(alter view \w+ rename to \w+), then/.exec(reasonOf(view)?.mend ?? '')?.[1] ?? '';
    await client.query(mend);
    expect((await inspected('anomalies')).exists).toBe(false);
  });

  it('tells where a table of the pipeline lies when it is not on the search path', async () => {
    await client.query('create schema trading; set search_path = trading');
    await fieldSchema(client);
    await client.query('set search_path = public');
    expect(reasonOf(await inspected('funding_rates'))?.reason).toContain('in the schema trading');
    await client.query('set search_path = trading');
    expect(reasonOf(await inspected('funding_rates'))).toBeNull();
  });

  it('sees a disabled doorbell, a lost default and an invalid index for what they are', async () => {
    await migrate({ connection: db.config, report: () => undefined });
    await client.query(`
      alter table anomalies disable trigger alphapulse_dashboard_doorbell;
      alter table anomalies alter column dashboard_xid set default '5';
      update pg_index set indisvalid = false where indexrelid = 'dashboard_funding_rates_cursor'::regclass`);
    expect(await inspected('anomalies')).toMatchObject({ doorbell: false, cursorColumn: false, problems: [] });
    expect(await inspected('funding_rates')).toMatchObject({ doorbell: true, cursorColumn: true, cursorIndex: false });
    await client.query('drop index dashboard_anomalies_symbol_timestamp');
    expect((await inspected('anomalies')).indexesMissing).toEqual(['symbol, "timestamp" desc']);
  });

  it('works for a role that may only read, and names the right it lacks', async () => {
    const role = `reader_${process.pid}`;
    await migrate({ connection: db.config, report: () => undefined });
    await client.query(`create role ${role}; grant select on anomalies to ${role}; set role ${role}`);
    try {
      expect(await inspected('anomalies')).toMatchObject({
        readable: true,
        cursorIndex: true,
        doorbell: true,
        problems: [],
      });
      const funding = await inspected('funding_rates');
      expect(funding.readable).toBe(false);
      expect(reasonOf(funding)).toEqual({
        reason: `the role ${role} may not read it`,
        mend: `grant select on public.funding_rates to ${role}`,
      });
    } finally {
      await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    }
  });
});
