/** The plan of a migration, from facts alone: what is asked of kinds of tables that the test's server does not have. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StreamFacts, TableFacts } from '../../server/db/catalogue.ts';
import type { MigrationFacts } from '../../server/db/migrate/facts.ts';
import { readSqlFiles } from '../../server/db/migrate/files.ts';
import { leftAlone, type PlanOptions, planRemoval, planSteps } from '../../server/db/migrate/plan.ts';
import { checkRights } from '../../server/db/migrate/rights.ts';
import { printStep, type Step } from '../../server/db/migrate/steps.ts';
import { packageRoot } from '../../server/root.ts';
import { acceptedTypes } from '../../shared/columns.ts';
import { columnsOf, STREAM_LIST, type StreamDeclaration } from '../../shared/streams.ts';

const files = readSqlFiles(join(packageRoot(), 'sql'));
const usual: PlanOptions = { leave: new Set(), doorbell: true };

/** A database with or without TimescaleDB, with the tables that `tableOf` gives. */
function facts(
  timescaledb: boolean | string,
  tableOf: (stream: StreamDeclaration) => TableFacts | null,
): MigrationFacts {
  const streams = STREAM_LIST.map(
    (stream): StreamFacts => ({
      stream: stream.name,
      table: tableOf(stream),
      elsewhere: [],
    }),
  );
  return {
    catalogue: {
      server: {
        versionNumber: 170_000,
        inRecovery: false,
        timescaledb: typeof timescaledb === 'string' ? timescaledb : timescaledb ? '2.20.0' : null,
        timescaledbSchema: timescaledb ? 'extensions' : null,
        role: 'alphapulse',
        database: 'alphapulse',
        currentSchema: 'public',
      },
      streams,
    },
    own: {
      owner: null,
      owned: false,
      mayCreateSchema: true,
      mayCreateTable: true,
      applied: new Map(),
      broken: new Set(),
      madeIndexes: [],
    },
    foreignIds: new Map(streams.map(({ stream }) => [stream, false])),
  };
}

/** A table with the stream's columns and no indexes. */
function table(stream: StreamDeclaration, more: Partial<TableFacts> = {}): TableFacts {
  return {
    oid: 16_000,
    schema: 'public',
    relkind: 'r',
    owner: 'alphapulse',
    owned: true,
    creatable: true,
    readable: true,
    columns: columnsOf(stream).map(({ name, kind }) => ({ name, type: acceptedTypes(kind)[0] ?? '', default: null })),
    indexes: [],
    doorbell: 'absent',
    rewrites: 'absent',
    seesDeleted: false,
    partitions: [],
    hypertable: false,
    ...more,
  };
}

const print = (steps: readonly Step[]): string =>
  steps
    .filter(({ batches }) => batches.length > 0)
    .map(printStep)
    .join('\n');

describe('with TimescaleDB', () => {
  it('makes new tables hypertables with one-hour chunks and a key that has the time in it', () => {
    const sql = print(
      planSteps(
        files,
        facts(true, () => null),
        usual,
      ),
    );
    for (const { name } of STREAM_LIST) expect(sql).toContain(`"extensions".create_hypertable('${name}', 'timestamp'`);
    expect(sql.match(/chunk_time_interval => interval '1 hour'/g)).toHaveLength(5);
    expect(sql.match(/primary key \(id, "timestamp"\)/g)).toHaveLength(5);
    expect(sql).not.toContain('concurrently');
  });

  it('leaves existing plain tables plain, and builds their indexes concurrently', () => {
    const sql = print(
      planSteps(
        files,
        facts(true, (stream) => table(stream)),
        usual,
      ),
    );
    expect(sql).not.toContain('create_hypertable');
    expect(sql).not.toContain('transaction_per_chunk');
    expect(sql.match(/create index concurrently dashboard_\w+_cursor/g)).toHaveLength(5);
  });

  it('builds indexes of existing hypertables chunk by chunk, and clears away one that was cut off', () => {
    const left = {
      schema: 'public',
      name: 'dashboard_anomalies_cursor',
      valid: false,
      method: 'btree',
      predicate: '(dashboard_xid IS NOT NULL)',
      parent: null,
      included: [],
      keys: ['dashboard_xid', 'id'].map((column) => ({ column, descending: false, nullsFirst: false, plain: true })),
    };
    const sql = print(
      planSteps(
        files,
        facts(true, (stream) =>
          table(stream, { hypertable: true, indexes: stream.name === 'anomalies' ? [left] : [] }),
        ),
        usual,
      ),
    );
    expect(sql.match(/_cursor on \w+ \(dashboard_xid, id\) with \(timescaledb\.transaction_per_chunk\)/g)).toHaveLength(
      5,
    );
    expect(sql).toContain('drop index if exists "public"."dashboard_anomalies_cursor"');
    expect(sql).not.toContain('concurrently');
  });
});

