/** A page of charts to read: a database with rows whose every value is known, its server, and visits by mouse or by finger. */
import type pg from 'pg';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { launchBrowser } from './browser.ts';
import { type Dashboard, startDashboard } from './dashboard.ts';
import { freshDatabase, type TestDatabase } from './postgres.ts';

/** A visitor: at a desk with a mouse, or with a phone. */
export type Visitor = 'desk' | 'phone';

/** What a test has at hand. */
export interface ReadingScene {
  readonly writer: pg.Client;
  readonly dashboard: Dashboard;
  readonly browser: Browser;
  /** Opens the page and, after the steps, finds that nothing went wrong on it. */
  visit(visitor: Visitor, query: string, steps: (page: Page, context: BrowserContext) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Asks again until it is so; as long as a busy machine may take. */
export const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 20_000 });

/** A document that is longer than is shown. */
export const LONG_DOCUMENT = 60_000;

/** Three exchanges of BTC/USDT with four hours of rows each, two of ETH/USDT, some of everything else. */
async function seed(writer: pg.Client): Promise<void> {
  const minute = `interval '1 minute'`;
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, estimated_rate, next_funding_time, metadata)
       select date_trunc('minute', now()) - i * ${minute}, s, e, 0.0001 + n * 0.0001, 0.00025, date_trunc('hour', now()) + interval '8 hours',
         jsonb_build_object('minute', i, 'exchange', e)
       from generate_series(0, 240) i, (values ('binance', 0), ('bybit', 1), ('okx', 2)) as x(e, n),
         unnest(array['BTC/USDT', 'ETH/USDT']) s where s = 'BTC/USDT' or e <> 'okx'`,
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold, metadata)
       select date_trunc('minute', now()) - i * interval '2 minutes', s, 'volume', 1000 + i, case when i % 10 = 0 then 4.5 else 1 end, 3,
         jsonb_build_object('long', repeat('x', case when i = 30 then ${LONG_DOCUMENT} else 3 end))
       from generate_series(0, 100) i, unnest(array['BTC/USDT', 'ETH/USDT']) s`,
  );
  // Days ago, beyond what the page holds.
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold)
       select date_trunc('minute', now()) - interval '3 days' - i * ${minute}, 'BTC/USDT', 'funding_rate', i, 6, 3 from generate_series(1, 3) i`,
  );
  await writer.query(
    `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, win_rate, drawdown, execution_time, trade_count,
         avg_position_size, max_position_size)
       select now() - i * interval '5 minutes', 'BTC/USDT', 'momentum', 100 + i, 0.55, 2, 0.125, 7, 1.5, 2.5 from generate_series(0, 48) i`,
  );
  await writer.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl)
       select now() - i * interval '5 minutes', 'BTC/USDT', 'buy', 0.8, 12 from generate_series(0, 48) i`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
       select now() - i * ${minute}, m, 50, '%' from generate_series(0, 240) i, unnest(array['cpu_load', 'memory_used']) m`,
  );
}

/** Brings all of it up. */
export async function openReading(): Promise<ReadingScene> {
  const [database, browser]: [TestDatabase, Browser] = await Promise.all([
    freshDatabase({ migrated: true }),
    launchBrowser(),
  ]);
  const writer = await database.connect();
  await seed(writer);
  const dashboard = await startDashboard(database.url);

  async function visit(visitor: Visitor, query: string, steps: (page: Page, context: BrowserContext) => Promise<void>) {
    const context = await browser.newContext({
      locale: 'en-US',
      colorScheme: 'dark',
      acceptDownloads: true,
      permissions: ['clipboard-read', 'clipboard-write'],
      ...(visitor === 'phone'
        ? { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
        : { viewport: { width: 1440, height: 900 } }),
    });
    const problems: string[] = [];
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
    try {
      await page.goto(`${dashboard.url}/?${query}`);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await page.waitForSelector('[data-testid="tools-funding_rates"]');
      await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
      await steps(page, context);
      expect(problems).toEqual([]);
    } finally {
      await context.close();
    }
  }

  return {
    writer,
    dashboard,
    browser,
    visit,
    async close() {
      await dashboard.stop();
      await browser.close();
      await database.drop();
    },
  };
}

export const DESK_QUERY = 'symbol=BTC/USDT&range=6h';

export const chart = (page: Page, stream: string): Locator => page.locator(`[data-stream="${stream}"]`);
export const plot = (page: Page, stream: string): Locator => chart(page, stream).locator('.u-over').first();
export const tool = (page: Page, name: string): Locator => page.locator(`[data-testid="${name}"]`);

/** Moves the mouse to a share of a plot's width and height, and says where that is on the page. */
export async function point(page: Page, stream: string, x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await plot(page, stream).boundingBox();
  if (box === null) throw new Error(`The chart of ${stream} has no plot.`);
  const at = { x: box.x + box.width * x, y: box.y + box.height * y };
  await page.mouse.move(at.x, at.y);
  return at;
}

/** The read-outs of a chart that are in sight, a text for each. */
export function readouts(page: Page, stream: string): Promise<string[]> {
  return chart(page, stream).locator('.reading-box:not([hidden])').allInnerTexts();
}

/** What the page has put into the clipboard. */
export const clipboard = (page: Page): Promise<string> => page.evaluate(() => navigator.clipboard.readText());

export const inAddress = (page: Page, name: string): string[] => new URL(page.url()).searchParams.getAll(name);
