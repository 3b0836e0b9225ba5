/** How far the page may be trusted, told by the page: ages, legs, missed periods, checks; in a real Chromium, with real faults. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { readStore, reloadAtKnownWidths, rowsInTable, shownRows } from '../support/page-charts.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PATIENT = { timeout: 30_000, interval: 100 };
const HOUR_MS = 3_600_000;
const SYMBOL = 'BTC/USDT';

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;
let proxy: TcpProxy;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 3);
  dashboard = await startDashboard(database.url);
  proxy = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(dashboard.url).port) });
});

beforeEach(() => proxy.pass());

afterAll(async () => {
  await proxy?.stop();
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

const rateRow = () =>
  writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'okx', 0.0001)`,
  );

async function live(page: Page): Promise<void> {
  await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
  await page.waitForSelector('[data-testid="age-funding_rates"] button');
}

/** A page through the proxy, live. `isCalm`: nothing may have gone wrong on it, not even a request. */
async function visit(steps: (page: Page) => Promise<void>, isCalm = true): Promise<void> {
  const { page, problems, close } = await openPage(browser);
  try {
    await page.goto(`${proxy.url(dashboard.url)}?symbol=${SYMBOL}&range=1h`);
    await live(page);
    // A second visit knows how wide its plots are, so that no history is asked for anew meanwhile.
    await reloadAtKnownWidths(page);
    await live(page);
    await steps(page);
    expect(problems.filter((problem) => isCalm || problem.startsWith('exception'))).toEqual([]);
  } finally {
    await close();
  }
}

async function openTrust(page: Page): Promise<void> {
  await page.keyboard.press('i');
  await page.waitForSelector('.trust-panel');
}

/** Checks, and waits until every stream was found the same: all of the page's rows are there by then. */
async function findTheSame(page: Page): Promise<void> {
  await openTrust(page);
  await page.click('[data-testid="check-now"]');
  for (const stream of STREAM_NAMES) {
    const line = page.locator(`[data-stream-checked="${stream}"]`);
    await expect.poll(() => line.innerText(), PATIENT).toMatch(/the same .* ago, [1-9]\d* points/);
  }
  await checked(page);
}

const checked = (page: Page) =>
  expect.poll(() => page.locator('[data-testid="check-now"]').innerText(), PATIENT).toBe('Check now');

async function cutAndReturn(page: Page, meanwhile: () => Promise<unknown>): Promise<void> {
  proxy.blackHole();
  proxy.cut();
  await page.waitForSelector('html:is([data-feed="offline"], [data-feed="connecting"])', { state: 'attached' });
  await meanwhile();
  proxy.pass();
  proxy.cut();
  await live(page);
}

describe('trust on screen', () => {
  it('is each chart’s age, and where the time of its newest row went, by mouse and by key', () =>
    visit(async (page) => {
      for (const stream of STREAM_NAMES) await page.waitForSelector(`[data-testid="age-${stream}"] button`);
      const age = page.locator('[data-testid="age-funding_rates"]');
      // On a machine that has other things to do a row may be older by the time that anybody looks.
      await expect
        .poll(async () => {
          await rateRow();
          return await age.innerText();
        }, PATIENT)
        .toMatch(/^[0-4]\ss$/);
      await age.hover();
      const legs = page.locator('[data-testid="legs-funding_rates"]');
      await expect
        .poll(() => legs.innerText(), PATIENT)
        .toMatch(/BTC\/USDT[\s\S]*Row time to sent[\s\S]*ms[\s\S]*Painted[\s\S]*ms/);
      await page.mouse.move(5, 5);
      await expect.poll(() => legs.count(), PATIENT).toBe(0);
      await openTrust(page);
      const own = page.locator('[data-testid="trust-funding_rates"]');
      // The time of writing is asked for: the feed leaves it out.
      await expect
        .poll(() => own.innerText(), PATIENT)
        .toMatch(/of that, to written[\s\S]*written to sent[\s\S]*Row time to screen/);
      await expect
        .poll(() => page.locator('[data-testid="clock-note"]').innerText(), PATIENT)
        .toMatch(/give or take as much/);
      await page.keyboard.press('Escape');
      await expect.poll(() => page.locator('.trust-panel').count(), PATIENT).toBe(0);
    }));

  it('tells and marks a period that was refilled', () =>
    visit(async (page) => {
      await cutAndReturn(page, rateRow);
      await openTrust(page);
      const missed = page.locator('[data-testid="missed"]');
      await expect
        .poll(() => missed.innerText(), PATIENT)
        .toMatch(/\d\d:\d\d:\d\d–\d\d:\d\d:\d\d UTC refilled: exactly the missed rows were sent\s*all streams/);
      await page.keyboard.press('Escape');
      await page.locator('[data-testid="age-funding_rates"]').hover();
      await expect
        .poll(() => page.locator('[data-testid="legs-funding_rates"]').innerText(), PATIENT)
        .toMatch(/Refilled \d\d:\d\d:\d\d–/);
    }, false));

  it('tells a server that was stopped and started anew', () =>
    visit(async (page) => {
      const port = Number(new URL(dashboard.url).port);
      await dashboard.stop();
      await page.waitForSelector('html:not([data-feed="live"])', { state: 'attached' });
      await rateRow();
      dashboard = await startDashboard(database.url, { DASHBOARD_PORT: String(port) });
      await live(page);
      await openTrust(page);
      await expect.poll(() => page.locator('[data-testid="missed"]').innerText(), PATIENT).toContain('refilled');
    }, false));

  it('finds the same where nothing is wrong, in every stream', () =>
    visit(async (page) => {
      await findTheSame(page);
      expect(await page.locator('[data-testid="faults"]').count()).toBe(0);
    }));

  it('finds rows that went behind its back, loads them anew and says so', () =>
    visit(async (page) => {
      // A page that is live may still wait for its history, and rows that it never had are no fault of it.
      await findTheSame(page);
      const { rowCount } = await writer.query(
        `delete from funding_rates where id in (select id from funding_rates where symbol = $1
           and "timestamp" between now() - interval '40 minutes' and now() - interval '20 minutes' limit 3)`,
        [SYMBOL],
      );
      expect(rowCount).toBe(3);
      await page.click('[data-testid="check-now"]');
      const faults = page.locator('[data-testid="faults"]');
      await expect
        .poll(() => faults.innerText(), PATIENT)
        .toMatch(/Checked .* UTC: Funding rate of BTC\/USDT differed between .* and .*; loaded anew\./);
      await expect
        .poll(async () => {
          const store = await readStore(page, HOUR_MS);
          const due = new Set(await rowsInTable(writer, 'funding_rates', SYMBOL, store.from));
          return shownRows(store, 'funding_rates').filter((row) => !due.has(row));
        }, PATIENT)
        .toEqual([]);
      await checked(page);
      await page.click('[data-testid="check-now"]');
      await expect.poll(() => faults.locator('li').count(), PATIENT).toBe(1);
    }));
});
