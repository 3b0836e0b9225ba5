/**
 * Faults planted in a migrated database, one at a time: the program finds each, in words and as JSON, ends with 1 exactly
 * where a stream cannot work, and is satisfied once its own mends were done as they stand there.
 */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandsOf, type Examination, examine, faultsOf, follow } from '../support/doctor.ts';
import { fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';
import { HYPERTABLES } from '../support/timescale.ts';

let database: TestDatabase;
let client: pg.Client;
let env: Readonly<Record<string, string>>;

beforeEach(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  env = { DATABASE_URL: database.url, DB_SSLMODE: 'disable' };
});
afterEach(async () => {
  await database?.drop();
});

/** What a database has on which no server runs. */
const UNKEPT = ['warn rollups rollups_unkept', 'warn rollups rollups_none'];
/** Each mend may lead to another one: a column first, then its index. */
const MOST_ROUNDS = 4;

interface Fault {
  readonly name: string;
  readonly plant: string;
  /** Every fault that is found, but for those of an idle database. */
  readonly found: readonly string[];
  /** What the first of them names. */
  readonly names: RegExp;
  readonly mend: RegExp;
}

const OLDER_PERFORMANCE = `drop table performance_metrics; create table performance_metrics (
  id serial primary key, "timestamp" timestamptz not null, total_trades integer, winning_trades integer, losing_trades integer,
  win_rate decimal(5,4), total_pnl decimal(20,8), daily_pnl decimal(20,8), active_positions integer, created_at timestamptz default now())`;
const WIDE_SYSTEM = `drop table system_metrics; create table system_metrics (id serial primary key,
  "timestamp" timestamptz not null, cpu_percent double precision, memory_percent double precision, created_at timestamptz default now())`;
const ANOMALY = (values: string, columns = ''): string =>
  `insert into anomalies ("timestamp", symbol, data_type, value, z_score${columns}) values (${values})`;

/** Faults with which a stream cannot work. */
const BROKEN: readonly Fault[] = [
  {
    name: 'a missing table',
    plant: 'drop table anomalies',
    found: ['fail anomalies table_missing'],
    names: /no table anomalies/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'the older performance_metrics',
    plant: OLDER_PERFORMANCE,
    found: ['fail performance_metrics table', 'fail performance_metrics column_missing', 'warn rollups rollups_unfit'],
    names: /older performance_metrics.*total_trades.*no symbol/,
    mend: /^alter table performance_metrics rename to performance_metrics_old, then: npm run migrate$/,
  },
  {
    name: 'a wide system_metrics',
    plant: WIDE_SYSTEM,
    found: ['fail system_metrics table', 'fail system_metrics column_missing', 'warn rollups rollups_unfit'],
    names: /wide system_metrics.*cpu_percent.*no metric_name/,
    mend: /^alter table system_metrics rename to system_metrics_old, then: npm run migrate$/,
  },
  {
    name: 'a missing column that may be added',
    plant: 'alter table funding_rates drop column estimated_rate',
    found: ['fail funding_rates column_missing'],
    names: /column estimated_rate \(decimal\(10,8\)\) is missing/,
    mend: /^alter table funding_rates add column estimated_rate decimal\(10,8\)$/,
  },
  {
    name: 'a missing column that every row needs',
    plant: 'alter table anomalies drop column z_score',
    found: ['fail anomalies column_missing'],
    names: /column z_score/,
    mend: /^alter table anomalies rename to anomalies_old; drop index public\.dashboard_anomalies_cursor, .*, then: npm run migrate$/,
  },
  {
    name: 'a column of another type',
    plant: 'alter table funding_rates alter column funding_rate type text',
    found: ['fail funding_rates column_type'],
    names: /column funding_rate is text, accepted are numeric/,
    mend: /^alter table funding_rates alter column funding_rate type numeric using funding_rate::numeric/,
  },
  {
    name: 'times without a zone',
    plant: 'alter table signal_predictions alter column created_at type timestamp',
    found: ['fail signal_predictions column_type'],
    names: /column created_at is timestamp without time zone/,
    mend: /using created_at at time zone 'UTC'/,
  },
];

