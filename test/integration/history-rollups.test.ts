/**
 * History through rollups is history without them: whatever was written, rewritten or left open, and wherever the maintainer
 * stands, both readings of one snapshot are the same to the last digit.
 */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLinePacks } from '../../server/db/history/rollups.ts';
import { readChannels } from '../../server/db/history.ts';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { HOUR_MS } from '../../server/db/rollup/tables.ts';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import { bucketFor } from '../../shared/m4.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { AT_ONCE, settle, settled } from '../support/rollups.ts';
import { HYPERTABLES, makeChunks } from '../support/timescale.ts';

const FILE = 'test/integration/history-rollups.test.ts';
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + 1_234_567;
const DAY = 24 * HOUR_MS;

let db: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  db = await freshDatabase({ migrated: true });
  client = await db.connect();
});
afterEach(() => db.drop());

/** Rows of a line, evenly over `spanMs` from `from` on. */
async function metrics(metric: string, from: number, spanMs: number, rows: number, on = client): Promise<void> {
  await on.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
     select to_timestamp($2::float8 / 1000 + i * ($3::float8 / 1000 / $4)), $1,
       case hashint4(i) % 40 when 7 then 'NaN' when 8 then 'Infinity' else (hashint4(i) % 1000) / 10.0 end,
       (array['%', null, 'a,"b'])[1 + i % 3]
     from generate_series(0, $4::int - 1) i`,
    [metric, from, spanMs, rows],
  );
}

async function rates(symbol: string, exchange: string, from: number, spanMs: number, rows: number): Promise<void> {
  await client.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate, next_funding_time)
     select to_timestamp($3::float8 / 1000 + i * ($4::float8 / 1000 / $5)), $1, $2, (hashint4(i) % 1000) / 1e7,
       nullif((hashint4(-i) % 100), 7) / 1e6, to_timestamp($3::float8 / 1000)
     from generate_series(0, $5::int - 1) i`,
    [symbol, exchange, from, spanMs, rows],
  );
}

type Asked = Pick<SnapshotRequest, 'range' | 'resolution'> & { readonly until?: number };

/** Reads both ways in one snapshot, and answers how many hours came out of packs. */
async function compare(stream: StreamDeclaration, { until, ...asked }: Asked): Promise<number> {
  const request = { keys: null, now: until ?? NOW, pointLimit: 10_000_000, ...asked };
  const read = async (rollups: boolean) => {
    const channels = [];
    const options = { rollups, ...(until === undefined ? {} : { until }) };
    for await (const channel of readChannels(client, stream, request, options)) channels.push(channel);
    return channels;
  };
  await client.query('begin isolation level repeatable read read only');
  try {
    const plain = await read(false);
    const rolled = await read(true);
    expect(rolled.map(({ key }) => key)).toEqual(plain.map(({ key }) => key));
    for (const [at, channel] of rolled.entries()) expect(channel, channel.key).toEqual(plain[at]);
    const rangeMs = asked.range.kind === 'window' ? asked.range.ms : 0;
    const bucketMs =
      'points' in asked.resolution ? bucketFor(rangeMs, asked.resolution.points) : asked.resolution.bucketMs;
    const lines = plain.flatMap(({ key, lines: own }) => own.map(({ name }) => ({ key, series: name })));
    const packs = await readLinePacks(client, stream, {
      lines,
      from: request.now - rangeMs,
      to: request.now,
      bucketMs,
    });
    return packs.reduce((sum, { hours }) => sum + hours.size, 0);
  } finally {
    await client.query('rollback');
  }
}

const WEEK: Asked = { range: { kind: 'window', ms: 7 * DAY }, resolution: { points: 1200 } };
const ASKED: readonly [Asked, ...Asked[]] = [
  WEEK,
  { range: { kind: 'window', ms: DAY }, resolution: { points: 1200 } },
  { range: { kind: 'window', ms: DAY }, resolution: { bucketMs: 60_000 } },
  { range: { kind: 'window', ms: 6 * HOUR_MS }, resolution: { points: 100 } },
  { range: { kind: 'window', ms: 5 * DAY }, resolution: { bucketMs: 77_000 } },
  { range: { kind: 'window', ms: 3 * DAY }, resolution: { bucketMs: 3_600_000 * 7 } },
  { range: { kind: 'window', ms: 3 * DAY }, resolution: { points: 10_000 } },
  { range: { kind: 'window', ms: DAY }, resolution: { points: 300 }, until: NOW - 2 * DAY + 123_456 },
  { range: { kind: 'window', ms: 2 * DAY }, resolution: { bucketMs: 180_000 }, until: NOW - DAY },
];

