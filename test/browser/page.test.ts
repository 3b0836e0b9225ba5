/** The page of a running server in a real Chromium: it shows what the database holds, follows it, and comes back by itself. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { rowsOfLastHour } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const STREAMS = ['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions', 'system_metrics'];
const SYMBOL = 'BTC/USDT';

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at)
       select now() - i * interval '1 minute', s, e, 0.0001 * sin(i), now() - i * interval '1 minute'
       from generate_series(1, 600) i, unnest(array['binance', 'bybit']) e, unnest(array['BTC/USDT', 'ETH/USDT']) s`,
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, created_at)
       select now() - i * interval '1 minute', 'BTC/USDT', 'funding_rate', i, 4 * sin(i), now() - i * interval '1 minute'
       from generate_series(1, 300) i`,
  );
  await writer.query(
    `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, win_rate, drawdown, created_at)
       select now() - i * interval '1 minute', 'BTC/USDT', 'momentum', 10 * sin(i), 1, 0, now() - i * interval '1 minute'
       from generate_series(1, 300) i`,
  );
  await writer.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl, created_at)
       select now() - i * interval '1 minute', 'BTC/USDT', 'buy', abs(sin(i)), i, now() - i * interval '1 minute'
       from generate_series(1, 300) i`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit, created_at)
       select now() - i * interval '1 minute', m, 50 + 10 * sin(i), u, now() - i * interval '1 minute'
       from generate_series(1, 300) i, (values ('cpu', '%'), ('latency', 'ms'), ('odd', null)) as metrics(m, u)`,
  );
});

afterAll(async () => {
  await browser?.close();
  await database?.drop();
});

const chart = (stream: string): string => `[data-stream="${stream}"]`;

async function waitForState(page: Page, stream: string, state: RegExp): Promise<void> {
  await page.waitForFunction(
    ([selector, pattern]) =>
      new RegExp(pattern ?? '').test(document.querySelector(selector ?? '')?.getAttribute('data-state') ?? ''),
    [chart(stream), state.source],
  );
}

/** How many pixels of a chart's canvases are drawn on, and a sum that changes with any of them. */
function picture(page: Page, stream: string): Promise<{ drawn: number; sum: number }> {
  return page.evaluate((selector) => {
    let drawn = 0;
    let sum = 0;
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>(`${selector} canvas`)) {
      const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      for (let i = 3; i < data.length; i += 4) {
        if ((data[i] ?? 0) === 0) continue;
        drawn += 1;
        sum = (sum * 31 + (data[i - 1] ?? 0) + (data[i - 2] ?? 0) + (data[i - 3] ?? 0) + i) % 1_000_003;
      }
    }
    return { drawn, sum };
  }, chart(stream));
}

describe('the page', () => {
  it('shows five charts with data, and moves chart, card and age with a row that SQL inserts', async () => {
    const dashboard = await startDashboard(database.url);
    const { page, problems, close } = await openPage(browser);
    try {
      await page.goto(`${dashboard.url}/?symbol=${SYMBOL}&range=24h`);
      for (const stream of STREAMS) await waitForState(page, stream, /^(live|stale)$/);
      await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
      await page.waitForSelector('[data-feed="live"]');
      for (const stream of STREAMS)
        await expect.poll(async () => (await picture(page, stream)).drawn).toBeGreaterThan(500);

      const before = await picture(page, 'funding_rates');
      const card = page.locator('[data-card="funding_rates"]');
      const uncounted = async (): Promise<number> =>
        (await rowsOfLastHour(writer, 'funding_rates', SYMBOL)) -
        Number(await card.locator('[data-testid="rows-last-hour"]').getAttribute('data-rows'));
      await expect.poll(uncounted).toBe(0);
      const rate = 0.00123456;
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, 'binance', $2)`,
        [SYMBOL, rate],
      );
      await page.waitForFunction(
        () => document.querySelector('[data-card="funding_rates"]')?.textContent?.includes('0.1235%') ?? false,
      );
      await expect.poll(async () => (await picture(page, 'funding_rates')).sum).not.toBe(before.sum);
      await expect.poll(uncounted).toBe(0);
      await expect
        .poll(async () => Number(await card.locator('[data-age]').getAttribute('data-age')))
        .toBeLessThan(10_000);
      expect(problems).toEqual([]);
    } finally {
      await close();
      await dashboard.stop();
    }
  });

  it('says that the server is gone, and recovers by itself when it is back', async () => {
    const first = await startDashboard(database.url);
    let second: Dashboard | undefined;
    const { page, close } = await openPage(browser);
    try {
      await page.goto(`${first.url}/?symbol=${SYMBOL}&range=6h`);
      await page.waitForSelector('[data-feed="live"]');
      await first.stop();
      await page.waitForSelector('[data-feed="connecting"], [data-feed="offline"]');
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), $1, 'binance', 0.00777)`,
        [SYMBOL],
      );
      second = await startDashboard(database.url, { DASHBOARD_PORT: new URL(first.url).port });
      await page.waitForSelector('[data-feed="live"]');
      await page.waitForFunction(
        () => document.querySelector('[data-card="funding_rates"]')?.textContent?.includes('0.777') ?? false,
      );
    } finally {
      await close();
      await second?.stop();
      await first.stop();
    }
  });

  it('switches symbol and range, and keeps both in its address', async () => {
    const dashboard = await startDashboard(database.url);
    const { page, problems, close } = await openPage(browser, { viewport: { width: 390, height: 844 } });
    try {
      await page.goto(dashboard.url);
      await page.waitForSelector('[data-feed="live"]');
      await page.keyboard.press('/');
      await page.keyboard.type('eth');
      await page.keyboard.press('Enter');
      await expect.poll(() => new URL(page.url()).searchParams.get('symbol')).toBe('ETH/USDT');
      await page.keyboard.press('1');
      await expect.poll(() => new URL(page.url()).searchParams.get('range')).toBe('1h');
      await waitForState(page, 'funding_rates', /^(live|stale)$/);
      await waitForState(page, 'performance_metrics', /^empty$/);
      const width = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(width).toBe(0);
      expect(problems).toEqual([]);
    } finally {
      await close();
      await dashboard.stop();
    }
  });

  it('shows a stream that is off with its reason and mend, and the others go on', async () => {
    const broken = await freshDatabase({ migrated: true });
    const sql = await broken.connect();
    await sql.query('alter table performance_metrics rename column pnl to profit');
    await sql.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.0001)`,
    );
    const dashboard = await startDashboard(broken.url);
    const { page, problems, close } = await openPage(browser);
    try {
      await page.goto(dashboard.url);
      await waitForState(page, 'performance_metrics', /^off$/);
      await expect.poll(() => page.locator(chart('performance_metrics')).textContent()).toMatch(/pnl/);
      await waitForState(page, 'funding_rates', /^live$/);
      expect(problems).toEqual([]);
    } finally {
      await close();
      await dashboard.stop();
      await broken.drop();
    }
  });
});
