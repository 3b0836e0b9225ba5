/** `doctor --verify` on a real PostgreSQL: it finds every pack that was made wrong, no other, and its mend mends. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import {
  dropPacks,
  type PackDifference,
  type StreamVerification,
  verifyRollups,
} from '../../server/db/doctor/verify.ts';
import { ROLLUP_LOCK } from '../../server/db/rollup/maintainer.ts';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { widthsOf } from '../../server/db/rollup/tables.ts';
import { type Finding, healthy } from '../../server/doctor/findings.ts';
import { runDoctor } from '../../server/doctor/run.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { AT_ONCE, settle, settled } from '../support/rollups.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
});
afterAll(async () => {
  await database?.drop();
});

// Taken once, so that no test is at odds with itself when an hour ends.
const HOUR_MS = 3_600_000;
const THIS_HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const HOUR = `timestamptz '${new Date(THIS_HOUR).toISOString()}'`;

/** A quiet, a busy and a very busy line in each of three hours, so that every width of pack is there. */
beforeEach(async () => {
  await client.query('truncate system_metrics, funding_rates');
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value)
     select ${HOUR} - make_interval(hours => hour) + row * interval '1 hour' / rows, metric, sin(row) * row
     from generate_series(2, 4) hour, unnest($1::text[], $2::int[]) lines(metric, rows)
       cross join lateral generate_series(0, rows - 1) row`,
    [Object.keys(LINES), Object.values(LINES)],
  );
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
     select ${HOUR} - interval '3 hours' + row * interval '10 s', symbol, 'okx', row / 1e8
     from generate_series(0, 299) row, unnest(array['BTC/USDT', 'ETH/USDT']) symbol`,
  );
  await settled(client, STREAMS.system_metrics);
  await settled(client, STREAMS.funding_rates);
});

/** Rows an hour of each line of system_metrics, in each of three hours. */
const LINES = { quiet: 100, busy: 500, 'very busy': 1000 } as const;
const packsOf = (line: keyof typeof LINES): number => 3 * widthsOf(LINES[line]).length;
const ALL_PACKS = packsOf('quiet') + packsOf('busy') + packsOf('very busy');

const STREAM_PAIR: readonly StreamName[] = ['system_metrics', 'funding_rates'];

async function verify(named = 20): Promise<readonly StreamVerification[]> {
  return verifyRollups(client, { streams: STREAM_PAIR, named, progress: () => undefined });
}

async function differences(): Promise<readonly PackDifference[]> {
  return (await verify()).flatMap((stream) => stream.differences);
}

/** Rows change and no trigger sees it, as in a replica's session. */
async function unseen(sql: string): Promise<void> {
  await client.query(`set session_replication_role = replica; ${sql}; set session_replication_role = origin`);
}

describe('packs that are right', () => {
  it('are found so, of every width, and counted', async () => {
    const found = await verify();
    expect(found).toEqual([
      { stream: 'funding_rates', packs: 2 * widthsOf(300).length, noted: 0, differences: [] },
      { stream: 'system_metrics', packs: ALL_PACKS, noted: 0, differences: [] },
    ]);
    const { rows } = await client.query('select distinct width from alphapulse_dashboard.rollups order by 1');
    expect(rows.map(({ width }) => width).sort()).toEqual([0, ...widthsOf(1000)].sort());
  });

  it('stay so when rows come after the position: readers add those', async () => {
    await client.query(
      `insert into system_metrics ("timestamp", metric_name, metric_value) values (${HOUR} - interval '150 min', 'busy', 1e9)`,
    );
    expect(await differences()).toEqual([]);
    await settled(client, STREAMS.system_metrics);
    expect(await differences()).toEqual([]);
  });

  it('and those whose rows were rewritten, with a note of that, are no differences but behind', async () => {
    await client.query(`update system_metrics set metric_value = 1e9 where "timestamp" < ${HOUR} - interval '3 hours'`);
    const found = await verify();
    expect(found.map(({ stream, noted }) => [stream, noted])).toEqual([
      ['funding_rates', 0],
      ['system_metrics', ALL_PACKS / 3],
    ]);
    expect(found.flatMap((stream) => stream.differences)).toEqual([]);
  });
});

