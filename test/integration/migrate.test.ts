/** Migrating: from nothing, again, at the same time, with every option, and out again. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspect } from '../../server/db/inspect.ts';
import { type MigrateOptions, migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { catalogueDump } from '../support/catalogue.ts';
import { fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase();
  client = await db.connect();
});
afterEach(() => db.drop());

/** Migrates and answers the report. */
async function run(options: Partial<MigrateOptions> = {}): Promise<string[]> {
  const lines: string[] = [];
  await migrate({ connection: db.config, report: (line) => lines.push(line), ...options });
  return lines;
}

const NOTHING = ['nothing to do: the database is up to date'];

describe('migrate', () => {
  it('makes everything in an empty database, and inspection finds it whole', async () => {
    await run();
    const { streams } = await inspect(client);
    expect(streams.map(({ stream }) => stream)).toEqual([...STREAM_NAMES]);
    for (const stream of streams) {
      expect(stream).toMatchObject({
        exists: true,
        problems: [],
        cursorColumn: true,
        cursorIndex: true,
        doorbell: true,
        readable: true,
        foreignCursorValues: false,
        indexesMissing: [],
      });
    }
  });

  it('is safe five times at once: one does the work, the others find nothing to do', async () => {
    await fieldSchema(client);
    const reports = await Promise.all(Array.from({ length: 5 }, () => run()));
    expect(reports.filter((lines) => lines.some((line) => line.startsWith('001-')))).toHaveLength(1);
    expect(reports.filter((lines) => lines.at(-1) === NOTHING[0])).toHaveLength(4);
    const { rows } = await client.query('select count(*)::integer as n from pg_index where not indisvalid');
    expect(rows).toEqual([{ n: 0 }]);
    expect(await run()).toEqual(NOTHING);
  });

  it('changes nothing the second time, and asks for no lock that a writer could hold up', async () => {
    await run();
    const before = await catalogueDump(client);
    const log = await client.query('select * from alphapulse_dashboard.migrations order by name');
    const writer = await db.connect();
    await writer.query('begin');
    for (const stream of STREAM_NAMES) await writer.query(`lock table ${stream} in row exclusive mode`);
    // With no patience, the first lock that is asked for in vain would end it.
    expect(await run({ patienceMs: 0 })).toEqual(NOTHING);
    await writer.query('rollback');
    expect(await catalogueDump(client)).toEqual(before);
    expect((await client.query('select * from alphapulse_dashboard.migrations order by name')).rows).toEqual(log.rows);
  });

  it('brings right what was changed since: a dropped and a disabled trigger, a lost default, function, gate and index', async () => {
    await run();
    const before = await catalogueDump(client);
    await client.query(`
      drop trigger alphapulse_dashboard_doorbell on anomalies;
      alter table funding_rates disable trigger alphapulse_dashboard_doorbell;
      alter table system_metrics alter column dashboard_xid drop default;
      drop index dashboard_signal_predictions_cursor;
      drop index dashboard_anomalies_symbol_timestamp;
      drop sequence alphapulse_dashboard.gate_anomalies;
      alter function alphapulse_dashboard.ring() rename to gong`);
    await run();
    const after = await catalogueDump(client);
    expect(after.filter((line) => !line.includes('gong()'))).toEqual(before);
    expect(await run()).toEqual(NOTHING);
  });

  it('makes everything anew after the schema was dropped with all that hangs on it', async () => {
    await run();
    const before = await catalogueDump(client);
    await client.query('drop schema alphapulse_dashboard cascade');
    await run();
    expect(await catalogueDump(client)).toEqual(before);
  });

  it('makes an index only where no other does its work, whatever its name', async () => {
    await fieldSchema(client);
    await client.query('drop index idx_performance_metrics_pnl');
    await run();
    const { rows } = await client.query<{ name: string }>(
      `select indexrelid::regclass::text as name from pg_index
       where indrelid = any (array['funding_rates', 'performance_metrics', 'signal_predictions']::regclass[])
         and not indisprimary and indexrelid::regclass::text like 'dashboard%' order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual([
      'dashboard_funding_rates_cursor',
      // The field's own of the first three columns carries no values.
      'dashboard_funding_rates_symbol_exchange_timestamp_id',
      'dashboard_performance_metrics_cursor',
      'dashboard_performance_metrics_pnl_drawdown_timestamp',
      'dashboard_signal_predictions_cursor',
      'dashboard_signal_predictions_symbol_signal_type_timestamp_id',
    ]);
  });
});

describe('--leave', () => {
  it('does not touch the table, and a later run without it brings the table up', async () => {
    await fieldSchema(client);
    const of = (dump: readonly string[]): string[] => dump.filter((line) => line.includes('funding_rates'));
    const before = of(await catalogueDump(client));
    await run({ leave: ['funding_rates', 'anomalies'] });
    const left = of(await catalogueDump(client)).filter((line) => !line.includes('gate_funding_rates'));
    expect(left).toEqual(before);
    const { streams } = await inspect(client);
    expect(streams.filter(({ doorbell }) => doorbell).map(({ stream }) => stream)).toEqual([
      'performance_metrics',
      'signal_predictions',
      'system_metrics',
    ]);
    expect(streams.find(({ stream }) => stream === 'anomalies')?.exists).toBe(false);
    await run();
    expect((await inspect(client)).streams.every(({ doorbell, cursorIndex }) => doorbell && cursorIndex)).toBe(true);
  });

  it('refuses a table that is none of the five, and goes with no removal', async () => {
    await expect(run({ leave: ['trades'] })).rejects.toMatchObject({ code: 'bad_option', value: 'trades' });
    await expect(run({ leave: ['anomalies'], remove: true })).rejects.toMatchObject({ code: 'bad_option' });
    expect(await catalogueDump(client)).not.toContain('schema alphapulse_dashboard');
  });
});

describe('--no-doorbell', () => {
  it('installs no triggers, and takes those of an earlier run away', async () => {
    const triggers = async (): Promise<number> =>
      (await catalogueDump(client)).filter((line) => line.startsWith('trigger')).length;
    await run({ doorbell: false });
    expect(await triggers()).toBe(0);
    expect(await run({ doorbell: false })).toEqual(NOTHING);
    await run();
    expect(await triggers()).toBe(20);
    await run({ doorbell: false });
    expect(await triggers()).toBe(0);
    expect((await inspect(client)).streams.every(({ cursorColumn, cursorIndex }) => cursorColumn && cursorIndex)).toBe(
      true,
    );
  });
});

describe('--remove', () => {
  it('leaves existing tables exactly as they were, and keeps the new ones with their rows', async () => {
    await fieldSchema(client);
    await client.query('drop index idx_signal_predictions_symbol');
    const before = await catalogueDump(client);
    await run();
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'latency', 1)`,
    );
    await run({ remove: true });
    const after = await catalogueDump(client);
    const added = after.filter((line) => !before.includes(line));
    expect(before.filter((line) => !after.includes(line))).toEqual([]);
    expect(added.filter((line) => !/anomalies|system_metrics/.test(line))).toEqual([]);
    expect(added.filter((line) => /dashboard_xid|doorbell/.test(line))).toEqual([]);
    expect((await client.query('select metric_name from system_metrics')).rows).toEqual([{ metric_name: 'latency' }]);
    expect(await run({ remove: true })).toEqual(['nothing to do: there is no trace of the dashboard']);
  });

  it('can be followed by another migration', async () => {
    await run();
    const before = await catalogueDump(client);
    await run({ remove: true });
    await run();
    expect(await catalogueDump(client)).toEqual(before);
  });
});

