/** The page of the interfaces in a real Chromium: complete, for everybody, on any screen, and led to by the page's own help. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import { allOperations } from '../../server/http/openapi.ts';
import { CLIENT_FRAMES, serverFrame } from '../../shared/protocol.ts';
import { brokenRules } from '../support/axe.ts';
import { launchBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { smallTargets } from '../support/reach.ts';
import { openScreen, overflow, SCREENS, THEMES } from '../support/screens.ts';

const JUDGED: ReadonlySet<string> = new Set(['1440x900', '390x844']);

let database: TestDatabase;
let dashboard: Dashboard;
let browser: Browser;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  dashboard = await startDashboard(database.url);
});
afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

describe('the page of the interfaces', { timeout: 60_000 }, () => {
  it('has every route and every frame, each led to from its contents', async () => {
    const screen = await openScreen(browser, SCREENS[1]);
    await screen.page.goto(`${dashboard.url}/api/docs`);
    const titles = await screen.page.locator('article h3 a').allInnerTexts();
    const { limits } = parseConfig({}).config;
    const types = serverFrame.def.options.flatMap(({ shape }) => [...shape.type.def.values]);
    expect(titles).toEqual(
      expect.arrayContaining([
        ...allOperations(limits).map(({ method, path }) => `${method.toUpperCase()} ${path}`),
        ...Object.keys(CLIENT_FRAMES),
        ...types,
      ]),
    );
    const links = await screen.page.evaluate(() => {
      const missing = [...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute('href') ?? '');
      return missing.filter((href) => document.getElementById(href.slice(1)) === null);
    });
    expect(links).toEqual([]);
    expect(await screen.page.locator('nav a').count()).toBe(titles.length);
    expect(await screen.page.locator('script, [style]').count()).toBe(0);
    expect(screen.problems).toEqual([]);
    await screen.close();
  });

  it.each(SCREENS)('is no wider than $name, and breaks no rule of axe, in both themes', async (size) => {
    const screen = await openScreen(browser, size);
    const { page } = screen;
    const backgrounds = new Set<string>();
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme });
      await page.goto(`${dashboard.url}/api/docs`);
      await screen.picture('docs', 'interfaces', theme);
      // A long page takes long to be judged; between a laptop and a phone nothing differs but the columns.
      if (JUDGED.has(size.name)) expect(await brokenRules(page, 'body'), theme).toEqual([]);
      expect(await overflow(page)).toBe(0);
      backgrounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }
    expect(backgrounds.size).toBe(THEMES.length);
    expect(screen.problems).toEqual([]);
    await screen.close();
  });

  it('is led to by the list of keys, where a finger finds it', async () => {
    const screen = await openScreen(browser, SCREENS[3]);
    const { page } = screen;
    await page.goto(`${dashboard.url}/`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    await page.keyboard.press('?');
    const link = page.locator('[data-testid="keys"] a[href="/api/docs"]');
    await link.waitFor();
    expect(await smallTargets(page, '[data-testid="keys"]', 44)).toEqual([]);
    await link.click();
    await page.waitForURL('**/api/docs');
    expect(await page.title()).toContain('Interfaces');
    expect(screen.problems).toEqual([]);
    await screen.close();
  });
});
