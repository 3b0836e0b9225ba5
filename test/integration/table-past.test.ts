/** What was committed between two positions, read again from a real table: the rows visible at one and not at the other. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Runs } from '../../server/db/run.ts';
import { TablePast } from '../../server/db/table-past.ts';
import type { Position, RowPlace } from '../../server/feed/ports.ts';
import { OtherRunError } from '../../server/feed/ports.ts';
import { parseSnapshot } from '../../server/feed/position.ts';
import { STREAMS } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';
import { makeChunks } from '../support/timescale.ts';

const FILE = 'test/integration/table-past.test.ts';

let database: TestDatabase;
let pool: pg.Pool;
let past: TablePast;
let runs: Runs;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  pool = new pg.Pool({ ...database.config, max: 2 });
  await makeChunks(pool, 'system_metrics', 1_700_000_000_000, 1_700_000_000_000);
  runs = new Runs();
  past = new TablePast(pool, STREAMS.system_metrics, runs);
});

afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

/** A position with what was visible at it. */
interface Seen {
  readonly position: Position;
  readonly ids: ReadonlySet<string>;
}

async function see(observer: pg.Client, bound: number | null): Promise<Seen> {
  await observer.query('begin isolation level repeatable read');
  const { rows } = await observer.query<{ snapshot: string; started: string; highest: string; ids: string[] | null }>(
    `select pg_current_snapshot()::text as snapshot,
       (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as started,
       coalesce(max(dashboard_xid::text::bigint), 0)::text as highest, array_agg(id::text) as ids from system_metrics`,
  );
  await observer.query('commit');
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate answers one row');
  const snapshot = parseSnapshot(row.snapshot);
  const run = await runs.name(row.started, observer);
  return {
    position: { run, all: snapshot, recent: snapshot, bound, highest: BigInt(row.highest) },
    ids: new Set(row.ids ?? []),
  };
}

async function read(from: Position, to: Position, after: RowPlace | null, limit: number): Promise<RowPlace[]> {
  const rows: RowPlace[] = [];
  for await (const batch of past.read(from, to, after, limit)) rows.push(...batch.map(({ xid, id }) => ({ xid, id })));
  return rows;
}

const INSERT = `insert into system_metrics ("timestamp", metric_name, metric_value)
  select to_timestamp($2 + i), 'm' || i % 3, i from generate_series(1, $1) i`;

describe('the past of a table', () => {
  it('F6 is what became visible between two positions, whenever it is asked for', async () => {
    const observer = await database.connect();
    const writers = await Promise.all(Array.from({ length: 4 }, () => database.connect()));
    for (const seed of seeds(3)) {
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const open = new Set<pg.Client>();
        const seen = [await see(observer, null)];
        for (let step = 0; step < 60; step += 1) {
          const writer = writers[Math.floor(random() * writers.length)];
          if (writer === undefined) continue;
          if (!open.has(writer)) {
            await writer.query('begin');
            open.add(writer);
          } else if (random() < 0.4) {
            await writer.query(random() < 0.8 ? 'commit' : 'rollback');
            open.delete(writer);
          }
          if (open.has(writer)) await writer.query(INSERT, [Math.ceil(random() * 4), 1_700_000_000]);
          if (random() < 0.4) seen.push(await see(observer, null));
        }
        for (const writer of open) await writer.query('commit');
        for (const [at, earlier] of seen.entries()) {
          for (const later of seen.slice(at)) {
            const rows = await read(earlier.position, later.position, null, 1_000_000);
            const expected = [...later.ids].filter((id) => !earlier.ids.has(id));
            expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(expected));
            expect(rows.length).toBe(expected.length);
          }
        }
      });
    }
  });

  it('comes in batches of one order, from any place on, and never more than asked for', async () => {
    const observer = await database.connect();
    const writer = await database.connect();
    const before = await see(observer, null);
    await writer.query(INSERT, [2500, 1_700_000_000]);
    await writer.query(INSERT, [10, 1_700_000_000]);
    const { position } = await see(observer, null);
    const all = await read(before.position, position, null, 1_000_000);
    expect(all).toHaveLength(2510);
    const sorted = [...all].sort((a, b) => (a.xid === b.xid ? Number(a.id) - Number(b.id) : a.xid < b.xid ? -1 : 1));
    expect(all).toEqual(sorted);
    expect(await read(before.position, position, all[1199] ?? null, 1_000_000)).toEqual(all.slice(1200));
    expect(await read(before.position, position, null, 1001)).toEqual(all.slice(0, 1001));
  });

  it('F4 keeps rows of one id together, where a table without a key has it twice at the edge of a page', async () => {
    const observer = await database.connect();
    const writer = await database.connect();
    const before = await see(observer, null);
    await writer.query('alter table system_metrics drop constraint if exists system_metrics_pkey');
    await writer.query(
      `insert into system_metrics (id, "timestamp", metric_name, metric_value)
       select 5000000 + least(i, 1000), to_timestamp(1700000000), 'm', i from generate_series(1, 1001) i`,
    );
    const { position } = await see(observer, null);
    expect(await read(before.position, position, null, 1_000_000)).toHaveLength(1001);
  });

  it('judges rows on either side of a bound by the snapshot of their side', async () => {
    const observer = await database.connect();
    const writer = await database.connect();
    const first = await see(observer, null);
    await writer.query(INSERT, [3, 1_600_000_000]);
    await writer.query(INSERT, [3, 1_800_000_000]);
    const second = await see(observer, null);
    // As after a look at the recent rows alone: those since the bound were read up to `second`, the others were not.
    const half: Position = { ...second.position, all: first.position.all, bound: 1_700_000_000_000 };
    const recent = await read(first.position, half, null, 100);
    const old = await read(half, second.position, null, 100);
    expect([recent.length, old.length]).toEqual([3, 3]);
    expect(new Set([...recent, ...old].map(({ id }) => id)).size).toBe(6);
  });

  it('knows whether a transaction wrote a row, and refuses positions of another run', async () => {
    const observer = await database.connect();
    const { position } = await see(observer, null);
    expect(await past.has(position.highest)).toBe(true);
    expect(await past.has(1n)).toBe(false);
    const other = { ...position, run: 'abc~1' };
    await expect(read(other, other, null, 10)).rejects.toThrow(OtherRunError);
  });
});
