/** What a real page tells the server of itself: which build it is, what it shows, that it is painted, and what fails in it. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const PATIENCE = { timeout: 30_000, interval: 200 };

let database: TestDatabase;
let writer: pg.Client;
let dashboard: Dashboard;
let browser: Browser;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 30);
  dashboard = await startDashboard(database.url);
});
afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await writer?.end();
  await database?.drop();
});

const metrics = z.object({
  screens: z.array(
    z.object({
      page: z.string(),
      build: z.string(),
      symbol: z.string(),
      painted_age_ms: z.number().nullable(),
      visible: z.boolean(),
      stuck: z.boolean(),
    }),
  ),
});

async function screens() {
  const reply = await fetch(`${dashboard.url}/api/metrics`);
  return metrics.parse(await reply.json()).screens;
}

/** Errors that were reported so far: by page and kind. */
async function reported(page: string, kind: string): Promise<number> {
  const text = await (await fetch(`${dashboard.url}/metrics`)).text();
  const sample = `alphapulse_client_errors_total{page="${page}",kind="${kind}"} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(sample))
      ?.slice(sample.length) ?? Number.NaN,
  );
}

const buildOf = (page: Page): Promise<string | null> => page.locator('meta[name="build"]').getAttribute('content');

describe('a page', { timeout: 90_000 }, () => {
  it.each([
    ['desk', '/?symbol=BTC/USDT'],
    ['wall', '/wall?symbols=BTC/USDT'],
  ])('the %s tells its build, its symbol, and that it was painted; gone, it is listed no more', async (name, path) => {
    const { page, problems, close } = await openPage(browser);
    await page.goto(dashboard.url + path);
    await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
    await vi.waitFor(async () => {
      const [screen] = await screens();
      expect(screen).toMatchObject({ page: name, symbol: 'BTC/USDT', visible: true, stuck: false });
      expect(screen?.build).toBe(await buildOf(page));
      expect(screen?.painted_age_ms).not.toBeNull();
    }, PATIENCE);
    expect(problems).toEqual([]);
    await close();
    await vi.waitFor(async () => expect(await screens()).toEqual([]), PATIENCE);
  });

  it('tells again when its connection comes back', async () => {
    const { page, close } = await openPage(browser);
    await page.goto(`${dashboard.url}/?symbol=BTC/USDT`);
    await vi.waitFor(async () => expect(await screens()).toHaveLength(1), PATIENCE);
    await page.context().setOffline(true);
    await page.evaluate(() => dispatchEvent(new Event('offline')));
    await dashboard.stop();
    await page.waitForSelector('html[data-feed="offline"]', { state: 'attached' });
    const port = new URL(dashboard.url).port;
    dashboard = await startDashboard(database.url, { DASHBOARD_PORT: port });
    await page.context().setOffline(false);
    await vi.waitFor(async () => expect(await screens()).toMatchObject([{ page: 'desk' }]), PATIENCE);
    await close();
  });

  it.each([
    ['desk', '/'],
    ['wall', '/wall?symbols=BTC/USDT'],
  ])(
    'the %s reports an exception and a promise that nobody caught, once each however often they come',
    async (name, path) => {
      const { page, close } = await openPage(browser);
      const reports: string[] = [];
      page.on('request', (request) => {
        if (request.url().endsWith('/api/client-errors')) reports.push(request.postData() ?? '');
      });
      await page.goto(dashboard.url + path);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      const before = [await reported(name, 'error'), await reported(name, 'rejection')];
      await page.evaluate(() => {
        for (let index = 0; index < 4; index += 1)
          setTimeout(() => {
            throw new Error(`broken on purpose at ${location.origin}/?token=secret-of-a-link`);
          });
        void Promise.reject(new TypeError('nobody caught this'));
      });
      await vi.waitFor(async () => {
        expect(await reported(name, 'error')).toBe((before[0] ?? 0) + 1);
        expect(await reported(name, 'rejection')).toBe((before[1] ?? 0) + 1);
      }, PATIENCE);
      const bodies = reports.map((text) =>
        z.object({ message: z.string(), build: z.string() }).parse(JSON.parse(text)),
      );
      expect(bodies.map(({ message }) => message).sort()).toEqual([
        `Error: broken on purpose at ${dashboard.url}/`,
        'TypeError: nobody caught this',
      ]);
      for (const { build } of bodies) expect(build).toBe(await buildOf(page));
      expect(reports.join()).not.toContain('secret-of-a-link');
      await close();
    },
  );

  it('reports so many errors a minute and no more, and goes on', async () => {
    const { page, close } = await openPage(browser);
    let reports = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/api/client-errors')) reports += 1;
    });
    await page.goto(`${dashboard.url}/`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    const last = page.waitForEvent('pageerror', (error) => error.message === 'fault 39');
    await page.evaluate(() => {
      for (let index = 0; index < 40; index += 1)
        setTimeout(() => {
          throw new Error(`fault ${index}`);
        });
    });
    await last;
    await vi.waitFor(() => expect(reports).toBe(6), PATIENCE);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    expect(reports).toBe(6);
    await close();
  });
});
