/** Doctor against planted faults in a real database: each is found under its own code, and its mend mends it. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Config, parseConfig } from '../../server/config.ts';
import { migrate } from '../../server/db/migrate.ts';
import { type Finding, healthy, jsonOf, lineOf } from '../../server/doctor/findings.ts';
import { runDoctor } from '../../server/doctor/run.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';
import { HYPERTABLES } from '../support/timescale.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
});
afterAll(async () => {
  await database?.drop();
});

function configOf(url: string, env: Readonly<Record<string, string>> = {}): Config {
  return parseConfig({ DATABASE_URL: url, DB_SSLMODE: 'disable', ...env }).config;
}

async function examine(url = database.url, env: Readonly<Record<string, string>> = {}): Promise<readonly Finding[]> {
  return runDoctor({
    config: configOf(url, env),
    warnings: [],
    verify: false,
    mend: false,
    found: () => undefined,
    progress: () => undefined,
  });
}

/** The database's own counts of changed rows come a while after the changes: a test of its own waits for them. */
const faultsOf = (findings: readonly Finding[]): readonly string[] =>
  findings
    .filter(({ level, code }) => level !== 'ok' && code !== 'rows_rewritten')
    .map(({ level, about, code }) => `${level} ${about} ${code}`);

/** What an idle database has that no server runs on. */
const UNKEPT = [
  'warn rollups rollups_unkept',
  ...STREAM_NAMES.filter((name) => name !== 'anomalies').map(() => 'warn rollups rollups_none'),
];

describe('a database that was migrated', () => {
  it('has nothing wrong but that no server runs on it', async () => {
    const findings = await examine();
    expect(faultsOf(findings)).toEqual(UNKEPT);
    expect(healthy(findings)).toBe(true);
    for (const stream of STREAM_NAMES)
      expect(findings).toContainEqual(expect.objectContaining({ about: stream, level: 'ok' }));
  });
});

describe('planted faults', () => {
  const faults: readonly {
    readonly name: string;
    readonly plant: string;
    readonly found: readonly string[];
  }[] = [
    {
      name: 'a dropped trigger',
      plant: 'drop trigger alphapulse_dashboard_doorbell on anomalies',
      found: ['warn anomalies doorbell'],
    },
    {
      name: 'a disabled trigger',
      plant: 'alter table anomalies disable trigger alphapulse_dashboard_doorbell',
      found: ['warn anomalies doorbell'],
    },
    {
      name: 'a dropped gate',
      plant: 'drop sequence alphapulse_dashboard.gate_anomalies',
      found: ['warn migrations migrations', 'warn anomalies doorbell_silent'],
    },
    {
      name: 'a missing index',
      plant: 'drop index dashboard_system_metrics_metric_name_timestamp_id',
      found: ['warn system_metrics index_missing'],
    },
    {
      name: 'an invalid index',
      plant: `update pg_index set indisvalid = false where indexrelid = 'dashboard_anomalies_cursor'::regclass`,
      found: ['warn anomalies cursor_index'],
    },
    {
      name: 'a missing cursor default',
      plant: 'alter table anomalies alter column dashboard_xid drop default',
      found: ['warn anomalies cursor_column'],
    },
    {
      name: 'rewrite triggers that are away',
      plant: 'drop trigger alphapulse_dashboard_deleted on system_metrics',
      found: ['warn system_metrics rewrite_triggers'],
    },
    {
      name: 'ids of another server',
      plant: `insert into anomalies ("timestamp", symbol, data_type, value, z_score, dashboard_xid) values (now(), 'BTC/USDT', 'x', 1, 1, '99999999999')`,
      found: ['warn anomalies foreign_cursor_values'],
    },
    { name: 'a missing table', plant: 'drop table anomalies', found: ['fail anomalies table_missing'] },
  ];
  it.each(faults)('$name is found, and npm run migrate mends it', async ({ plant, found }) => {
    await client.query(plant);
    const findings = await examine();
    const unfit = found.includes('warn system_metrics rewrite_triggers');
    expect(faultsOf(findings).filter((fault) => !fault.includes(' rollups '))).toEqual(found);
    if (unfit) expect(faultsOf(findings)).toContain('warn rollups rollups_unfit');
    const planted = findings.find(({ level, about, code }) => found.includes(`${level} ${about} ${code}`));
    expect(planted?.mend).toContain('migrate');
    expect(healthy(findings)).toBe(!found.some((fault) => fault.startsWith('fail')));
    await migrate({ connection: database.config, report: () => undefined });
    expect(faultsOf(await examine())).toEqual(UNKEPT);
  });

  it('a foreign index that is invalid is told with the SQL that makes it anew', async () => {
    await client.query(`create index somebodys on anomalies (value);
      update pg_index set indisvalid = false where indexrelid = 'somebodys'::regclass`);
    const finding = (await examine()).find(({ code }) => code === 'index_invalid');
    const mend = HYPERTABLES
      ? `select pg_get_indexdef('public.somebodys'::regclass), then drop index public.somebodys, then run what the first answered`
      : 'reindex index concurrently public.somebodys';
    expect(finding).toMatchObject({ level: 'warn', about: 'anomalies', mend });
    const [definition, drop] = mend.split(', then ');
    if (drop === undefined) await client.query(mend);
    else {
      const { rows } = await client.query<{ pg_get_indexdef: string }>(definition ?? '');
      await client.query(`${drop}; ${rows[0]?.pg_get_indexdef}`);
    }
    expect(faultsOf(await examine())).toEqual(UNKEPT);
    await client.query('drop index somebodys');
  });
});

