/** For everybody: no rule of axe is broken, a finger finds every target, and the keyboard reaches everything and sees where it is. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../support/axe.ts';
import { launchBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { smallTargets, walk } from '../support/reach.ts';
import { frames, openScreen, overflow, SCREENS, type Screen, THEMES } from '../support/screens.ts';

const LEAST_TARGET = 44;
const PATIENCE_MS = 20_000;
let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 30);
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

/** Something that can be open on the page. */
interface Part {
  readonly name: string;
  /** What is looked at, once it is there. */
  readonly root: string;
  open(page: Page): Promise<void>;
  /** What Esc does to it; parts that are no layer of their own stay. */
  readonly leaves: 'with Esc' | 'not';
}

const pressed = (key: string) => (page: Page) => page.keyboard.press(key);
const clicked =
  (...selectors: readonly string[]) =>
  async (page: Page) => {
    for (const selector of selectors) await page.locator(selector).click();
  };
const testId = (id: string): string => `[data-testid="${id}"]`;

const PARTS: readonly Part[] = [
  { name: 'the page', root: 'body', open: async () => undefined, leaves: 'not' },
  { name: 'the zoom', root: testId('zoom'), open: pressed('+'), leaves: 'with Esc' },
  { name: 'the symbol picker', root: testId('symbol-picker'), open: pressed('/'), leaves: 'with Esc' },
  { name: 'the keys', root: testId('keys'), open: pressed('?'), leaves: 'with Esc' },
  { name: 'the refresh menu', root: '.menu-list', open: clicked(testId('refresh')), leaves: 'with Esc' },
  {
    name: 'another range',
    root: testId('custom-range'),
    open: clicked('[data-range="custom"]'),
    leaves: 'with Esc',
  },
  {
    name: "a chart's menu",
    root: testId('tools-funding_rates-panel'),
    open: clicked(testId('tools-funding_rates')),
    leaves: 'with Esc',
  },
  {
    name: 'a table',
    root: testId('table'),
    open: clicked(testId('tools-funding_rates'), testId('table-toggle')),
    leaves: 'with Esc',
  },
  {
    name: 'a pinned row',
    root: testId('pin'),
    open: async (page) => {
      await page.focus('[data-stream="anomalies"]');
      await page.keyboard.press('Enter');
    },
    leaves: 'with Esc',
  },
  { name: 'the list of anomalies', root: testId('anomalies-panel'), open: pressed('a'), leaves: 'with Esc' },
  { name: 'comparing', root: testId('compare'), open: pressed('c'), leaves: 'with Esc' },
  { name: 'alerts', root: testId('alerts'), open: pressed('l'), leaves: 'with Esc' },
  { name: 'trust', root: testId('trust'), open: pressed('i'), leaves: 'with Esc' },
  { name: 'the overview', root: testId('overview'), open: pressed('o'), leaves: 'with Esc' },
];

/** Opens the page on a screen, whole with what comes later, has the steps done, and nothing may have gone wrong on it. */
async function visit(size: (typeof SCREENS)[number], path: string, steps: (screen: Screen) => Promise<void>) {
  const screen = await openScreen(browser, size);
  try {
    await screen.page.goto(`${dashboard.url}${path}`);
    await screen.page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    await steps(screen);
    expect(screen.problems).toEqual([]);
  } finally {
    await screen.close();
  }
}

const visitDesk = (size: (typeof SCREENS)[number], steps: (screen: Screen) => Promise<void>) =>
  visit(size, '/?symbol=BTC/USDT&range=24h', async (screen) => {
    await screen.page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
    await screen.page.waitForSelector(testId('tools-funding_rates'), { state: 'attached' });
    await steps(screen);
  });

async function opened({ page }: Screen, part: Part): Promise<void> {
  await part.open(page);
  await page.locator(part.root).first().waitFor({ timeout: PATIENCE_MS });
  // Parts that are fetched show that they are coming.
  await page.waitForFunction((root) => document.querySelector(`${root} .not-yet`) === null, part.root);
  await frames(page);
}

/** Puts a part away by Esc, which may first put away what lies upon it, and the focus must go back into the page. */
async function left({ page }: Screen, part: Part): Promise<readonly string[]> {
  if (part.leaves === 'not') return [];
  const first = page.locator(part.root).first();
  for (let press = 0; press < 3 && (await first.isVisible()); press += 1) {
    await page.keyboard.press('Escape');
    await frames(page);
  }
  if (!(await first.isVisible())) return [];
  await page.reload();
  await page.waitForSelector(testId('tools-funding_rates'), { state: 'attached' });
  return [`${part.name}: Esc does not close it`];
}

describe('everybody', { timeout: 240_000 }, () => {
  const [wide, laptop, tablet, phone, narrow] = SCREENS;

  for (const size of [wide, laptop, tablet, phone]) {
    it(`finds no rule of axe broken at ${size.name}, in both themes`, () =>
      visitDesk(size, async (screen) => {
        const found: string[] = [];
        for (const part of PARTS) {
          await opened(screen, part);
          for (const theme of THEMES) {
            await screen.setTheme(theme);
            await screen.picture('a11y', part.name.replaceAll(/\W+/g, '-'), theme);
            for (const problem of await brokenRules(screen.page, part.root))
              found.push(`${part.name}, ${theme}: ${problem}`);
          }
          found.push(...(await left(screen, part)));
        }
        expect(found).toEqual([]);
      }));
  }

  it('finds no rule of axe broken on the wall', () =>
    visit(wide, '/wall?symbols=BTC/USDT', async (screen) => {
      await screen.page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
      for (const theme of THEMES) {
        await screen.page.goto(`${dashboard.url}/wall?symbols=BTC/USDT&theme=${theme}`);
        await screen.page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
        await screen.picture('a11y', 'wall', theme);
        expect(await brokenRules(screen.page, 'body'), theme).toEqual([]);
      }
    }));

  for (const size of [tablet, phone, narrow]) {
    it(`taps on targets of at least ${LEAST_TARGET} px, on a page no wider than ${size.name}`, () =>
      visitDesk(size, async (screen) => {
        const { page } = screen;
        expect(await page.evaluate(() => matchMedia('(pointer: coarse)').matches)).toBe(true);
        const found: string[] = [];
        for (const part of PARTS) {
          await opened(screen, part);
          for (const target of await smallTargets(page, part.root, LEAST_TARGET)) found.push(`${part.name}: ${target}`);
          const wider = await overflow(page);
          if (wider > 0) found.push(`${part.name}: ${wider} px wider than the screen`);
          found.push(...(await left(screen, part)));
        }
        expect(found).toEqual([]);
      }));
  }

  it('reaches every control by Tab, sees where it is, and leaves what is open by Esc', () =>
    visitDesk(laptop, async (screen) => {
      const { page } = screen;
      const found: string[] = [];
      for (const part of PARTS) {
        await opened(screen, part);
        const { stops, missed, unmarked } = await walk(page, part.root);
        if (stops === 0) found.push(`${part.name}: nothing to reach`);
        for (const control of missed) found.push(`${part.name}: Tab does not reach ${control}`);
        for (const control of unmarked) found.push(`${part.name}: nothing marks the focus of ${control}`);
        found.push(...(await left(screen, part)));
      }
      expect(found).toEqual([]);
    }));
});
