/** Doctor's checks over facts that are dear to plant in a real database. */
import { describe, expect, it } from 'vitest';
import type { Catalogue, TableFacts } from '../../server/db/catalogue.ts';
import type { DoctorFacts } from '../../server/db/doctor/facts.ts';
import { declaredIndexes } from '../../server/db/indexes.ts';
import { type RetentionFacts, retentionVerdicts } from '../../server/db/retention-rules.ts';
import { checkFacts } from '../../server/doctor/run.ts';
import { checkDisk } from '../../server/doctor/server-checks.ts';
import { columnsOf, STREAMS } from '../../shared/streams.ts';

const SERVER: Catalogue['server'] = {
  versionNumber: 150_018,
  inRecovery: false,
  timescaledb: null,
  timescaledbSchema: null,
  role: 'dashboard',
  database: 'pulse',
  currentSchema: 'public',
};

/** A database without tables, in which nothing else is wrong. */
function factsWith(server: Partial<Catalogue['server']>, rest: Partial<DoctorFacts> = {}): DoctorFacts {
  const { versionNumber, inRecovery, timescaledb } = { ...SERVER, ...server };
  return {
    catalogue: { server: { ...SERVER, ...server }, streams: [] },
    inspection: { server: { versionNumber, inRecovery, timescaledb }, streams: [] },
    pendingSteps: [],
    server: { version: '15.18', clockSkewMs: 0, notificationQueue: 0, preparedTransactions: [], databaseBytes: null },
    rollups: { access: 'ready', maintainer: 'pid 7', streams: [] },
    retention: { days: null, verdicts: [] },
    ...rest,
  };
}

const told = (facts: DoctorFacts): readonly string[] =>
  checkFacts(facts, { tickMs: 10_000 })
    .filter(({ level }) => level !== 'ok')
    .map(({ level, code }) => `${level} ${code}`);

describe('the server', () => {
  const base = factsWith({}).server;
  it.each<[string, DoctorFacts, readonly string[]]>([
    ['in order', factsWith({}), []],
    ['too old', factsWith({ versionNumber: 130_012 }), ['fail version']],
    ['a standby', factsWith({ inRecovery: true }), ['fail standby']],
    ['with a TimescaleDB that tells triggers nothing', factsWith({ timescaledb: '2.17.2' }), ['warn timescaledb']],
    ['with one that does', factsWith({ timescaledb: '2.18.0' }), []],
    ['with a later one', factsWith({ timescaledb: '3.0.0' }), []],
    ['whose clock is ahead', factsWith({}, { server: { ...base, clockSkewMs: 4000 } }), ['warn clock']],
    ['whose clock is behind', factsWith({}, { server: { ...base, clockSkewMs: -4000 } }), ['warn clock']],
    [
      'whose queue fills up',
      factsWith({}, { server: { ...base, notificationQueue: 0.5 } }),
      ['warn notification_queue'],
    ],
    [
      'with transactions that were prepared and forgotten',
      factsWith({}, { server: { ...base, preparedTransactions: ['one', 'two'] } }),
      ['warn prepared_transaction', 'warn prepared_transaction'],
    ],
    ['whose own schema is out of date', factsWith({}, { pendingSteps: ['002-ring.sql applied'] }), ['warn migrations']],
    ["whose own schema is another role's", factsWith({}, { pendingSteps: null }), []],
  ])('%s', (_, facts, expected) => {
    expect(told(facts)).toEqual(expected);
  });
});

it.each<[string, number, number, 'ok' | 'warn']>([
  ['room', 40e9, 100e9, 'ok'],
  ['less than a gigabyte', 0.9e9, 4e9, 'warn'],
  ['little of a large disk', 40e9, 2000e9, 'warn'],
])('a disk with %s', (_, freeBytes, bytes, level) => {
  const finding = checkDisk({ folder: '/data', freeBytes, bytes });
  expect(finding).toMatchObject({ level, code: 'disk', what: expect.stringContaining('/data') });
  expect(finding.mend).toEqual(level === 'ok' ? null : expect.stringMatching(/^df -h '\/data'/));
});

describe('retention', () => {
  const stream = STREAMS.system_metrics;
  const table: TableFacts = {
    oid: 42,
    schema: 'public',
    relkind: 'r',
    owner: 'dashboard',
    owned: true,
    creatable: true,
    readable: true,
    columns: [
      ...columnsOf(stream).map(({ name, sqlType }) => ({ name, type: sqlType, default: null })),
      { name: 'dashboard_xid', type: 'xid8', default: 'pg_current_xact_id()' },
    ],
    indexes: declaredIndexes(stream).map(({ name, keys }) => ({
      schema: 'public',
      name,
      valid: true,
      method: 'btree',
      predicate: null,
      parent: null,
      keys: keys.map(({ column, descending }) => ({ column, descending, nullsFirst: descending, plain: true })),
      included: [],
    })),
    doorbell: 'ready',
    rewrites: 'ready',
    seesDeleted: true,
    hypertable: false,
    partitions: [],
  };
  const ready: RetentionFacts = {
    noted: true,
    madeTables: new Set([42]),
    rollupsWritable: true,
    deletable: new Set(['system_metrics']),
  };
  const verdict = (changes: Partial<TableFacts>, facts: Partial<RetentionFacts> = {}) =>
    retentionVerdicts(
      { server: SERVER, streams: [{ stream: 'system_metrics', table: { ...table, ...changes }, elsewhere: [] }] },
      { ...ready, ...facts },
      30,
    );

  it('works on a plain table of its own', () => {
    expect(verdict({})).toEqual([{ stream: 'system_metrics', works: true }]);
  });

  it.each<[string, Partial<TableFacts>, Partial<RetentionFacts>, string]>([
    [
      'a hypertable',
      { hypertable: true },
      {},
      "select add_retention_policy('public.system_metrics', interval '30 days')",
    ],
    ['a partitioned table', { relkind: 'p' }, {}, 'detach partition'],
    ['a table that was there before', { oid: 43 }, {}, 'made_tables'],
    ['a schema that may not be read', {}, { noted: false }, 'grant usage on schema alphapulse_dashboard to dashboard'],
    [
      'a role that may not delete',
      {},
      { deletable: new Set() },
      'grant select, delete on public.system_metrics to dashboard',
    ],
    ['a role that may not change the rollups', {}, { rollupsWritable: false }, 'grant usage on schema'],
    ['a table without the index of its lines', { indexes: [] }, {}, 'npm run migrate'],
    ['a table without the cursor column', { columns: [] }, {}, 'npm run migrate'],
  ])('says of %s why not, and what would help', (_, changes, facts, mend) => {
    const [found] = verdict(changes, facts);
    expect(found).toMatchObject({ works: false, mend: expect.stringContaining(mend) });
  });
});