/** Faults with which all streams work, slower or less surely. */
const LAMED: readonly Fault[] = [
  {
    name: 'a dropped trigger',
    plant: 'drop trigger alphapulse_dashboard_doorbell on anomalies',
    found: ['warn anomalies doorbell'],
    names: /trigger.*missing.*within 10 s/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'a disabled trigger',
    plant: 'alter table anomalies disable trigger alphapulse_dashboard_doorbell',
    found: ['warn anomalies doorbell'],
    names: /trigger.*disabled/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'a dropped gate',
    plant: 'drop sequence alphapulse_dashboard.gate_anomalies',
    found: ['warn migrations migrations', 'warn anomalies doorbell_silent'],
    names: /003-gates\.sql/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'triggers whose function does nothing',
    plant: `create or replace function alphapulse_dashboard.ring_through_gate(stream text) returns void language plpgsql as $$ begin return; end $$`,
    found: ['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions', 'system_metrics'].map(
      (name) => `warn ${name} doorbell_silent`,
    ),
    names: /trigger is there and enabled and does not ring/,
    mend: /^psql -c "delete from alphapulse_dashboard\.migrations .*", then: npm run migrate$/,
  },
  {
    name: 'dropped triggers for rewritten rows',
    plant: 'drop trigger alphapulse_dashboard_deleted on system_metrics',
    found: ['warn system_metrics rewrite_triggers', 'warn rollups rollups_unfit'],
    names: /triggers that note rewritten rows/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'a missing index',
    plant: 'drop index dashboard_system_metrics_metric_name_timestamp_id',
    found: ['warn system_metrics index_missing'],
    names: /metric_name, "timestamp" desc/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'an invalid index of the migrations',
    plant: `update pg_index set indisvalid = false where indexrelid = 'dashboard_anomalies_cursor'::regclass`,
    found: ['warn anomalies cursor_index'],
    names: /dashboard_anomalies_cursor is invalid/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'a cursor column without its default',
    plant: 'alter table anomalies alter column dashboard_xid drop default',
    found: ['warn anomalies cursor_column'],
    names: /overlap cursor/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'rows that were restored with ids of another server',
    plant: ANOMALY(`now(), 'BTC/USDT', 'x', 1, 1, '99999999999'`, ', dashboard_xid'),
    found: ['warn anomalies foreign_cursor_values'],
    names: /transaction ids of another server/,
    mend: /^npm run migrate$/,
  },
  {
    name: 'rows that were restored without ids',
    plant: `${ANOMALY(`now(), 'BTC/USDT', 'x', 1, 1`)};
      ${ANOMALY(`now(), 'BTC/USDT', 'x', 2, 1, null`, ', dashboard_xid')}`,
    found: ['warn anomalies cursor_null'],
    names: /^1 row that came after the migration/,
    mend: /update public\.anomalies set dashboard_xid = default where dashboard_xid is null and id > 1$/,
  },
  {
    name: 'rows dated in the future',
    plant: ANOMALY(`now() + interval '2 hours', 'BTC/USDT', 'x', 1, 1`),
    found: ['warn anomalies future_rows'],
    names: /dated in the future, up to 2\d\d\d-/,
    mend: /update public\.anomalies set "timestamp" = created_at where/,
  },
];

/** The database's own counts of changed rows come a while after the changes; a test of their own waits for them. */
function unusualIn(examination: Examination): readonly string[] {
  return faultsOf(examination).filter((fault) => !UNKEPT.includes(fault) && !fault.endsWith(' rows_rewritten'));
}

async function expectFound({ plant, found, names, mend }: Fault): Promise<void> {
  await client.query(plant);
  const [first, text] = await Promise.all([examine(env), runProgram(['doctor'], env)]);
  expect(unusualIn(first)).toEqual(found);
  const [level, about, code] = (found[0] ?? '').split(' ');
  const finding = first.findings.find((one) => one.about === about && one.code === code);
  expect(finding).toMatchObject({ what: expect.stringMatching(names), mend: expect.stringMatching(mend) });
  expect(text.code).toBe(first.code);
  expect(text.stdout.split('\n')).toContain(`${level}  ${about}: ${finding?.what}. Mend: ${finding?.mend}`);
  await expectMended(first);
}

/** Does what doctor says, and again what it says then. */
async function expectMended(first: Examination): Promise<void> {
  let last = first;
  for (let round = 0; round < MOST_ROUNDS && unusualIn(last).length > 0; round += 1) {
    const mends = last.findings.flatMap(({ level, about, code, mend }) =>
      level === 'ok' || mend === null || unusualIn(last).every((fault) => fault !== `${level} ${about} ${code}`)
        ? []
        : [mend],
    );
    for (const mend of new Set(mends)) await follow(mend, client, env);
    last = await examine(env);
  }
  expect(unusualIn(last)).toEqual([]);
  expect(last.code).toBe(0);
}

