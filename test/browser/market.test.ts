/** The market overview in a real Chromium against a real server: what it shows of rows as they come, and how it is used. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { insertAnomaly, insertRate, seedMarket, symbolName } from '../support/market-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

/** More than a subscription may name, so that all keys have to be asked for at once. */
const SYMBOLS = 1100;

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedMarket(writer, { symbols: SYMBOLS });
  dashboard = await startDashboard(database.url);
}, 120_000);

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

/** Asks again until it is so; as long as a busy machine may take. */
const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 30_000 });
/** What the driver knows of the address comes a moment after what is seen: to be asked until it is so. */
const inAddress = (page: Page, name: string): string | null => new URL(page.url()).searchParams.get(name);
const grid = '[data-testid="market-grid"]';
const detail = '[data-testid="market-detail"]';

/** A visit to the overview, loaded; afterwards nothing may have gone wrong on the page. */
async function visit(
  query: string,
  steps: (page: Page) => Promise<void>,
  options: { viewport?: { width: number; height: number } } = {},
): Promise<void> {
  const { page, problems, close } = await openPage(browser, options);
  try {
    await page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=1h${query}`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    await steps(page);
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
}

const loaded = (page: Page) => page.waitForSelector('[data-testid="market"] [data-loaded="true"]', { timeout: 45_000 });

/** Searches for one symbol, so that its cell is the first, and points at it. */
async function pointAt(page: Page, symbol: string): Promise<void> {
  await page.fill('[data-testid="market-find"]', symbol);
  await eventually(() => page.locator(grid).getAttribute('data-cells')).toBe('1');
  await page.mouse.move(5, 5);
  const box = await page.locator(grid).boundingBox();
  await page.mouse.move((box?.x ?? 0) + 30, (box?.y ?? 0) + 15);
  await eventually(() => page.locator(detail).innerText()).toContain(symbol);
}

/** The pixels of the first cell, as one text. */
function firstCell(page: Page): Promise<string> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('[data-testid="market-grid"] canvas');
    const data = canvas?.getContext('2d')?.getImageData(0, 0, 100, 36).data ?? [];
    return [...data].join();
  });
}

describe('the overview', () => {
  it('opens by button and key, is in the address, and shows more than a thousand symbols', () =>
    visit('', async (page) => {
      await page.click('[data-testid="overview-button"]');
      await loaded(page);
      await eventually(() => page.locator('[data-testid="market-count"]').innerText()).toBe('1,100 symbols');
      await eventually(() => inAddress(page, 'view')).toBe('overview');
      expect(await page.locator(grid).getAttribute('data-cells')).toBe(`${SYMBOLS}`);
      // A thousand cells are not a thousand elements.
      expect(await page.locator(`${grid} *`).count()).toBeLessThan(20);
      await page.keyboard.press('Escape');
      await eventually(() => page.locator('[data-testid="overview"]').isVisible()).toBe(false);
      await eventually(() => inAddress(page, 'view')).toBeNull();
      await eventually(() => inAddress(page, 'symbol')).toBe('BTC/USDT');
      await page.keyboard.press('o');
      await eventually(() => page.locator(grid).isVisible()).toBe(true);
      await page.keyboard.press('o');
      await eventually(() => page.locator(grid).isVisible()).toBe(false);
    }));

  it('shows a row as soon as it is committed: rate, spread and anomaly, exactly', () =>
    visit('&view=overview', async (page) => {
      await loaded(page);
      await pointAt(page, symbolName(3));
      const before = await firstCell(page);
      await insertRate(writer, symbolName(3), 'binance', -0.00123456);
      await eventually(() => page.locator(detail).innerText()).toContain('−0.123456%');
      await insertRate(writer, symbolName(3), 'bybit', 0.001);
      await insertRate(writer, symbolName(3), 'okx', 0.001);
      await eventually(() => page.locator(detail).innerText()).toContain('Spread 0.223456 pp');
      // Binance pays three times a day: 0.123456 x 3 x 365.
      expect(await page.locator(detail).innerText()).toContain('−135.18%');
      await eventually(() => firstCell(page)).not.toBe(before);
      await insertAnomaly(writer, symbolName(3), -7.25);
      await eventually(() => page.locator(detail).innerText()).toMatch(/1 above threshold .* strongest −7\.3σ/);
    }));

  it('counts an hour of anomalies as the database has them', () =>
    visit('&view=overview&sort=anomalies', async (page) => {
      await loaded(page);
      const symbol = symbolName(77);
      await pointAt(page, symbol);
      const { rows } = await writer.query<{ count: number; strongest: number }>(
        `select count(*)::int as count, max(abs(z_score)) as strongest from anomalies
           where symbol = $1 and abs(z_score) >= threshold and "timestamp" > now() - interval '1 hour'`,
        [symbol],
      );
      expect(rows[0]?.count).toBeGreaterThan(1);
      const text = await page.locator(detail).innerText();
      expect(text).toContain(`${rows[0]?.count} above threshold`);
      expect(text).toContain(`${rows[0]?.strongest.toFixed(1)}σ`);
    }));

  it('is moved through by arrows, says each cell aloud, and opens one by Enter', () =>
    visit('&view=overview&by=rate&exchange=okx&sort=name', async (page) => {
      await loaded(page);
      await page.focus(grid);
      const active = () => page.locator('[data-testid="market-active"]').getAttribute('data-symbol');
      const columns = Number(await page.locator(grid).getAttribute('data-columns'));
      await page.keyboard.press('Home');
      await page.keyboard.press('Home');
      await eventually(active).toBe(symbolName(0));
      await page.keyboard.press('ArrowRight');
      await eventually(active).toBe(symbolName(1));
      await page.keyboard.press('ArrowDown');
      await eventually(active).toBe(symbolName(1 + columns));
      const id = await page.locator(grid).getAttribute('aria-activedescendant');
      const spoken = await page.locator(`[id="${id}"]`).getAttribute('aria-label');
      expect(spoken).toMatch(new RegExp(`^${symbolName(1 + columns)}; binance [+−].*spread .* pp`));
      expect(await page.locator(detail).innerText()).toContain(symbolName(1 + columns));
      await page.keyboard.press('End');
      await eventually(active).toBe(symbolName(SYMBOLS - 1));
      expect(await page.locator(grid).evaluate((element) => element.scrollTop)).toBeGreaterThan(500);
      await page.keyboard.press('Enter');
      await eventually(() => page.locator(grid).isVisible()).toBe(false);
      await eventually(() => inAddress(page, 'symbol')).toBe(symbolName(SYMBOLS - 1));
    }));

  it('opens a symbol by a click', () =>
    visit('&view=overview', async (page) => {
      await loaded(page);
      await pointAt(page, symbolName(42));
      await page.mouse.down();
      await page.mouse.up();
      await eventually(() => inAddress(page, 'symbol')).toBe(symbolName(42));
      await eventually(() => inAddress(page, 'find')).toBeNull();
    }));

  it('is ordered and grouped as chosen, which a link and the next visit bring again', () =>
    visit('&view=overview', async (page) => {
      await loaded(page);
      await page.selectOption('[data-testid="market-by"]', { label: 'Spread of exchanges' });
      await page.selectOption('[data-testid="market-sort"]', 'name');
      await page.selectOption('[data-testid="market-group"]', 'quote');
      expect([inAddress(page, 'by'), inAddress(page, 'sort'), inAddress(page, 'group')]).toEqual([
        'spread',
        'name',
        'quote',
      ]);
      expect(await page.locator('[data-testid="market-sub"]').innerText()).toBe('spread between exchanges');
      await page.reload();
      await loaded(page);
      expect(await page.locator('[data-testid="market-group"]').inputValue()).toBe('quote');
      await page.goto(`${dashboard.url}/?view=overview`);
      await loaded(page);
      expect(await page.locator('[data-testid="market-sort"]').inputValue()).toBe('name');
      await page.goto(`${dashboard.url}/?view=overview&sort=low`);
      await loaded(page);
      expect(await page.locator('[data-testid="market-group"]').inputValue()).toBe('none');
    }));

  it('is a list where one asks for it, with every exchange in a column', () =>
    visit('&view=overview&layout=list&sort=name', async (page) => {
      await loaded(page);
      const first = page.locator('.market-line').first();
      await eventually(() => first.innerText()).toMatch(/BTC\/USDT[\s\S]*binance[\s\S]*bybit[\s\S]*okx[\s\S]*spread/);
      expect(await page.locator('.market-line').count()).toBeLessThan(60);
      await insertRate(writer, 'BTC/USDT', 'okx', 0.0045);
      await eventually(() => first.innerText()).toContain('+0.4500%');
      await first.focus();
      await page.keyboard.press('ArrowDown');
      await eventually(() => page.evaluate(() => document.activeElement?.getAttribute('data-symbol'))).toBe(
        symbolName(1),
      );
      await page.keyboard.press('End');
      await eventually(() => page.evaluate(() => document.activeElement?.getAttribute('data-symbol'))).toBe(
        symbolName(SYMBOLS - 1),
      );
      await page.keyboard.press('Enter');
      await eventually(() => inAddress(page, 'symbol')).toBe(symbolName(SYMBOLS - 1));
    }));

  it('on a phone is a list that fits and is tapped', async () => {
    const context = await browser.newContext({
      locale: 'en-US',
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
    });
    try {
      const page = await context.newPage();
      await page.goto(`${dashboard.url}/?view=overview&sort=name`);
      await loaded(page);
      const overview = page.locator('[data-testid="overview"]');
      await eventually(() => overview.evaluate((dialog) => [dialog.clientWidth, dialog.scrollWidth])).toEqual([
        390, 390,
      ]);
      const target = page.locator(`.market-line[data-symbol="${symbolName(2)}"]`);
      expect((await target.boundingBox())?.height).toBeGreaterThanOrEqual(44);
      await target.tap();
      await eventually(() => inAddress(page, 'symbol')).toBe(symbolName(2));
    } finally {
      await context.close();
    }
  });

  it('says when it has lost its server, and goes on by itself', async () => {
    const own = await startDashboard(database.url);
    const { page, close } = await openPage(browser);
    try {
      await page.goto(`${own.url}/?view=overview`);
      await loaded(page);
      const port = new URL(own.url).port;
      await own.stop();
      await eventually(() => page.locator('[data-testid="market-banner"]').innerText()).toMatch(/DISCONNECTED/);
      expect(await page.locator('[data-testid="market"]').getAttribute('data-lost')).toBe('');
      const again = await startDashboard(database.url, { DASHBOARD_PORT: port });
      try {
        await eventually(() => page.locator('[data-testid="market"]').getAttribute('data-feed')).toBe('live');
        await pointAt(page, symbolName(5));
        await insertRate(writer, symbolName(5), 'binance', 0.00987);
        await eventually(() => page.locator(detail).innerText()).toContain('+0.987%');
      } finally {
        await close();
        await again.stop();
      }
    } finally {
      await close();
      await own.stop();
    }
  });
});