describe('the triggers that note rewritten rows', () => {
  const rewriteTriggers = (timescaledb: string, more: Partial<TableFacts>): string[] => {
    const known = facts(timescaledb, (stream) => table(stream, { doorbell: 'ready', ...more }));
    return (
      print(planSteps(files, known, usual)).match(
        /create or replace trigger \w+_(updated|deleted) [^;]+funding_rates[^;]+;/g,
      ) ?? []
    );
  };

  it('see what is rewritten in a plain table', () => {
    const [updated, deleted] = rewriteTriggers('2.28.3', {});
    expect(updated).toContain('referencing old table as old_rows new table as new_rows');
    expect(deleted).toContain('referencing old table as old_rows');
  });

  it('see no deletes in a hypertable, because TimescaleDB would refuse to compress it', () => {
    const [updated, deleted] = rewriteTriggers('2.18.0', { hypertable: true });
    expect(updated).toContain('referencing old table as old_rows new table as new_rows');
    expect(deleted).not.toContain('referencing');
    expect(deleted).toContain(", 'blind', ");
  });

  it('see nothing in a hypertable of TimescaleDB before 2.18, which has no transition tables', () => {
    const both = rewriteTriggers('2.17.2', { hypertable: true });
    expect(both).toHaveLength(2);
    for (const trigger of both) {
      expect(trigger).not.toContain('referencing');
      expect(trigger).toContain(", 'blind', ");
    }
  });

  it('are made again where a table became a hypertable under them, and there alone', () => {
    const ready = { rewrites: 'ready', seesDeleted: true } as const;
    expect(rewriteTriggers('2.28.3', { ...ready, hypertable: true })).toHaveLength(2);
    expect(rewriteTriggers('2.28.3', ready)).toEqual([]);
    expect(rewriteTriggers('2.28.3', { rewrites: 'ready', hypertable: true })).toEqual([]);
  });
});

describe('every step', () => {
  it.each([
    ['on nothing', facts(false, () => null)],
    ['on plain tables', facts(false, (stream) => table(stream))],
    ['on hypertables', facts(true, (stream) => table(stream, { hypertable: true }))],
    ['on partitioned tables', facts(false, (stream) => table(stream, { relkind: 'p' }))],
  ])('%s waits at most 50 ms for a lock that shuts writers out', (_, known) => {
    const steps = [...planSteps(files, known, usual), ...planRemoval(files, known)];
    const unbounded = steps.flatMap(({ batches }) => batches).filter(({ lockTimeoutMs }) => lockTimeoutMs === 0);
    for (const { sql } of unbounded) expect(sql).toMatch(/^(create|drop) index concurrently |^analyze /);
    const bounds = steps.flatMap(({ batches }) => batches.map(({ lockTimeoutMs }) => lockTimeoutMs));
    expect(Math.max(...bounds)).toBe(50);
  });

  it('has a name of its own', () => {
    const names = planSteps(
      files,
      facts(false, (stream) => table(stream)),
      usual,
    ).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('that may take long comes after all that are quick', () => {
    const names = planSteps(
      files,
      facts(false, (stream) => table(stream)),
      usual,
    )
      .filter(({ batches }) => batches.length > 0)
      .map(({ name }) => name);
    const quick = names.findLastIndex((name) => /: (table|cursor column|doorbell|rewrites)$/.test(name));
    const slow = names.findIndex((name) => name.includes(': index '));
    expect(slow).toBe(quick + 1);
  });
});

describe('what is not to be touched', () => {
  it('gets no step: a left table, and one of a foreign shape with all its reasons', () => {
    const known = facts(false, (stream) =>
      stream.name === 'anomalies'
        ? table(stream, { columns: [{ name: 'id', type: 'uuid', default: null }] })
        : table(stream),
    );
    const options: PlanOptions = { leave: new Set(['funding_rates']), doorbell: true };
    const touched = new Set(planSteps(files, known, options).map(({ stream }) => stream));
    expect([...touched]).toEqual([null, 'performance_metrics', 'signal_predictions', 'system_metrics']);
    expect(leftAlone(known, options).map(({ stream, problems }) => [stream, problems.length])).toEqual([
      ['anomalies', 9],
    ]);
  });

  it('needs no rights', () => {
    const known = facts(false, (stream) =>
      table(stream, stream.name === 'anomalies' ? { owned: false, owner: 'eve' } : {}),
    );
    expect(() => checkRights(known, planSteps(files, known, usual))).toThrow('public.anomalies belongs to eve');
    const left: PlanOptions = { leave: new Set(['anomalies']), doorbell: true };
    expect(() => checkRights(known, planSteps(files, known, left))).not.toThrow();
  });
});
