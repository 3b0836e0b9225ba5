/** A page that came over plain http from another machine: what a browser allows only over https says so, and the rest works. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

/** A name that is no localhost, and leads to this machine all the same. */
const NAME = 'screen.test';

let database: TestDatabase;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([
    freshDatabase({ migrated: true }),
    launchBrowser([`--host-resolver-rules=MAP ${NAME} 127.0.0.1`]),
  ]);
  await seedPage(await database.connect(), 30);
  dashboard = await startDashboard(database.url, { DASHBOARD_HOST: '0.0.0.0', DASHBOARD_AUTH: 'off' });
});

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

/** Opens a path at the name or at localhost. */
async function visit(host: string, path: string, steps: (page: Page) => Promise<void>): Promise<void> {
  const { page, problems, close } = await openPage(browser, { viewport: { width: 1440, height: 900 } });
  const { port } = new URL(dashboard.url);
  try {
    await page.goto(`http://${host}:${port}${path}`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    expect(await page.evaluate(() => isSecureContext)).toBe(host !== NAME);
    await steps(page);
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
}

const said = (page: Page, id: string) => page.locator(`[data-testid="${id}"]`);
const patient = (ask: () => Promise<unknown>) => expect.poll(ask, { timeout: 20_000 });

describe('over plain http', () => {
  it('a wall says that keeping the screen awake needs https, and at localhost does not', async () => {
    const path = '/wall?symbols=BTC/USDT';
    await visit(NAME, path, async (page) => {
      await patient(() => said(page, 'notes').innerText()).toMatch(/keeping the screen awake needs https/i);
    });
    await visit('127.0.0.1', path, async (page) => {
      await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
      expect((await said(page, 'notes').allInnerTexts()).join()).not.toContain('https');
    });
  });

  it('alerts say that notifications need https', () =>
    visit(NAME, '/?symbol=BTC/USDT', async (page) => {
      await said(page, 'alerts-button').click();
      await patient(() => said(page, 'notify-state').innerText()).toContain('only for pages on https');
    }));

  it('a row is copied all the same', () =>
    visit(NAME, '/?symbol=BTC/USDT&range=24h', async (page) => {
      await page.waitForSelector('[data-testid="tools-funding_rates"]');
      await page.focus('[data-stream="anomalies"]');
      await page.keyboard.press('Enter');
      await said(page, 'copy-row').click();
      await patient(() => said(page, 'said').innerText()).toContain('Copied');
    }));
});
