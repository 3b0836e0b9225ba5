/** The wall in a real Chromium: it turns, tells what may be trusted, and comes back from everything with nobody near. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const PATIENT = { timeout: 60_000, interval: 100 };
const BIG = { viewport: { width: 1920, height: 1080 } };
const SCREEN = 'screen-secret-of-the-hall';

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 3);
  // ETH/USDT came every minute, and has been silent for half an hour; its other streams have no rows.
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at)
       select now() - i * interval '1 minute', 'ETH/USDT', 'binance', 0.0002 * cos(i / 9.0), now() - i * interval '1 minute'
       from generate_series(30, 300) i`,
  );
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

interface Visit {
  readonly query: string;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly url?: string;
  /** Console errors that belong to what is tried: a server that is away cannot be reached quietly. */
  readonly expected?: RegExp;
}

/** Opens a wall and waits until it is live; whatever is tried, its console stays clean. */
async function visit({ query, viewport, url, expected }: Visit, tryOut: (page: Page) => Promise<void>): Promise<void> {
  const opened = await openPage(browser, viewport === undefined ? BIG : { viewport });
  const { page } = opened;
  page.setDefaultTimeout(PATIENT.timeout);
  try {
    await page.goto(`${url ?? dashboard.url}/wall${query}`);
    await live(page);
    await tryOut(page);
    expect(opened.problems.filter((problem) => expected?.test(problem) !== true)).toEqual([]);
  } finally {
    await opened.close();
  }
}

const live = (page: Page) => page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
const shown = (page: Page): Promise<string | null> =>
  page.evaluate(() => document.querySelector('.stage[data-shown]')?.getAttribute('data-stage') ?? null);
const banner = (page: Page) => page.waitForSelector('[data-testid="banner"]');

/** Marks this document, to tell it from one that was loaded later. */
const mark = (page: Page) =>
  page.evaluate(() => {
    document.documentElement.dataset.first = '';
  });
const isMarked = (page: Page) => page.evaluate(() => 'first' in document.documentElement.dataset).catch(() => true);

