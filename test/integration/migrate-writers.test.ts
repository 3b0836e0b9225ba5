/** Migrating beside writers, and what writers notice of it afterwards: nothing. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

/** Starts migrating; `lines` grows while it runs. */
function start(options: Partial<MigrateOptions> = {}): { done: Promise<void>; lines: string[] } {
  const lines: string[] = [];
  const done = migrate({ connection: db.config, report: (line) => lines.push(line), ...options });
  // Whoever awaits it later still gets the error; until then it is not unheard.
  done.catch(() => undefined);
  return { done, lines };
}

const INSERT = `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', 0.0001)`;

describe('a writer with rights on nothing but its own table', () => {
  const role = `writer_${process.pid}`;

  /** Inserts as the pipeline would, as a role of its own, and answers how many rows there are. */
  async function insertAsWriter(): Promise<number> {
    await client.query(`set role ${role}`);
    try {
      await client.query(
        `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'BTC/USDT', 'oi', 1, 4)`,
      );
    } finally {
      await client.query('reset role');
    }
    const { rows } = await client.query<{ n: number }>('select count(*)::integer as n from anomalies');
    return rows[0]?.n ?? 0;
  }

  beforeEach(async () => {
    await start().done;
    await client.query(`create role ${role};
      grant insert on anomalies to ${role}; grant usage on sequence anomalies_id_seq to ${role}`);
  });
  afterEach(async () => {
    await client.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('inserts as before, and rings', async () => {
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('listen alphapulse_dashboard');
    expect(await insertAsWriter()).toBe(1);
    await vi.waitFor(() => expect(heard).toEqual(['anomalies']));
  });

  it.each([
    ['the function renamed', 'alter function alphapulse_dashboard.ring() rename to gong'],
    ['its inner function dropped', 'drop function alphapulse_dashboard.ring_through_gate'],
    ["the session's memory of the gate spoilt", `set alphapulse_dashboard.gate_anomalies = 'nonsense'`],
    ['the gate dropped', 'drop sequence alphapulse_dashboard.gate_anomalies'],
    [
      'the gate of another kind',
      'drop sequence alphapulse_dashboard.gate_anomalies; create table alphapulse_dashboard.gate_anomalies ()',
    ],
    ['the schema renamed', 'alter schema alphapulse_dashboard rename to attic'],
    ['the schema dropped', 'drop schema alphapulse_dashboard cascade'],
    ['the function revoked', 'revoke all on function alphapulse_dashboard.ring() from public, current_user'],
    [
      'all rights revoked from the owner, who is no superuser',
      `create role owner_${process.pid};
       alter function alphapulse_dashboard.ring() owner to owner_${process.pid};
       revoke all on schema alphapulse_dashboard from public, current_user`,
    ],
    ['the gate at its end', 'alter sequence alphapulse_dashboard.gate_anomalies maxvalue 5'],
  ])('inserts with %s', async (_, sabotage) => {
    await client.query(sabotage);
    expect(await insertAsWriter()).toBe(1);
    expect(await insertAsWriter()).toBe(2);
    await client.query(`do $$ begin if to_regrole('owner_${process.pid}') is not null then
      reassign owned by owner_${process.pid} to current_user; drop role owner_${process.pid}; end if; end $$`);
  });

  it('rings though the clock was set back since the last ring', async () => {
    await client.query(
      `select setval('alphapulse_dashboard.gate_anomalies', (extract(epoch from now() + interval '1 day') * 1000)::bigint)`,
    );
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('listen alphapulse_dashboard');
    await insertAsWriter();
    await vi.waitFor(() => expect(heard).toEqual(['anomalies']));
  });

  it('does not take the gate for shut by a ring of its own that was rolled back', async () => {
    const remembered = async (): Promise<string> =>
      (
        await client.query(
          `select coalesce(current_setting('alphapulse_dashboard.gate_anomalies', true), '') as moment`,
        )
      ).rows[0].moment;
    await client.query('begin');
    await insertAsWriter();
    expect(await remembered()).toMatch(/^\d+$/);
    await client.query('rollback');
    expect(await remembered()).toBe('');
  });

  it('does not find itself on a search path of its own making', async () => {
    // A function of the same name earlier on the path would otherwise run with the rights of the doorbell's owner.
    await client.query(`
      create schema trap;
      create function trap.setval(regclass, bigint) returns bigint language sql as 'select 1 / 0';
      create function trap.pg_notify(text, text) returns void language sql as 'select 1 / 0';
      create function trap.current_setting(text, boolean) returns text language sql as 'select (1 / 0)::text';
      create function trap.joined(text, text) returns text language sql as 'select (1 / 0)::text';
      create operator trap.|| (leftarg = text, rightarg = text, function = trap.joined);
      create function trap.equal(text, text) returns boolean language sql as 'select 1 / 0 = 1';
      create operator trap.= (leftarg = text, rightarg = text, function = trap.equal);
      create function trap.times(float8, float8) returns float8 language sql as 'select (1 / 0)::float8';
      create operator trap.* (leftarg = float8, rightarg = float8, function = trap.times);
      set search_path = trap, public, pg_catalog`);
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('listen alphapulse_dashboard');
    await insertAsWriter();
    await vi.waitFor(() => expect(heard).toEqual(['anomalies']));
  });
});

describe('while writers write', () => {
  it('waits out a long transaction, keeping no other writer from its work, and goes on when it ends', async () => {
    await fieldSchema(client);
    const long = await db.connect();
    await long.query('begin');
    await long.query(INSERT);
    const { done, lines } = start();
    await vi.waitFor(
      () => expect(lines.find((line) => line.includes('waits for'))).toContain('alphapulse test'),
      10_000,
    );
    // A request for a strong lock that stayed in the queue would hold this up until the long transaction's end.
    await client.query(`set lock_timeout = '5s'`);
    for (let i = 0; i < 50; i += 1) await client.query(INSERT);
    await long.query('commit');
    await done;
    const { rows } = await client.query('select count(*)::integer as n from funding_rates');
    expect(rows).toEqual([{ n: 51 }]);
    expect((await inspect(client)).streams.every(({ cursorIndex, doorbell }) => cursorIndex && doorbell)).toBe(true);
  });

  it('migrates a table that is written without pause, and every insert succeeds', async () => {
    await fieldSchema(client);
    let stop = false;
    const writers = await Promise.all([db.connect(), db.connect(), db.connect()]);
    const writing = writers.map(async (writer) => {
      let count = 0;
      while (!stop) {
        await writer.query(INSERT);
        count += 1;
      }
      return count;
    });
    await start().done;
    await start({ remove: true }).done;
    await start().done;
    stop = true;
    const written = (await Promise.all(writing)).reduce((sum, count) => sum + count, 0);
    expect(written).toBeGreaterThan(0);
    const { rows } = await client.query('select count(*)::integer as n from funding_rates');
    expect(rows).toEqual([{ n: written }]);
    expect((await inspect(client)).streams.every(({ cursorIndex, doorbell }) => cursorIndex && doorbell)).toBe(true);
  });

  it('gives up when its patience ends, names who holds the lock, and goes on in the next run', async () => {
    await fieldSchema(client);
    const long = await db.connect();
    await long.query('begin');
    await long.query(INSERT);
    const { rows } = await long.query<{ pid: number }>('select pg_backend_pid() as pid');
    await expect(start({ patienceMs: 0 }).done).rejects.toMatchObject({
      code: 'table_locked',
      message: expect.stringContaining(`pid ${rows[0]?.pid} (alphapulse test, idle in transaction`),
      mend: expect.stringContaining('run migrate again'),
    });
    await long.query('rollback');
    await start().done;
    expect((await inspect(client)).streams.every(({ cursorIndex, doorbell }) => cursorIndex && doorbell)).toBe(true);
  });

  it('repairs the index that a killed migration left invalid', async () => {
    await fieldSchema(client);
    await start({ leave: STREAM_NAMES.filter((name) => name !== 'funding_rates') }).done;
    await client.query('drop index dashboard_funding_rates_cursor');
    // An open transaction that wrote to the table keeps the concurrent build waiting, so that it can be killed there.
    const long = await db.connect();
    await long.query('begin');
    await long.query(INSERT);
    const killed = start({ leave: STREAM_NAMES.filter((name) => name !== 'funding_rates') });
    await vi.waitFor(() => expect(killed.lines.join()).toContain('dashboard_funding_rates_cursor: waits for'), 20_000);
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'alphapulse-dashboard migrate'`,
    );
    await expect(killed.done).rejects.toMatchObject({ code: 'database_unreachable' });
    await long.query('commit');
    const valid = async (): Promise<unknown> =>
      (
        await client.query(
          `select indisvalid from pg_index where indexrelid = to_regclass('dashboard_funding_rates_cursor')`,
        )
      ).rows;
    expect(await valid()).toEqual([{ indisvalid: false }]);
    await start().done;
    expect(await valid()).toEqual([{ indisvalid: true }]);
    expect((await inspect(client)).streams.every(({ cursorIndex }) => cursorIndex)).toBe(true);
  });
});

describe('rights', () => {
  const role = `stranger_${process.pid}`;
  const password = 'stranger';
  beforeEach(async () => {
    await client.query(`create role ${role} login password '${password}'`);
  });
  afterEach(async () => {
    await client.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('that are missing are all named at once, with their mends, and nothing is changed', async () => {
    await fieldSchema(client);
    const before = await catalogueDump(client);
    await client.query('revoke create on schema public from public');
    await expect(start({ connection: { ...db.config, user: role, password } }).done).rejects.toMatchObject({
      code: 'insufficient_privilege',
      value: role,
      message: expect.stringMatching(
        /may not make a schema.*funding_rates belongs to.*may not make the table anomalies.*performance_metrics belongs/,
      ),
      mend: expect.stringContaining(`grant create on schema public to ${role}`),
    });
    expect((await catalogueDump(client)).filter((line) => !line.includes(' acl '))).toEqual(
      before.filter((line) => !line.includes(' acl ')),
    );
  });

  it('of a plain owner are enough', async () => {
    await client.query(`grant create on database ${db.name} to ${role}; grant create on schema public to ${role}`);
    await start({ connection: { ...db.config, user: role, password } }).done;
    await start({ connection: { ...db.config, user: role, password }, remove: true }).done;
    expect(await catalogueDump(client)).not.toContain('schema alphapulse_dashboard');
  });

  it('of a server that does not answer: its place is named, never the password', async () => {
    const error = await start({ connection: { ...db.config, port: 1, password: 'hush-hush' } }).done.catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: 'database_unreachable', value: `${db.config.host}:1` });
    expect(JSON.stringify(error) + String(error)).not.toContain('hush-hush');
  });
});