it('a database that was migrated has none of the faults below', async () => {
  expect(unusualIn(await examine(env))).toEqual([]);
});

describe('a fault with which a stream cannot work ends doctor with 1, and its mend mends it', () => {
  it.each(BROKEN)('$name', async (fault) => {
    await expectFound(fault);
    expect(fault.found[0]).toMatch(/^fail /);
  });
});

describe('a fault with which all streams work ends it with 0, and its mend mends it', () => {
  it.each(LAMED)('$name', async (fault) => {
    await expectFound(fault);
    expect(fault.found.join()).not.toContain('fail');
  });
});

it.each(['update anomalies set value = 2', 'delete from anomalies'])(
  'rows that were changed after they were written are told: %s',
  async (change) => {
    await client.query(ANOMALY(`now(), 'BTC/USDT', 'x', 1, 1`));
    await client.query(change);
    // The session's counts are passed on when it is idle, or ends.
    const rewritten = async () => (await examine(env)).findings.find(({ code }) => code === 'rows_rewritten');
    await expect.poll(rewritten, { timeout: 20_000 }).toMatchObject({
      level: 'warn',
      about: 'anomalies',
      what: expect.stringMatching(change.startsWith('update') ? /1 updated/ : /1 deleted/),
    });
    const mend = (await rewritten())?.mend ?? '';
    expect(commandsOf(mend)).toEqual([`select pg_stat_reset_single_table_counters('public.anomalies'::regclass)`]);
    await follow(mend, client, env);
    if (!HYPERTABLES) expect(await rewritten()).toBeUndefined();
  },
);

it('ringing leaves no trace: no row, no id, no transaction that wrote one', async () => {
  const standing = `select (select last_value || '/' || is_called from anomalies_id_seq) as ids,
    (select count(*) from anomalies)::int as rows, pg_relation_size('anomalies')::int as bytes`;
  const { rows: before } = await client.query(standing);
  const { findings } = await examine(env);
  expect(findings.find(({ code }) => code === 'doorbell_rings')?.what).toContain('anomalies');
  expect((await client.query(standing)).rows).toEqual(before);
});

it("a table with somebody else's trigger is not rung, and that is said", async () => {
  await client.query(`create table audit (at timestamptz default now());
    create function note() returns trigger language plpgsql as $$ begin insert into audit default values; return null; end $$;
    create trigger somebodys after insert on anomalies for each statement execute function note()`);
  const examination = await examine(env);
  expect(unusualIn(examination)).toEqual([]);
  expect(examination.findings).toContainEqual(
    expect.objectContaining({ level: 'ok', about: 'anomalies', code: 'doorbell_untried' }),
  );
  expect((await client.query('select from audit')).rowCount).toBe(0);
});

it.each(['keyless', 'composite'] as const)('rows of the field are looked at in tables that are %s', async (shape) => {
  const field = await freshDatabase();
  try {
    const owner = await field.connect();
    await fieldSchema(owner, shape);
    const there = { ...env, DATABASE_URL: field.url };
    expect(await runProgram(['migrate'], there)).toMatchObject({ code: 0 });
    const predict = (values: string): string => `insert into signal_predictions
      ("timestamp", symbol, signal_type, confidence, dashboard_xid) values (${values})`;
    await owner.query(predict(`now() + interval '1 day', 'BTC/USDT', 'x', 1, default`));
    await owner.query(predict(`now(), 'BTC/USDT', 'x', 1, null`));
    // Without an index on the id, rows without a cursor value could only be found by reading all of them.
    const uncounted = shape === 'keyless' ? [] : ['warn signal_predictions cursor_null'];
    expect(unusualIn(await examine(there))).toEqual(['warn signal_predictions future_rows', ...uncounted]);
  } finally {
    await field.drop();
  }
});

it('a database whose sessions fire no triggers is told with the setting to take back', async () => {
  await client.query(`alter database ${database.name} set session_replication_role = replica`);
  const first = await examine(env);
  expect(unusualIn(first)).toEqual([
    'warn database replication_role',
    ...['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions', 'system_metrics'].map(
      (name) => `warn ${name} doorbell_silent`,
    ),
  ]);
  expect(first.findings.find(({ code }) => code === 'replication_role')?.mend).toBe(
    `alter database ${database.name} reset session_replication_role`,
  );
  await expectMended(first);
});