describe('the wall', { timeout: 180_000 }, () => {
  it('shows five charts and figures large enough for its distance, with the states that machines read, and nothing to touch', () =>
    visit({ query: '?symbols=BTC/USDT&rotate=0' }, async (page) => {
      for (const stream of STREAM_NAMES)
        await page.waitForSelector(
          `[data-stream="${stream}"][data-state="live"], [data-stream="${stream}"][data-state="stale"]`,
        );
      await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
      const found = await page.evaluate(() => ({
        streams: document.querySelectorAll('[data-stream]').length,
        controls: document.querySelectorAll('button, a, input, select, [tabindex]').length,
        figures: [...document.querySelectorAll('[data-testid="card-value"]')].map((element) =>
          Number.parseFloat(getComputedStyle(element).fontSize),
        ),
        chartText: Number(getComputedStyle(document.documentElement).getPropertyValue('--chart-text')),
        smallest: Math.min(
          ...[...document.querySelectorAll('.wall *')]
            .filter((element) => element.children.length === 0 && element.textContent !== '')
            .map((element) => Number.parseFloat(getComputedStyle(element).fontSize)),
        ),
        cursor: getComputedStyle(document.querySelector('.wall') ?? document.body).cursor,
      }));
      expect(found).toMatchObject({ streams: 5, controls: 0, chartText: 20, cursor: 'none' });
      expect(found.figures).toHaveLength(5);
      expect(Math.min(...found.figures)).toBeGreaterThanOrEqual(44);
      expect(found.smallest).toBeGreaterThanOrEqual(20);
    }));

  it.each([
    [1280, 720],
    [1920, 1080],
    [3840, 2160],
  ])('fits a screen of %d x %d, and is as readable on it', (width, height) =>
    visit({ query: '?symbols=BTC/USDT&rotate=0&theme=light', viewport: { width, height } }, async (page) => {
      const found = await page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement;
        const outside = [...document.querySelectorAll('.stage[data-shown] .panel, .figure, .wall-head > *')].filter(
          (element) => {
            const { left, right, top, bottom, width: wide } = element.getBoundingClientRect();
            return wide > 0 && (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight);
          },
        );
        const cut = [...document.querySelectorAll('[data-testid="card-value"]')].filter((element) => {
          const card = element.closest('article');
          return card !== null && element.scrollWidth > card.clientWidth;
        });
        const text = Number(getComputedStyle(document.documentElement).getPropertyValue('--chart-text'));
        const figure = getComputedStyle(document.querySelector('[data-testid="card-value"]') ?? document.body).fontSize;
        return { scrollWidth, scrollHeight, outside: outside.length, cut: cut.length, text, figure };
      });
      expect(found).toMatchObject({ scrollWidth: width, scrollHeight: height, outside: 0, cut: 0 });
      expect(found.text).toBeGreaterThanOrEqual(20);
      expect(Number.parseFloat(found.figure)).toBeGreaterThanOrEqual(44);
    }),
  );

  it('turns to a picture that was drawn before, and asks the server for nothing more', async () => {
    const opened = await openPage(browser, BIG);
    const { page, problems } = opened;
    page.setDefaultTimeout(PATIENT.timeout);
    const asked: string[] = [];
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => asked.push(String(payload))));
    try {
      await page.goto(`${dashboard.url}/wall?symbols=BTC/USDT,COIN1/USDT&rotate=5`);
      await live(page);
      // At the change itself: what the turn's canvases hold at the moment at which it becomes visible.
      await page.evaluate(() => {
        const drawnOn = (stage: Element): number =>
          [...stage.querySelectorAll('canvas')].filter((canvas) => {
            const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
            return data.some((value) => value > 0);
          }).length;
        const turns: string[] = [];
        new MutationObserver((changes) => {
          for (const { target } of changes)
            if (target instanceof HTMLElement && target.dataset.shown !== undefined)
              turns.push(`${target.dataset.stage} ${drawnOn(target) > 0} ${target.dataset.before !== undefined}`);
        }).observe(document.body, { subtree: true, attributeFilter: ['data-shown'] });
        const note = (): void => {
          for (const stage of document.querySelectorAll<HTMLElement>('.stage:not([data-shown])'))
            if (drawnOn(stage) > 0) stage.dataset.before = '';
          document.documentElement.dataset.turns = turns.join();
          setTimeout(note, 50);
        };
        note();
      });
      await page.waitForFunction(() => (document.documentElement.dataset.turns ?? '').split(',').length >= 3);
      const turns = await page.evaluate(() => document.documentElement.dataset.turns ?? '');
      expect(turns.split(',').slice(0, 3)).toEqual([
        'COIN1/USDT true true',
        'BTC/USDT true true',
        'COIN1/USDT true true',
      ]);
      // A row of the turn that is not shown is there when its turn comes, without a question.
      await page.waitForSelector('.stage[data-shown][data-stage="BTC/USDT"]');
      const before = asked.length;
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'COIN1/USDT', 'binance', 0.004321)`,
      );
      await page.waitForFunction(
        () => document.querySelector('.stage[data-shown] .figure')?.textContent?.includes('0.4321%') ?? false,
      );
      expect(await shown(page)).toBe('COIN1/USDT');
      expect(asked.slice(before).filter((frame) => frame.includes('subscribe'))).toEqual([]);
      expect(problems).toEqual([]);
    } finally {
      await opened.close();
    }
  });

  it('says which stream is stale and since when, of one symbol and not of the other', () =>
    visit({ query: '?symbols=ETH/USDT,BTC/USDT&rotate=5' }, async (page) => {
      const badge = page.locator('.stage[data-stage="ETH/USDT"] .chart-funding_rates [data-testid="stale"]');
      await expect.poll(() => badge.textContent().catch(() => ''), PATIENT).toMatch(/^STALE 3\d\sm$/);
      const size = await badge.evaluate((element) => Number.parseFloat(getComputedStyle(element).fontSize));
      expect(size).toBeGreaterThanOrEqual(30);
      await page.waitForSelector(
        '.stage[data-shown][data-stage="ETH/USDT"] [data-stream="funding_rates"][data-state="stale"]',
      );
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.0001)`,
      );
      await page.waitForSelector(
        '.stage[data-shown][data-stage="BTC/USDT"] [data-stream="funding_rates"][data-state="live"]',
      );
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
    }));

  it('uses what is valid of a bad address, and says the rest in one line', () =>
    visit({ query: '?symbols=eth/usdt,NONE/USDT&rotate=1&theme=pink&colour=blue' }, async (page) => {
      await expect.poll(() => shown(page), PATIENT).toBe('ETH/USDT');
      const notes = page.locator('[data-testid="notes"]');
      await expect.poll(() => notes.textContent(), PATIENT).toMatch(/rotate=1 .*theme=pink.*colour.*NONE\/USDT/i);
      expect(await notes.evaluate((element) => element.getClientRects().length)).toBe(1);
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
    }));
});