describe('tables of the field', () => {
  let field: TestDatabase;
  beforeAll(async () => {
    field = await freshDatabase();
    const owner = await field.connect();
    await fieldSchema(owner, 'older_performance_metrics');
    await owner.query(`alter table funding_rates alter column funding_rate type text`);
  });
  afterAll(async () => {
    await field?.drop();
  });

  it('that were not migrated, of foreign shape, or missing: each says what it lacks', async () => {
    const findings = await examine(field.url);
    expect(faultsOf(findings)).toEqual(
      expect.arrayContaining([
        'warn migrations migrations',
        'fail funding_rates column_type',
        'fail performance_metrics table',
        'fail performance_metrics column_missing',
        'fail anomalies table_missing',
        'fail system_metrics table_missing',
        'warn signal_predictions cursor_column',
        'warn rollups rollups_missing',
      ]),
    );
    expect(healthy(findings)).toBe(false);
    const rename = findings.find(({ about, code }) => about === 'performance_metrics' && code === 'table');
    expect(rename?.mend).toContain('rename to performance_metrics_old');
  });
});

describe('rights', () => {
  it('that a role lacks are named with their grants', async () => {
    const role = `reader_${database.name}`;
    await client.query(
      `create role ${role} login password 'reader'; grant select on funding_rates, anomalies to ${role}`,
    );
    try {
      const url = new URL(database.url);
      url.username = role;
      url.password = 'reader';
      const findings = await examine(url.href, { DASHBOARD_RETENTION_DAYS: '30' });
      const faults = faultsOf(findings);
      expect(faults).toEqual(
        expect.arrayContaining([
          'fail system_metrics table',
          'warn rollups rollups_forbidden',
          'warn retention retention_unable',
        ]),
      );
      const unreadable = findings.find(({ about }) => about === 'system_metrics');
      expect(unreadable?.mend).toBe(`grant select on public.system_metrics to ${role}`);
      await client.query(unreadable?.mend ?? '');
      const forbidden = findings.find(({ code }) => code === 'rollups_forbidden');
      await client.query(forbidden?.mend ?? '');
      await client.query(`grant delete on anomalies, system_metrics to ${role}`);
      const after = faultsOf(await examine(url.href, { DASHBOARD_RETENTION_DAYS: '30' }));
      expect(after).not.toContain('fail system_metrics table');
      // TimescaleDB itself drops the rows of hypertables; no right helps there.
      const left = HYPERTABLES ? ['anomalies', 'system_metrics'].map(() => 'warn retention retention_unable') : [];
      expect(after.filter((fault) => /rollups_forbidden|retention/.test(fault))).toEqual(left);
    } finally {
      await client.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it('a password that is wrong, a database that is not there and a server that does not answer are told apart', async () => {
    const wrong = new URL(database.url);
    wrong.password = 'wrong';
    expect(faultsOf(await examine(wrong.href))).toEqual(['fail database password']);
    const none = new URL(database.url);
    none.pathname = '/nowhere';
    expect(faultsOf(await examine(none.href))).toEqual(['fail database database_missing']);
    expect(faultsOf(await examine('postgres://me:secret@127.0.0.1:1/pulse'))).toEqual([
      'fail database database_unreachable',
    ]);
    for (const url of [wrong.href, 'postgres://me:secret@127.0.0.1:1/pulse']) {
      expect((await examine(url)).map(lineOf).join('\n')).not.toMatch(/wrong|secret/);
    }
  });
});

describe('retention', () => {
  it('is off, works, or says why not', async () => {
    const of = async (env: Readonly<Record<string, string>>): Promise<readonly Finding[]> =>
      (await examine(database.url, env)).filter(({ about }) => about === 'retention');
    expect(await of({})).toMatchObject([{ level: 'ok', code: 'retention_off' }]);
    const policy = (table: string): string => `select add_retention_policy('public.${table}', interval '30 days')`;
    expect(await of({ DASHBOARD_RETENTION_DAYS: '30' })).toMatchObject(
      ['anomalies', 'system_metrics'].map((table) =>
        HYPERTABLES
          ? { level: 'warn', code: 'retention_unable', mend: policy(table) }
          : { level: 'ok', what: `rows of ${table} are deleted after 30 days` },
      ),
    );
  });
});

describe('the program', () => {
  it('prints a line a finding, or JSON, and ends with 1 where a stream cannot work', async () => {
    const env = { DATABASE_URL: database.url, DB_SSLMODE: 'disable' };
    const fine = await runProgram(['doctor'], env);
    expect(fine.code).toBe(0);
    expect(fine.stdout).toMatch(/^ok {4}anomalies: /m);
    expect(fine.stdout).toMatch(/^warn {2}rollups: .* Mend: npm start$/m);
    expect(fine.stdout).toMatch(/findings: \d+ ok, \d+ to look at, 0 failed\n$/);
    await client.query('alter table anomalies rename to hidden');
    try {
      const json = await runProgram(['doctor', '--json'], env);
      expect(json.code).toBe(1);
      const document: unknown = JSON.parse(json.stdout);
      expect(document).toMatchObject({ healthy: false });
      expect(document).toHaveProperty(
        'findings',
        expect.arrayContaining([expect.objectContaining({ level: 'fail', about: 'anomalies', code: 'table_missing' })]),
      );
    } finally {
      await client.query('alter table hidden rename to anomalies');
    }
  });

  it('takes a faulty configuration for a finding, and --mend alone for a fault of its own', async () => {
    const faulty = await runProgram(['doctor'], {
      DATABASE_URL: 'mysql://me:hunter2@db/pulse',
      DASHBOARD_TICK_SECONDS: '0',
    });
    expect(faulty.code).toBe(1);
    expect(faulty.stdout).toMatch(/^fail {2}configuration: DASHBOARD_TICK_SECONDS="0"/m);
    expect(faulty.stdout).not.toContain('hunter2');
    const alone = await runProgram(['doctor', '--mend']);
    expect(alone).toMatchObject({ code: 2, stdout: '' });
    expect(alone.stderr).toContain('--verify');
  });

  it('without a database says that the embedded one is not running', async () => {
    const none = await runProgram(['doctor'], { DASHBOARD_DATA_DIR: '/nonexistent' });
    expect(none.code).toBe(0);
    expect(none.stdout).toContain('is not running');
  });
});

it('JSON carries every finding with its code', () => {
  const finding: Finding = { level: 'warn', about: 'rollups', code: 'rollups_none', what: 'a\nb', mend: 'c' };
  expect(JSON.parse(jsonOf([finding]))).toEqual({ healthy: true, findings: [finding] });
  expect(lineOf(finding)).toBe('warn  rollups: a b. Mend: c');
});