describe('packs that are wrong', () => {
  it('because rows changed unseen: each width, with the first row that differs', async () => {
    await unseen(
      `update system_metrics set metric_value = 1e9
       where metric_name = 'very busy' and "timestamp" = ${HOUR} - interval '3 hours' + interval '30 minutes'`,
    );
    const at = THIS_HOUR - 2.5 * HOUR_MS;
    const hour = THIS_HOUR - 3 * HOUR_MS;
    const common = { stream: 'system_metrics', key: 'very busy', line: '', hour, rowsPacked: 1000, rowsThere: 1000 };
    const widths = widthsOf(1000).toSorted((a, b) => a - b);
    expect(await differences()).toEqual(widths.map((width) => ({ ...common, width, firstAt: at })));
  });

  it('because rows went unseen: some of them, or all', async () => {
    await unseen(`delete from funding_rates where symbol = 'BTC/USDT'`);
    await unseen(`delete from funding_rates where "timestamp" = (select min("timestamp") from funding_rates)`);
    const gone = { key: 'BTC/USDT', line: ':okx', rowsPacked: 300, rowsThere: 0 };
    const fewer = { key: 'ETH/USDT', line: ':okx', rowsPacked: 300, rowsThere: 299 };
    expect(await differences()).toMatchObject(widthsOf(300).flatMap(() => [gone, fewer]));
  });

  it('because a pack was: its count, or what it holds', async () => {
    await client.query(
      `update alphapulse_dashboard.rollups set rows = rows + 1 where key = 'quiet' and hour = ${HOUR} - interval '2 hours';
       update alphapulse_dashboard.rollups set columns = array[columns[1]] || columns[2:]
         where key = 'busy' and hour = ${HOUR} - interval '2 hours'`,
    );
    // The second was written anew as it was.
    expect(await differences()).toMatchObject([{ key: 'quiet', rowsPacked: 101, rowsThere: 100, firstAt: null }]);
    await client.query(`update alphapulse_dashboard.rollups set columns[3] = substr(columns[3], 9) where key = 'busy'`);
    expect((await differences()).filter(({ key }) => key === 'busy')).toHaveLength(packsOf('busy'));
  });

  it('are looked into up to a bound, and all counted', async () => {
    await unseen('update system_metrics set metric_value = metric_value + 1');
    const found = (await verify(2)).flatMap((stream) => stream.differences);
    expect(found).toHaveLength(ALL_PACKS);
    expect(found.filter(({ firstAt }) => firstAt !== null)).toHaveLength(2);
  });
});

it('the mend deletes what differs, of every width, and the next steps make it anew', async () => {
  const before = await verify();
  await unseen(`update system_metrics set metric_value = 7 where metric_name = 'very busy'`);
  const wrong = await differences();
  expect(wrong).toHaveLength(packsOf('very busy'));
  expect(await dropPacks(client, wrong)).toBe(packsOf('very busy'));
  expect(await differences()).toEqual([]);
  await settle(client, new StreamRollup(STREAMS.system_metrics, AT_ONCE));
  expect(await verify()).toEqual(before);
});

describe('doctor', () => {
  const examine = async (ask: { verify?: boolean; mend?: boolean } = {}): Promise<readonly Finding[]> => {
    const { config } = parseConfig({ DATABASE_URL: database.url, DB_SSLMODE: 'disable' });
    const quiet = { found: () => undefined, progress: () => undefined };
    const findings = await runDoctor({ config, warnings: [], verify: false, mend: false, ...ask, ...quiet });
    return findings.filter(({ about }) => about === 'rollups');
  };
  const codes = (findings: readonly Finding[]): readonly string[] => [
    ...new Set(findings.map(({ level, code }) => `${level} ${code}`)),
  ];

  it('tells how far they are, and who keeps them', async () => {
    const keeper = await database.connect();
    await keeper.query(`set application_name = 'the keeper'; select pg_advisory_lock(${ROLLUP_LOCK.join(', ')})`);
    const findings = await examine();
    await keeper.end();
    expect(findings.find(({ code }) => code === 'rollups_kept')?.what).toContain('the keeper');
    const progress = findings.find(({ what }) => what.startsWith('system_metrics'));
    expect(progress).toMatchObject({ level: 'ok', code: 'rollups_progress' });
    expect(progress?.what).toMatch(/: (\d+) of \d+ hours$/);
  });

  it('tells that they are behind when rows came and nobody moved the position, and only then', async () => {
    await client.query(`update alphapulse_dashboard.rollup_state set updated_at = now() - interval '5 minutes'`);
    expect(codes(await examine())).not.toContain('warn rollups_behind');
    await client.query(`insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'busy', 1)`);
    const behind = (await examine()).filter(({ code }) => code === 'rollups_behind');
    expect(behind).toMatchObject([{ level: 'warn', mend: 'npm start' }]);
    expect(behind[0]?.what).toMatch(/^system_metrics: .*; behind by 30\d s/);
  });

  it('tells that they are void, as those of another table or version are', async () => {
    await client.query(`update alphapulse_dashboard.rollup_state set format = -1 where stream = 'system_metrics'`);
    expect((await examine()).find(({ code }) => code === 'rollups_void')?.what).toContain('system_metrics');
  });

  it('names differences and fails; with the mend it deletes them and warns; then all is well', async () => {
    await unseen(`update system_metrics set metric_value = 7 where metric_name <> 'quiet'`);
    const found = await examine({ verify: true });
    expect(healthy(found)).toBe(false);
    expect(found.filter(({ code }) => code === 'pack_differs')).toHaveLength(packsOf('busy') + packsOf('very busy'));
    expect(found.find(({ code }) => code === 'pack_differs')?.what).toMatch(
      /^the pack of system_metrics (very )?busy, .*Z, buckets of \d+ s: of \d+ rows; the first difference is at .*Z$/,
    );
    const mended = await examine({ verify: true, mend: true });
    expect(healthy(mended)).toBe(true);
    expect(codes(mended)).toContain('ok packs_dropped');
    const after = await examine({ verify: true });
    expect(codes(after).filter((code) => /verified|differs/.test(code))).toEqual(['ok verified']);
  });
});

it('a stream whose rollups hold no longer is left out', async () => {
  await client.query(`delete from alphapulse_dashboard.rollup_state where stream = 'funding_rates'`);
  expect((await verify()).map(({ stream }) => stream)).toEqual(['system_metrics']);
});