describe('history through rollups', () => {
  it('takes finished hours from packs, whatever their density and the width of a bucket', async () => {
    await metrics('dense', NOW - 7 * DAY, 7 * DAY, 60_000);
    await metrics('middling', NOW - 4 * DAY, 4 * DAY, 30_000);
    await metrics('sparse', NOW - 7 * DAY, 7 * DAY, 12_000);
    await metrics('rare', NOW - 7 * DAY, 7 * DAY, 500);
    await metrics('burst', NOW - DAY, HOUR_MS / 2, 3000);
    await settled(client, STREAMS.system_metrics);
    for (const asked of ASKED) await compare(STREAMS.system_metrics, asked);
    // Two days of hours at least, of three lines.
    expect(await compare(STREAMS.system_metrics, WEEK)).toBeGreaterThan(3 * 48);
  });

  it('tells lines apart, also those without a name', async () => {
    await client.query('alter table funding_rates alter exchange drop not null');
    await rates('BTC/USDT', 'binance', NOW - 3 * DAY, 3 * DAY, 20_000);
    await rates('BTC/USDT', 'okx', NOW - 2 * DAY, 2 * DAY, 8_000);
    await rates('ETH/USDT', '', NOW - 3 * DAY, 3 * DAY, 20_000);
    await client.query(`update funding_rates set exchange = null where symbol = 'ETH/USDT' and id % 3 = 0`);
    await settled(client, STREAMS.funding_rates);
    for (const asked of ASKED) await compare(STREAMS.funding_rates, asked);
    expect(await compare(STREAMS.funding_rates, WEEK)).toBeGreaterThan(3 * 24);
  });

  it('adds what was committed after the position, and reads rewritten hours from their rows', async () => {
    await metrics('m', NOW - 2 * DAY, 2 * DAY, 40_000);
    const late = await db.connect();
    await late.query('begin');
    await metrics('m', NOW - DAY, HOUR_MS, 50, late);
    await settled(client, STREAMS.system_metrics);
    const packed = await compare(STREAMS.system_metrics, WEEK);
    expect(packed).toBeGreaterThan(40);
    await late.query('commit');
    await metrics('m', NOW - DAY - HOUR_MS, HOUR_MS, 50);
    expect(await compare(STREAMS.system_metrics, WEEK)).toBe(packed);
    await client.query(`delete from system_metrics where id % 1000 = 0 and "timestamp" < to_timestamp($1)`, [
      (NOW - 1.5 * DAY) / 1000,
    ]);
    const rest = await compare(STREAMS.system_metrics, WEEK);
    // Of hypertables nobody is told which rows were deleted: no pack is believed until it is made again.
    if (HYPERTABLES) expect(rest).toBe(0);
    else expect(rest).toBeGreaterThan(20);
    expect(rest).toBeLessThan(packed);
    await settled(client, STREAMS.system_metrics);
    expect(await compare(STREAMS.system_metrics, WEEK)).toBe(packed);
  });

  it('does without them where the position is none, or belongs to another database', async () => {
    await metrics('m', NOW - DAY, DAY, 20_000);
    await settled(client, STREAMS.system_metrics);
    expect(await compare(STREAMS.system_metrics, WEEK)).toBeGreaterThan(20);
    await client.query(`update alphapulse_dashboard.rollup_state set database = 'another'`);
    expect(await compare(STREAMS.system_metrics, WEEK)).toBe(0);
    await client.query('drop schema alphapulse_dashboard cascade');
    expect(await compare(STREAMS.system_metrics, WEEK)).toBe(0);
  });

  it('is the same at any time, whatever happens to the rows', { timeout: 120_000 }, async () => {
    for (const seed of seeds(1, [3]))
      await withSeed(seed, FILE, async () => {
        await client.query('truncate system_metrics');
        await makeChunks(client, 'system_metrics', NOW - 4 * DAY, NOW + 2 * DAY);
        const random = seeded(seed);
        const open = await db.connect();
        let isOpen = false;
        let packed = 0;
        const rollup = new StreamRollup(STREAMS.system_metrics, AT_ONCE, HYPERTABLES);
        const somewhere = (): number => NOW - Math.floor(random() * 3 * DAY);
        const some = async (on: pg.Client): Promise<void> => {
          const span = pick(random, [1000, HOUR_MS / 3, HOUR_MS, DAY]);
          const rows = pick(random, [1, 70, 1000, 5000]);
          await metrics(pick(random, ['a', 'b']), somewhere(), span, rows, on);
        };
        for (let step = 0; step < 40; step += 1) {
          const dice = random();
          if (dice < 0.35) await some(client);
          else if (dice < 0.45) {
            await open.query(isOpen ? pick(random, ['commit', 'rollback']) : 'begin');
            isOpen = !isOpen;
            if (isOpen) await some(open);
          } else if (dice < 0.5) {
            await client.query('delete from system_metrics where id % 500 = $1', [Math.floor(random() * 500)]);
          } else if (dice < 0.55) {
            await client.query(
              'update system_metrics set metric_value = -metric_value, "timestamp" = "timestamp" - $2 * interval \'1 minute\' where id % 500 = $1',
              // TimescaleDB refuses to move a row to another chunk.
              [Math.floor(random() * 500), HYPERTABLES ? 0 : Math.floor(random() * 200)],
            );
          } else if (dice < 0.75) await rollup.step(client);
          else if (dice < 0.8) await settle(client, rollup);
          else packed += await compare(STREAMS.system_metrics, pick(random, ASKED));
        }
        if (isOpen) await open.query('commit');
        await settle(client, rollup);
        for (const asked of ASKED) packed += await compare(STREAMS.system_metrics, asked);
        expect(packed).toBeGreaterThan(0);
      });
  });
});
