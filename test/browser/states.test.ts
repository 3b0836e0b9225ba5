/**
 * Every state of every chart as a visitor sees it, on five screens in both themes. The pages stay open while their database
 * lives through it all: it has no tables, then no rows, then old ones, then new ones; it stalls; its server goes.
 */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { hatchedCharts } from '../support/page-charts.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  boxes,
  frames,
  openScreen,
  overflow,
  SCREENS,
  type Screen,
  shiftsOf,
  THEMES,
  type Theme,
} from '../support/screens.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const PATIENT = { timeout: 30_000, interval: 50 };
/** Long for rows that came every 20 s. */
const OLD = `interval '20 minutes'`;

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let proxy: TcpProxy;
let dashboard: Dashboard;
const screens: Screen[] = [];

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase(), launchBrowser()]);
  writer = await database.connect();
  proxy = await TcpProxy.start({ host: database.config.host, port: database.config.port });
  dashboard = await startDashboard(proxy.url(database.url));
  for (const size of SCREENS) {
    const screen = await openScreen(browser, size);
    screens.push(screen);
    await screen.page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=1h`);
    await screen.page.waitForSelector('html[data-feed="stale"]', { state: 'attached' });
  }
});

afterAll(async () => {
  await Promise.all(screens.map((screen) => screen.close()));
  await dashboard?.stop();
  await proxy?.stop();
  await browser?.close();
  await database?.drop();
});

/** Rows of the symbol and of the system in every stream, 20 s apart, the newest `before` ago. */
async function write(before: string, rows = 240): Promise<void> {
  const at = `now() - ${before} - i * interval '20 seconds'`;
  const insert = (table: string, columns: string, values: string, of: string): Promise<unknown> =>
    writer.query(
      `insert into ${table} ("timestamp", created_at, ${columns})
         select ${at}, ${at}, ${values} from generate_series(0, $1::int) i, ${of}`,
      [rows],
    );
  const ofSymbol = (values: string): string => `'BTC/USDT', ${values}`;
  await insert(
    'funding_rates',
    'symbol, exchange, funding_rate',
    ofSymbol('e, 0.0001 * sin(i / 9.0)'),
    `unnest(array['binance', 'bybit', 'okx']) e`,
  );
  await insert(
    'anomalies',
    'symbol, data_type, value, z_score',
    ofSymbol('t, i, 4 * sin(i)'),
    `unnest(array['funding_rate', 'volume']) t`,
  );
  await insert(
    'performance_metrics',
    'symbol, strategy_id, pnl, win_rate, drawdown',
    ofSymbol(`s, 10 * sin(i), i % 2, abs(3 * cos(i / 20.0))`),
    `unnest(array['momentum', 'carry']) s`,
  );
  await insert(
    'signal_predictions',
    'symbol, signal_type, confidence, predicted_pnl',
    ofSymbol('s, abs(sin(i / 7.0)), i'),
    `unnest(array['buy', 'sell']) s`,
  );
  await insert(
    'system_metrics',
    'metric_name, metric_value, metric_unit',
    'm, 50 + 10 * sin(i / 9.0), u',
    `(values ('cpu', '%'), ('memory', '%'), ('latency', 'ms')) metrics(m, u)`,
  );
}

/** A row of each line, now: however long the test takes, they are not stale. */
const revive = (): Promise<void> => write(`interval '0'`, 0);

const until = (page: Page, feed: string): Promise<unknown> =>
  page.waitForSelector(`html[data-feed="${feed}"]`, { state: 'attached', timeout: PATIENT.timeout });

/** Waits until every chart and its card are in a state. */
async function everyChart(page: Page, state: string): Promise<void> {
  await page.waitForFunction(
    ({ names, wanted }) =>
      names.every(
        (name) =>
          document.querySelector(`[data-stream="${name}"]`)?.getAttribute('data-state') === wanted &&
          document.querySelector(`[data-card="${name}"]`)?.getAttribute('data-card-state') === wanted,
      ),
    { names: [...STREAM_NAMES], wanted: state },
    { timeout: PATIENT.timeout },
  );
}

/** What stands in place of each chart's picture, in the order of the streams; it must lie within its panel. */
async function messages(page: Page): Promise<string[]> {
  const all = await page.evaluate(
    (names) =>
      names.map((name) => {
        const panel = document.querySelector(`[data-stream="${name}"]`);
        const message = panel?.querySelector('[data-testid="message"]');
        if (!panel || !message) return 'no message';
        const inner = [...message.children].map((child) => child.getBoundingClientRect());
        const { top, bottom, left, right } = panel.getBoundingClientRect();
        const isWithin = inner.every(
          (box) => box.top >= top && box.bottom <= bottom && box.left >= left && box.right <= right,
        );
        return isWithin ? (message.textContent ?? '') : `not within its panel: ${message.textContent}`;
      }),
    STREAM_NAMES,
  );
  return all;
}

/** Whether the symbol's name stands there in full. */
function isSymbolWhole(page: Page): Promise<boolean> {
  return page.locator('.symbol-name').evaluate((name) => name.scrollWidth <= name.clientWidth);
}

/** How much is drawn on a chart's canvases, in pixels. */
function drawn(page: Page): Promise<number[]> {
  return page.evaluate(
    (names) =>
      names.map((name) => {
        let count = 0;
        for (const canvas of document.querySelectorAll<HTMLCanvasElement>(`[data-stream="${name}"] canvas`)) {
          const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
          for (let i = 3; i < data.length; i += 4) if ((data[i] ?? 0) > 0) count += 1;
        }
        return count;
      }),
    STREAM_NAMES,
  );
}

/** Looks at one state on every screen in both themes: nothing is wider than the screen, and a picture is kept. */
async function look(name: string, steps: (screen: Screen) => Promise<void>): Promise<void> {
  for (const screen of screens) {
    await steps(screen);
    for (const theme of THEMES) {
      await screen.setTheme(theme);
      await screen.picture('states', name, theme);
      expect(await overflow(screen.page), `${name} at ${screen.size.name}`).toBe(0);
      expect(await isSymbolWhole(screen.page), `${name} at ${screen.size.name}`).toBe(true);
    }
  }
}

/** Boxes that are known before there are rows: on a phone the last chart grows by as many plots as there are units. */
function placed(all: Readonly<Record<string, string>>, { viewport }: Screen['size']): Readonly<Record<string, string>> {
  const isOpen = (name: string): boolean => /^\.charts|^\.footer|system_metrics/.test(name);
  return Object.fromEntries(Object.entries(all).filter(([name]) => viewport.width > 560 || !isOpen(name)));
}

/**
 * Loads the page while its database does not answer, as at a first visit, which remembers nothing of how wide its charts
 * were. Answers where its parts lay. On a busy machine the server may give the database up before all was looked at: then
 * the page says that in place of loading, and is loaded again.
 */
async function untilLoading({ page, size, picture }: Screen, theme: Theme): ReturnType<typeof boxes> {
  for (let attempt = 1; ; attempt += 1) {
    await page.evaluate(() => localStorage.clear());
    proxy.freeze();
    try {
      await page.reload();
      await everyChart(page, 'loading');
      const texts = await messages(page);
      const wide = await overflow(page);
      const before = await boxes(page);
      await picture('states', 'loading', theme);
      const isLoading = page.locator('html:not([data-feed="stale"]) [data-stream][data-state="loading"]');
      if ((await isLoading.count()) === STREAM_NAMES.length) {
        for (const text of texts) expect(text).toMatch(/^Loading 1h of (BTC\/USDT|the system)/);
        expect(wide, size.name).toBe(0);
        return before;
      }
      if (attempt === 5) throw new Error(`the database was given up before the page was looked at: ${texts.join()}`);
    } finally {
      proxy.thaw();
    }
    await until(page, 'live');
  }
}

/** The console said nothing since the last time; `expected` is what the browser itself says of a server that is gone. */
const said = screens.map(() => 0);
function nothingSaid(expected: RegExp = /^(?!)/): void {
  const problems = screens.flatMap((screen, index) => {
    const fresh = screen.problems.slice(said[index] ?? 0);
    said[index] = screen.problems.length;
    return fresh.filter((problem) => !expected.test(problem)).map((problem) => `${screen.size.name} ${problem}`);
  });
  expect(problems).toEqual([]);
}

describe('the states of the charts', { timeout: 180_000 }, () => {
  it('off: a database without the tables is told chart by chart, with what mends it', async () => {
    await look('off', async ({ page }) => {
      await everyChart(page, 'off');
      // The page is not live, and what can be done with it is wanted all the more.
      await page.getByTestId('tools-funding_rates').waitFor({ state: 'attached' });
      for (const message of await messages(page)) expect(message).toMatch(/^This stream is off.*migrate/s);
      expect(await page.locator('[data-testid="rows-last-hour"]').allInnerTexts()).toEqual(Array(5).fill('off'));
    });
    nothingSaid();
  });

  it('empty: as soon as there are tables, says that no rows are there, for what, and what can be done', async () => {
    await migrate({ connection: database.config, report: () => undefined });
    await look('empty', async ({ page }) => {
      await everyChart(page, 'empty');
      await until(page, 'live');
      const texts = await messages(page);
      for (const [index, stream] of STREAM_NAMES.entries()) {
        const subject = stream === 'system_metrics' ? 'the system' : 'BTC/USDT';
        expect(texts[index]).toContain(`No rows for ${subject} in the last 1h`);
        expect(texts[index]).toContain('New rows appear here by themselves.');
      }
      expect(await page.getByRole('button', { name: 'Look back 7 d' }).count()).toBe(STREAM_NAMES.length);
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
    });
    nothingSaid();
  });

  it('stale: rows that stopped are shown, with a badge that says for how long none has come', async () => {
    await write(OLD);
    await look('stale', async ({ page }) => {
      // To a page that was open, rows that are committed late have come just now.
      await page.reload();
      await everyChart(page, 'stale');
      await until(page, 'live');
      for (const stream of STREAM_NAMES) {
        const head = page.locator(`[data-stream="${stream}"] .panel-head`);
        await expect.poll(() => head.innerText(), PATIENT).toMatch(/STALE[\s\S]*\b2\d\sm\b/);
      }
      expect(await page.locator('[data-testid="message"]').count()).toBe(0);
      await expect.poll(async () => Math.min(...(await drawn(page))), PATIENT).toBeGreaterThan(300);
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
    });
    nothingSaid();
  });

  it('live: is calm again by itself when rows come', async () => {
    await write(`interval '0'`);
    await look('live', async ({ page }) => {
      await everyChart(page, 'live');
      await until(page, 'live');
      expect(await page.locator('.badge, [data-testid="message"], [data-testid="banner"]').count()).toBe(0);
      await expect.poll(async () => Math.min(...(await drawn(page))), PATIENT).toBeGreaterThan(500);
      expect(await page.locator('[data-testid="card-value"]').allInnerTexts()).not.toContain('–');
    });
    nothingSaid();
  });

  it('loading: says what is loaded, and nothing moves when it comes', async () => {
    for (const screen of screens) {
      for (const theme of THEMES) {
        await screen.setTheme(theme);
        const before = await untilLoading(screen, theme);
        const { page, size } = screen;
        await revive();
        await everyChart(page, 'live');
        await until(page, 'live');
        await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
        // The tools of later parts come into room that is kept for them.
        await page.waitForFunction(() => document.querySelector('.chart-tools')?.childElementCount !== 0);
        await frames(page);
        expect(placed(await boxes(page), size), size.name).toEqual(placed(before, size));
        const { sum, moved } = await shiftsOf(page);
        expect(sum, `${size.name}: ${moved.join(', ')}`).toBeLessThan(0.002);
      }
    }
    nothingSaid();
  });

  it('stalled: a database that does not answer makes all of it not live, since when, until it answers', async () => {
    // A second visit knows how wide its charts are, so that none is being loaded when the database stalls.
    for (const { page } of screens) {
      await page.reload();
      await until(page, 'live');
      await revive();
      await everyChart(page, 'live');
    }
    proxy.freeze();
    try {
      await look('stalled', async ({ page }) => {
        await until(page, 'stale');
        await everyChart(page, 'stale');
        await expect.poll(() => page.locator('[data-testid="banner"]').allInnerTexts(), PATIENT).toHaveLength(1);
        const banner = await page.locator('[data-testid="banner"]').innerText();
        expect(banner).toMatch(/NOT LIVE[\s\S]* without data[\s\S]*Last update \d\d:\d\d:\d\d UTC[\s\S]*database/);
        expect(await page.locator('[data-testid="connection"]').getAttribute('data-alarm')).toBe('');
        await expect.poll(() => hatchedCharts(page), PATIENT).toHaveLength(STREAM_NAMES.length);
      });
    } finally {
      proxy.thaw();
    }
    for (const { page } of screens) {
      await until(page, 'live');
      await revive();
      await everyChart(page, 'live');
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
    }
    nothingSaid();
  });

  it('disconnected: without the server all of it says so, and goes on by itself when there is one', async () => {
    const { port } = new URL(dashboard.url);
    await dashboard.stop();
    await look('disconnected', async ({ page }) => {
      await everyChart(page, 'stale');
      const banner = page.locator('[data-testid="banner"]');
      await expect.poll(() => banner.allInnerTexts(), PATIENT).toHaveLength(1);
      expect(await banner.innerText()).toMatch(/DISCONNECTED[\s\S]* without data[\s\S]*Last update \d\d:\d\d:\d\d UTC/);
      expect(await banner.isVisible()).toBe(true);
      await expect.poll(() => page.title(), PATIENT).toMatch(/^DISCONNECTED/);
      await expect.poll(() => hatchedCharts(page), PATIENT).toHaveLength(STREAM_NAMES.length);
      // What is shown is old, and looks it.
      const looks = await page
        .locator('.card, .panes')
        .evaluateAll((elements) => elements.map((element) => getComputedStyle(element).filter));
      expect(looks.filter((filter) => filter.includes('grayscale'))).toHaveLength(2 * STREAM_NAMES.length);
    });
    dashboard = await startDashboard(proxy.url(database.url), { DASHBOARD_PORT: port });
    for (const { page } of screens) {
      await until(page, 'live');
      await revive();
      await everyChart(page, 'live');
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
    }
    nothingSaid(/WebSocket connection to|ERR_CONNECTION_REFUSED/);
  });
});
