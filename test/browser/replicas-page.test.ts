/** A page behind nginx, in a real Chromium over https: its server is killed under it, and it goes on with another one. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser } from '../support/browser.ts';
import { hasNginx, type Nginx, startNginx } from '../support/nginx.ts';
import { readStore, reloadAtKnownWidths, rowsInTable, shownRows } from '../support/page-charts.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { behindProxy, Replica } from '../support/replicas.ts';

const HOUR_MS = 3_600_000;
/** Each server starts anew in a test, on a machine that is busy with it. */
const PATIENCE_MS = 180_000;

describe.skipIf(!hasNginx())('three servers behind nginx (needs nginx and openssl)', () => {
  let database: TestDatabase;
  let replicas: readonly Replica[] = [];
  let nginx: Nginx;
  let browser: Browser;
  let writer: pg.Client;

  beforeAll(async () => {
    [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
    writer = await database.connect();
    await seedPage(writer, 3);
    replicas = await Replica.start(3, behindProxy(database.url));
    nginx = await startNginx(replicas.map(({ port }) => port));
  }, PATIENCE_MS);
  afterAll(async () => {
    await browser?.close();
    await nginx?.stop();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await database?.drop();
  });

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
        await reloadAtKnownWidths(page);
        await whole(page);
        const loaded = await page.evaluate(() => performance.timeOrigin);
        for (const [index, replica] of replicas.entries()) {
          await replica.without('SIGKILL', async () => {
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

  it('is reached by http as well, which leads to https', async () => {
    const plain = await fetch(`${nginx.redirectUrl}/wall?symbols=BTC/USDT`, { redirect: 'manual' });
    expect(plain.status).toBe(308);
    expect(plain.headers.get('location')).toBe('https://127.0.0.1/wall?symbols=BTC/USDT');
  });
});