describe('the wall, with nobody near', { timeout: 180_000 }, () => {
  it('says that the server is gone and since when, keeps turning, and is live again when it is back', () =>
    visit(
      { query: '?symbols=BTC/USDT,ETH/USDT&rotate=5', expected: /ERR_CONNECTION_REFUSED|WebSocket/ },
      async (page) => {
        await mark(page);
        const { port } = new URL(dashboard.url);
        await dashboard.stop();
        const text = await (await banner(page)).textContent();
        expect(text).toMatch(/^DISCONNECTED/);
        expect(text).toMatch(/without data/);
        expect(text).toMatch(/Last update \d\d:\d\d:\d\d UTC/);
        const before = await shown(page);
        await expect.poll(() => shown(page), PATIENT).not.toBe(before);
        await writer.query(
          `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.00777)`,
        );
        dashboard = await startDashboard(database.url, { DASHBOARD_PORT: port });
        await live(page);
        await page.waitForSelector('[data-testid="banner"]', { state: 'detached' });
        await page.waitForFunction(
          () => document.querySelector('.stage[data-shown] .figure')?.textContent?.includes('0.7770%') ?? false,
        );
        expect(await isMarked(page)).toBe(true);
      },
    ));

  it('F14 loads another build of the page once the server has all of it, and not before', async () => {
    const opened = await openPage(browser, BIG);
    const { page } = opened;
    page.setDefaultTimeout(PATIENT.timeout);
    let isDeployed = false;
    let isWhole = false;
    let refused = 0;
    try {
      await page.routeWebSocket('**/feed*', (socket) => {
        const server = socket.connectToServer();
        server.onMessage((text) =>
          socket.send(isDeployed ? String(text).replace(/"build":"[^"]*"/, '"build":"another"') : text),
        );
      });
      await page.route(/\/assets\/first/, async (route) => {
        if (!isDeployed || isWhole) return route.continue();
        refused += 1;
        return route.fulfill({ status: 404, body: 'not there yet' });
      });
      await page.goto(`${dashboard.url}/wall?symbols=BTC/USDT&rotate=0`);
      await live(page);
      await mark(page);
      // This page becomes the one of a build before: what the server has is another one.
      await page.evaluate(() => document.querySelector('meta[name="build"]')?.setAttribute('content', 'older'));
      isDeployed = true;
      // The connection is given up as after a deploy.
      const { port } = new URL(dashboard.url);
      await dashboard.stop();
      dashboard = await startDashboard(database.url, { DASHBOARD_PORT: port });
      await expect.poll(() => refused, PATIENT).toBeGreaterThan(0);
      expect(await isMarked(page)).toBe(true);
      isWhole = true;
      await expect.poll(() => isMarked(page), PATIENT).toBe(false);
      await live(page);
      // The server still names another build than the one that it gave: that is no reason to load the same again.
      await mark(page);
      const { port: last } = new URL(dashboard.url);
      await dashboard.stop();
      dashboard = await startDashboard(database.url, { DASHBOARD_PORT: last });
      await live(page);
      expect(await isMarked(page)).toBe(true);
    } finally {
      await opened.close();
    }
  });

  it('loads itself anew where errors come one after the other', async () => {
    const opened = await openPage(browser, BIG);
    const { page } = opened;
    page.setDefaultTimeout(PATIENT.timeout);
    try {
      await page.goto(`${dashboard.url}/wall?symbols=BTC/USDT&rotate=0`);
      await live(page);
      await mark(page);
      await page.evaluate(() => {
        for (let i = 0; i < 6; i += 1)
          setTimeout(() => {
            throw new Error('a part of the page is broken');
          }, i * 10);
      });
      await expect.poll(() => isMarked(page), PATIENT).toBe(false);
      await live(page);
    } finally {
      await opened.close();
    }
  });

  it('loads itself anew where nothing is painted any more of what comes', async () => {
    const opened = await openPage(browser, BIG);
    const { page } = opened;
    page.setDefaultTimeout(PATIENT.timeout);
    try {
      await page.clock.install();
      await page.goto(`${dashboard.url}/wall?symbols=BTC/USDT&rotate=0`);
      await live(page);
      await mark(page);
      await page.evaluate(() => {
        window.requestAnimationFrame = () => 0;
      });
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (now(), 'BTC/USDT', 'binance', 0.0005)`,
      );
      await expect
        .poll(async () => {
          await page.clock.runFor(3000).catch(() => {});
          return isMarked(page);
        }, PATIENT)
        .toBe(false);
      await page.waitForSelector('.stage[data-shown]');
    } finally {
      await opened.close();
    }
  });

  it('says large that it is refused when its token is taken back, and goes on when it is given again', async () => {
    const port = await startDashboard(database.url, { DASHBOARD_DISPLAY_TOKENS: `hall:${SCREEN}` });
    let second: Dashboard | undefined;
    const again = { DASHBOARD_PORT: new URL(port.url).port };
    try {
      await visit(
        {
          url: port.url,
          query: `?symbols=BTC/USDT&rotate=0&token=${SCREEN}`,
          expected: /ERR_CONNECTION_REFUSED|WebSocket|401/,
        },
        async (page) => {
          expect(new URL(page.url()).searchParams.has('token')).toBe(false);
          const [cookie] = await page.context().cookies();
          expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
          expect((cookie?.expires ?? 0) - Date.now() / 1000).toBeGreaterThan(399 * 24 * 3600);
          await mark(page);
          await port.stop();
          second = await startDashboard(database.url, {
            ...again,
            DASHBOARD_DISPLAY_TOKENS: 'hall:another-secret-entirely',
          });
          const refusal = page.locator('[data-testid="banner"] strong');
          await expect.poll(() => refusal.textContent().catch(() => ''), PATIENT).toBe('NO ACCESS');
          await second.stop();
          second = await startDashboard(database.url, { ...again, DASHBOARD_DISPLAY_TOKENS: `hall:${SCREEN}` });
          // It tries seldom by itself; something that wakes it has it try at once.
          await page.evaluate(() => window.dispatchEvent(new Event('online')));
          await live(page);
          expect(await isMarked(page)).toBe(true);
        },
      );
    } finally {
      await second?.stop();
      await port.stop();
    }
  });
});
