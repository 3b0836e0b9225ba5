/**
 * Three servers on one database behind nginx, with the configuration that the product brings: each is killed, stopped or
 * frozen in turn, under load, and whoever moves to another one goes on there from its cursor.
 */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser } from '../support/browser.ts';
import { Scene } from '../support/fault-scene.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { hasNginx, type Nginx, startNginx } from '../support/nginx.ts';
import { readStore, rowsInTable, shownRows } from '../support/page-charts.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';
import { Replica } from '../support/replicas.ts';

const FILE = 'test/fault/replicas.test.ts';
const [SEED = 1] = seeds(1);
const HOUR_MS = 3_600_000;
/** Feed connections that one server takes from an address: more than a scene or a page has. */
const PER_ADDRESS = 20;

/** What happens to a server, and what its process ends with; null for one that is still there. */
const FATES: readonly (readonly [NodeJS.Signals, number | string | null])[] = [
  ['SIGKILL', 'SIGKILL'],
  ['SIGTERM', 0],
  ['SIGSTOP', null],
];
/** Each server starts anew in a test, on a machine that is busy with it. */
const PATIENCE_MS = 180_000;

describe.skipIf(!hasNginx())(`three servers behind nginx (needs nginx and openssl; seed ${SEED})`, () => {
  let database: TestDatabase;
  let replicas: readonly Replica[] = [];
  let nginx: Nginx;
  let feedUrl: string;
  let scene: Scene | null = null;

  beforeAll(async () => {
    database = await freshDatabase({ migrated: true });
    replicas = await Replica.start(3, {
      DATABASE_URL: database.url,
      DB_SSLMODE: 'disable',
      DASHBOARD_TICK_SECONDS: '1',
      DASHBOARD_HEARTBEAT_SECONDS: '0.5',
      DASHBOARD_POOL_SIZE: '4',
      DASHBOARD_TRUST_PROXY: '127.0.0.1',
      DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS: `${PER_ADDRESS}`,
    });
    nginx = await startNginx(replicas.map(({ port }) => port));
    feedUrl = `${nginx.plainUrl.replace('http', 'ws')}/feed`;
  }, PATIENCE_MS);
  afterEach(async () => {
    await scene?.stop();
    scene = null;
  });
  afterAll(async () => {
    await nginx?.stop();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await database?.drop();
  });

  /** Does it to a server, has `meanwhile` happen without it, and brings it back. */
  async function without(
    replica: Replica,
    [signal, end]: (typeof FATES)[number],
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    replica.signal(signal);
    if (end !== null) expect(await replica.ended()).toBe(end);
    await meanwhile();
    if (end === null) replica.signal('SIGCONT');
    else await replica.start();
  }

  it.each(FATES)(
    'F4 F6 every row once, for all who move from a server at %s to another',
    async (...fate) => {
      await withSeed(SEED, FILE, async () => {
        const url = (): string => feedUrl;
        const running = await Scene.start({
          config: database.config,
          feedUrl: url,
          seed: SEED,
          guests: Array.from({ length: 4 }, () => ({ url, streams: STREAM_NAMES })),
        });
        scene = running;
        const all = [running.live, running.resuming, running.absent, ...running.guests];
        for (const replica of replicas) {
          await running.everybodyLive();
          const stayed = all.map(({ connections }) => connections);
          const inhabitants = await replica.clients();
          await without(replica, fate, async () => {
            await running.writers.more(40);
            // Those that it had have noticed, a frozen one by its silence, and are on others before it is back. One may be the page.
            await vi.waitFor(() => {
              const moved = all.filter(({ connections }, index) => connections > (stayed[index] ?? 0));
              expect(moved.length, `of ${inhabitants} clients have moved`).toBeGreaterThanOrEqual(
                Math.min(1, inhabitants - 1),
              );
            }, 20_000);
            await running.everybodyLive();
          });
        }
        await running.everybodyLive();
        await running.agree();
        expect(all.flatMap(({ gaps }) => gaps)).toEqual([]);
        // Seven connections, and each server was gone once: those who moved went on from their cursors.
        const resumed = all.flatMap((recorder) => STREAM_NAMES.map((stream) => recorder.recording(stream).resumes));
        expect(resumed.filter((times) => times > 0).length).toBeGreaterThanOrEqual(STREAM_NAMES.length);
      });
    },
    PATIENCE_MS,
  );

  describe('a page', () => {
    let browser: Browser;
    let writer: pg.Client;

    beforeAll(async () => {
      browser = await launchBrowser();
      writer = await database.connect();
      for (const stream of STREAM_NAMES) await writer.query(`delete from ${stream}`);
      await seedPage(writer, 3);
    });
    afterAll(() => browser?.close());

    /** Waits until the page is live and its charts hold the tables' rows of the last hour, no more and no less. */
    async function whole(page: Page): Promise<void> {
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      for (const stream of STREAM_NAMES) {
        await expect
          .poll(
            async () => {
              const store = await readStore(page, HOUR_MS);
              const due = await rowsInTable(writer, stream, 'BTC/USDT', store.from);
              const shown = shownRows(store, stream);
              const held = new Set(shown);
              return {
                some: due.length > 0,
                missing: due.filter((row) => !held.has(row)),
                extra: shown.length - due.length,
              };
            },
            { timeout: 30_000, interval: 100 },
          )
          .toEqual({ some: true, missing: [], extra: 0 });
      }
    }

    async function write(value: number): Promise<void> {
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
           select now() - i * interval '7 seconds', 'BTC/USDT', e, $1::numeric / 10000
           from generate_series(0, 5) i, unnest(array['binance', 'okx']) e`,
        [value],
      );
      await writer.query(
        `insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', $1)`,
        [value],
      );
    }

    it(
      'over https keeps live, with every row, while each server is killed and comes back',
      async () => {
        const context = await browser.newContext({ locale: 'en-US', ignoreHTTPSErrors: true });
        const problems: string[] = [];
        try {
          const page = await context.newPage();
          page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
          await page.goto(`${nginx.url}/?symbol=BTC/USDT&range=1h`);
          await whole(page);
          // A second visit knows how wide its charts are, so that nothing is asked for anew.
          await page.reload();
          await whole(page);
          const loaded = await page.evaluate(() => performance.timeOrigin);
          for (const [index, replica] of replicas.entries()) {
            await without(replica, ['SIGKILL', 'SIGKILL'], async () => {
              await write(index + 1);
              await whole(page);
            });
          }
          await write(9);
          await whole(page);
          expect(await page.evaluate(() => performance.timeOrigin)).toBe(loaded);
          expect(problems).toEqual([]);
        } finally {
          await context.close();
        }
      },
      PATIENCE_MS,
    );
  });

  it('is reached by http as well, which leads to https', async () => {
    const plain = await fetch(`${nginx.redirectUrl}/wall?symbols=BTC/USDT`, { redirect: 'manual' });
    expect(plain.status).toBe(308);
    expect(plain.headers.get('location')).toBe('https://127.0.0.1/wall?symbols=BTC/USDT');
  });

  it("counts the clients' own addresses, whatever they say of them, and not the proxy's", async () => {
    const from = async (localAddress: string, forwarded: string): Promise<FeedSocket> => {
      const feed = new FeedSocket(feedUrl, { localAddress, headers: { 'x-forwarded-for': forwarded } });
      opened.push(feed);
      await feed.until(() => feed.of('hello').length > 0 || feed.closed !== null);
      return feed;
    };
    const opened: FeedSocket[] = [];
    try {
      await vi.waitFor(async () => {
        const feed = await from('127.0.0.2', `203.0.113.${opened.length % 200}`);
        expect(feed.closed).toMatchObject({ code: 1013 });
      }, 30_000);
      // A connection goes to whichever server has its turn, and the first that was full refused.
      const taken = opened.filter(({ closed }) => closed === null).length;
      expect(taken).toBeGreaterThanOrEqual(PER_ADDRESS);
      expect(taken).toBeLessThanOrEqual(3 * PER_ADDRESS);
      for (let turn = 0; turn < 6; turn += 1) {
        expect((await from('127.0.0.3', '127.0.0.2')).closed).toBeNull();
      }
    } finally {
      await Promise.all(opened.filter(({ closed }) => closed === null).map((feed) => feed.close()));
    }
  });
});
