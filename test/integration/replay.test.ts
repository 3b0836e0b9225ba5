/** Holds a replay to what arrives in a real database: the recorded payments at their moved times, and their anomalies. */
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../server/config.ts';
import { readRecording, roundDecimal } from '../../server/demo/recording.ts';
import { startService } from '../../server/service.ts';
import { createHandClock, createTestDemo } from '../support/demo.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const HOUR = 3_600_000;
const START = Date.UTC(2021, 0, 1);

let database: TestDatabase;
let client: pg.Client;
let folder: string;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-replay-'));
  // As root, the embedded server runs as another account, which has to get to its folder.
  await chmod(folder, 0o755);
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

it('fills the history up to now, plays live, and goes on after a restart with every payment once', async () => {
  const lines = Array.from({ length: 400 }, (_, index) => {
    const time = new Date(START + index * 8 * HOUR).toISOString();
    return ['binance', 'gate'].map(
      (exchange) => `${time},BTC/USDT,${exchange},${index % 60 === 59 ? 0.003 : 0.0001 + (index % 5) / 123_457}`,
    );
  });
  const path = join(folder, 'rates.csv.gz');
  await writeFile(path, gzipSync(`timestamp,symbol,exchange,funding_rate\n${lines.flat().join('\n')}\n`));
  const recording = await readRecording(path);
  const clock = createHandClock(Date.UTC(2026, 10, 22, 12));
  const replay = { recording, speed: 3_600 };

  const first = createTestDemo(database, { clock, replay });
  await first.backfill(() => undefined);
  const stored = async (): Promise<{ due: number; recorded: string; rate: string }[]> =>
    (
      await client.query(
        `select (extract(epoch from "timestamp") * 1000)::float8 as due, metadata->>'recorded_at' as recorded,
                funding_rate::text as rate from funding_rates where exchange = 'gate' order by "timestamp", id`,
      )
    ).rows;
  const history = await stored();
  expect(history.length).toBe(300);
  expect(history.at(-1)?.due).toBeGreaterThan(clock.now() - 8_001);
  expect(history.map(({ recorded }) => Date.parse(recorded))).toEqual(
    recording.rates
      .filter((rate) => rate.exchange === 'gate')
      .slice(0, 300)
      .map((rate) => rate.time),
  );

  first.start();
  clock.move(60_000);
  await vi.waitFor(async () => expect((await stored()).length).toBe(307), { timeout: 20_000 });
  await first.close();

  clock.move(120_000);
  const second = createTestDemo(database, { clock, replay });
  await second.backfill(() => undefined);
  await second.close();
  const rows = await stored();
  expect(rows.length).toBe(322);
  expect(new Set(rows.map(({ recorded }) => recorded)).size).toBe(322);
  const gaps = rows.slice(1).map(({ due }, index) => due - (rows[index]?.due ?? 0));
  expect(new Set(gaps)).toEqual(new Set([8_000]));

  const anomalies = await client.query(
    `select distinct data_type, count(*) filter (where abs(z_score) >= threshold)::int as shocks from anomalies group by 1`,
  );
  // Each sixtieth of 322 payments of the recording, and no other, on both exchanges.
  expect(anomalies.rows).toEqual([{ data_type: 'funding_rate', shocks: 10 }]);
  for (const table of ['performance_metrics', 'signal_predictions', 'system_metrics']) {
    expect((await client.query(`select count(*)::int as n from ${table}`)).rows[0].n).toBeGreaterThan(50);
  }
}, 120_000);

it('with no database configured has an embedded one of its own, so that it never meets the rows of the market', async () => {
  const path = join(folder, 'short.csv');
  await writeFile(path, `timestamp,symbol,exchange,funding_rate\n2021-01-01T00:00:00Z,BTC/USDT,gate,0.0001\n`);
  const dataDir = join(folder, 'data');
  const { config } = parseConfig(
    { DASHBOARD_DATA_DIR: dataDir, DASHBOARD_PORT: '0' },
    // An hour of recording an hour: nothing of it comes while the test looks.
    { replay: path, speed: '1' },
  );
  const running = await startService(config, pino({ level: 'silent' }));
  try {
    expect(await readdir(dataDir)).toEqual(['replay']);
    const answer = await fetch(`${running.address}/api/data/${encodeURIComponent('BTC/USDT')}?hours=168`);
    const rows = z.object({ funding_rates: z.array(z.object({ exchange: z.string() })) }).parse(await answer.json());
    expect(rows.funding_rates.map(({ exchange }) => exchange)).toEqual(['gate']);
  } finally {
    await running.stop();
  }
}, 120_000);

it('rounds as the table does', async () => {
  const samples = [
    '0.000000005',
    '-0.000000005',
    '0.0000000149999999',
    '1.23456789123e-5',
    '0.00001428550',
    '99.999999994',
    '-7e-9',
    '12',
  ];
  const { rows } = await client.query('select s, s::decimal(10,8)::text as rounded from unnest($1::text[]) s', [
    samples,
  ]);
  for (const { s, rounded } of rows) expect(roundDecimal(s, 8)).toBe(rounded);
});
