/** The picker's stars, memory and figures, in a real Chromium against a real server: by mouse, touch and keys. */
import type pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { insertAnomaly, insertRate, seedMarket, symbolName } from '../support/market-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const SYMBOLS = 1050;

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedMarket(writer, { symbols: SYMBOLS, exchanges: 2 });
  dashboard = await startDashboard(database.url);
}, 120_000);

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 30_000 });

/** A browser with a memory of its own, in which several pages may be opened. */
async function withContext(isPhone: boolean, steps: (context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: isPhone ? { width: 390, height: 844 } : { width: 1440, height: 900 },
    hasTouch: isPhone,
    isMobile: isPhone,
  });
  try {
    await steps(context);
  } finally {
    await context.close();
  }
}

async function openPicker(page: Page, query = 'symbol=BTC/USDT&range=1h'): Promise<void> {
  await page.goto(`${dashboard.url}/?${query}`);
  await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
  await page.keyboard.press('/');
  await page.waitForSelector('[data-testid="symbol-picker"] [role="option"]');
}

const option = (page: Page, symbol: string) => page.locator(`[role="option"][data-symbol="${symbol}"]`);
const firstOption = (page: Page) =>
  page.locator('[role="option"][id="symbol-0"]').getAttribute('data-symbol', { timeout: 5000 });

describe('the picker', () => {
  it('has the latest rate and the hour of anomalies beside each name, live', () =>
    withContext(false, async (context) => {
      const page = await context.newPage();
      await openPicker(page);
      const row = option(page, symbolName(4));
      await eventually(() => row.locator('[data-testid="picker-rate"]').innerText()).toMatch(/^[+−]0\.\d{4}%/);
      await insertRate(writer, symbolName(4), 'binance', -0.00456);
      await eventually(() => row.locator('[data-testid="picker-rate"]').innerText()).toContain('−0.4560%');
      await insertAnomaly(writer, symbolName(4), 6);
      await eventually(() => row.locator('[data-testid="picker-mark"]').innerText()).toMatch(/^1/);
      expect(await page.locator('[role="option"]').count()).toBeLessThan(60);
    }));

  it('lists starred symbols first, starred by mouse and by key, and remembers them', () =>
    withContext(false, async (context) => {
      const page = await context.newPage();
      await openPicker(page);
      await option(page, symbolName(6)).locator('[data-testid="picker-star"]').click();
      await eventually(() => option(page, symbolName(6)).locator('[data-on]').count()).toBe(1);
      // Starring neither chooses nor moves.
      expect(await page.locator('[data-testid="symbol-picker"]').isVisible()).toBe(true);
      await page.keyboard.type('C0777');
      await page.waitForSelector(`[role="option"][data-symbol="${symbolName(777)}"][aria-selected="true"]`);
      await page.keyboard.press('*');
      await eventually(() => option(page, symbolName(777)).locator('[data-on]').count()).toBe(1);
      await openPicker(page);
      await eventually(() => firstOption(page)).toBe(symbolName(6));
      await eventually(() => page.locator('[id="symbol-1"]').getAttribute('data-symbol')).toBe(symbolName(777));
      await option(page, symbolName(6)).locator('[data-testid="picker-star"]').click();
      await openPicker(page);
      await eventually(() => firstOption(page)).toBe(symbolName(777));
    }));

  it('stars by touch, with room for a finger', () =>
    withContext(true, async (context) => {
      const page = await context.newPage();
      await openPicker(page);
      const star = option(page, symbolName(2)).locator('[data-testid="picker-star"]');
      const least = async (): Promise<number> => {
        const box = await star.boundingBox();
        return Math.min(box?.width ?? 0, box?.height ?? 0);
      };
      await eventually(least).toBeGreaterThanOrEqual(44);
      await star.tap();
      await eventually(() => option(page, symbolName(2)).locator('[data-on]').count()).toBe(1);
      expect(await page.locator('[data-testid="symbol-picker"]').isVisible()).toBe(true);
    }));

  it('lists what was used last after the starred ones, the last one first', () =>
    withContext(false, async (context) => {
      const page = await context.newPage();
      for (const number of [300, 200]) {
        await openPicker(page, `symbol=BTC/USDT&range=1h`);
        await page.keyboard.type(symbolName(number));
        await page.keyboard.press('Enter');
        await eventually(() => new URL(page.url()).searchParams.get('symbol')).toBe(symbolName(number));
      }
      await openPicker(page, `symbol=${symbolName(200)}&range=1h`);
      const listed = () =>
        page.locator('[role="option"]').evaluateAll((all) => all.slice(0, 3).map((one) => one.dataset.symbol));
      await eventually(listed).toEqual([symbolName(200), 'BTC/USDT', symbolName(300)]);
    }));
});
