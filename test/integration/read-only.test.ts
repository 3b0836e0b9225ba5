/** A role that may only read, on tables that were never altered: what is followed then, and what is said of it. */
import { Writable } from 'node:stream';
import type pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import type { Running } from '../../server/lifetime.ts';
import { startService } from '../../server/service.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { fieldSchema, freshDatabase, type TestDatabase } from '../support/postgres.ts';

const ROLE = `reader_${process.pid}`;

let database: TestDatabase;
let owner: pg.Client;
let running: Running | undefined;
let lines: string[];

beforeAll(async () => {
  database = await freshDatabase();
  owner = await database.connect();
  await fieldSchema(owner);
  await owner.query(`create role ${ROLE} login password 'reader'; grant select on funding_rates to ${ROLE}`);
});
afterAll(async () => {
  await owner.query(`drop owned by ${ROLE}; drop role ${ROLE}`);
  await database.drop();
});
afterEach(async () => {
  await running?.stop();
});

/** Starts the service as the role, and keeps what it logs. */
async function start(): Promise<void> {
  lines = [];
  const into = new Writable({
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).trim().split('\n'));
      done();
    },
  });
  const url = new URL(database.url);
  url.username = ROLE;
  url.password = 'reader';
  const { config } = parseConfig({
    DATABASE_URL: url.href,
    DB_SSLMODE: 'disable',
    DASHBOARD_PORT: '0',
    DASHBOARD_TICK_SECONDS: '1',
  });
  running = await startService(config, pino({ level: 'info' }, into));
}

async function health(): Promise<unknown> {
  const answer = await fetch(`${running?.address}/api/health`);
  return answer.json();
}

async function insert(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.0001) returning id`,
  );
  return rows[0]?.id ?? Number.NaN;
}

/** What the log said of the stream when it went live. */
function said(): unknown {
  const found = lines.map((line): unknown => JSON.parse(line));
  return found.find((line) => JSON.stringify(line).includes('neither immediate nor exact'));
}

const OVERLAP = expect.stringMatching(/overlap cursor.*tick alone, every 1 s.*created_at/);

describe('a stream whose table may only be read', () => {
  it('F4 F5 runs on the overlap cursor, and health and the log say so, with the owner who can mend it', async () => {
    await start();
    await expect.poll(health).toMatchObject({
      status: 'healthy',
      streams: { funding_rates: { state: 'live', cursor: 'overlap', reason: OVERLAP } },
    });
    const fault = { reason: OVERLAP, mend: expect.stringContaining(`as ${database.config.user} may`) };
    expect(await health()).toMatchObject({ streams: { funding_rates: fault } });
    expect(said()).toMatchObject({ stream: 'funding_rates', level: 40, cursor: 'overlap', ...fault });
    // Not granted at all: off, for another reason.
    expect(await health()).toMatchObject({ streams: { signal_predictions: { state: 'off' } } });

    const feed = await FeedSocket.open(`${running?.address.replace('http', 'ws')}/feed`);
    await feed.subscribe({ id: 'a', stream: 'funding_rates' });
    const ids = [await insert(owner), await insert(owner)];
    await feed.until(() => feed.deltaIds().length === 2);
    expect(feed.deltaIds()).toEqual(ids);
    await feed.close();
  });

  it('F4 gets rows of transactions that stay open, though the role is not told when they began', async () => {
    const [before, late] = await Promise.all([database.connect(), database.connect()]);
    // Open already when the service starts, and longer than the cursor's margin.
    await before.query('begin');
    const hidden = [await insert(before)];
    await start();
    const feed = await FeedSocket.open(`${running?.address.replace('http', 'ws')}/feed`);
    await feed.subscribe({ id: 'a', stream: 'funding_rates' });
    await expect.poll(health).toMatchObject({ streams: { funding_rates: { state: 'live' } } });
    // One look goes by between its beginning and what it writes, and several until it commits.
    await late.query('begin');
    const shown = [await insert(owner)];
    await feed.until(() => feed.deltaIds().length === 1);
    hidden.push(await insert(late));
    for (let i = 0; i < 3; i += 1) {
      const id = await insert(owner);
      await feed.until(() => feed.deltaIds().includes(id));
      shown.push(id);
    }
    expect(feed.deltaIds()).toEqual(shown);
    await before.query('commit');
    await late.query('commit');
    await feed.until(() => feed.deltaIds().length === shown.length + hidden.length);
    expect(
      feed
        .deltaIds()
        .slice(shown.length)
        .sort((a, b) => a - b),
    ).toEqual(hidden);
    await feed.close();
  });
});