describe('--dry-run', () => {
  it('prints SQL and changes nothing; psql brings about the same with what it prints', async () => {
    await fieldSchema(client);
    const before = await catalogueDump(client);
    const lines = await run({ dryRun: true });
    expect(await catalogueDump(client)).toEqual(before);
    const sql = lines.join('\n');
    expect(sql).toContain('create index concurrently dashboard_funding_rates_cursor');
    expect(sql).toContain(`set local lock_timeout = '50ms'`);
    // As psql would: one statement at a time, with function bodies kept whole.
    for (const statement of sql.split(/;\s*\n(?![^$]*\$\$;)/)) await client.query(statement);
    expect((await inspect(client)).streams.every(({ doorbell, cursorIndex }) => doorbell && cursorIndex)).toBe(true);
  });

  it('prints the removal as well, and says when there is nothing to do', async () => {
    expect(await run({ dryRun: true, remove: true })).toEqual(['-- nothing to do']);
    await run();
    expect(await run({ dryRun: true })).toEqual(['-- nothing to do']);
    const before = await catalogueDump(client);
    const lines = await run({ dryRun: true, remove: true });
    expect(lines.join('\n')).toContain('drop schema if exists alphapulse_dashboard cascade;');
    expect(await catalogueDump(client)).toEqual(before);
  });
});
