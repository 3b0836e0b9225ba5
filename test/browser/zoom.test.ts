/** Zooming and panning in a real Chromium against a real server: by hand, by keys, by a link, and where the server fails. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, 2);
  // A row every two seconds, in an hour of this day and in one of the month before: more than a chart has pixels.
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate, created_at)
       select at - i * interval '2 seconds', 'BTC/USDT', 'okx', 0.0001 * (2 + sin(i / 30.0)), now()
       from generate_series(0, 1800) i, unnest(array[now() - interval '10 hours', now() - interval '30 days']) at`,
  );
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

/** Asks again until it is so; as long as a busy machine may take. */
const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 15_000 });

async function visit(query: string, steps: (page: Page) => Promise<void>, expected: readonly RegExp[] = []) {
  const { page, problems, close } = await openPage(browser);
  try {
    await page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=24h${query}`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    // A stretch without rows has no first chart.
    if (query === '') await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
    await steps(page);
    expect(problems.filter((problem) => !expected.some((known) => known.test(problem)))).toEqual([]);
  } finally {
    await close();
  }
}

const bar = (page: Page) => page.locator('[data-testid="zoom"]');
const detail = (page: Page): Promise<string | null> => bar(page).getAttribute('data-detail');
const inAddress = (page: Page, name: string): string | null => new URL(page.url()).searchParams.get(name);

/** The stretch that the bar names, epoch ms. */
async function stretch(page: Page): Promise<{ from: number; to: number }> {
  const text = bar(page).locator('.zoom-stretch');
  return { from: Number(await text.getAttribute('data-from')), to: Number(await text.getAttribute('data-to')) };
}

const over = (page: Page, stream: string) => page.locator(`[data-stream="${stream}"] .u-over`).first();

/** Drags over a chart, between two shares of its width. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  const box = await over(page, 'funding_rates').boundingBox();
  if (box === null) throw new Error('the chart of funding rates has no plot');
  // What listens to gestures comes after the first view, with what lets charts have the focus.
  await page.waitForSelector('[data-stream="system_metrics"][tabindex="0"]');
  await page.mouse.move(box.x + box.width * from, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * to, box.y + 30, { steps: 4 });
  await page.mouse.up();
}

/** How many pixels of a chart's canvases are not the panel's. */
function inked(page: Page, stream: string): Promise<number> {
  return page.evaluate((name) => {
    let count = 0;
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>(`[data-stream="${name}"] canvas`)) {
      const { width, height } = canvas;
      const data = canvas.getContext('2d')?.getImageData(0, 0, width, height * 0.8).data ?? [];
      for (let i = 3; i < data.length; i += 4) if ((data[i] ?? 0) > 0) count += 1;
    }
    return count;
  }, stream);
}

/** The hour before so many days ago, as a link has it. */
function hourBefore(days: number): string {
  const to = Date.now() - days * 86_400_000;
  return `&from=${new Date(to - 3_600_000).toISOString()}&to=${new Date(to).toISOString()}`;
}

/** Pixels of the funding rates' axes where there is no line. */
async function inkOfNothing(): Promise<number> {
  let ink = Number.NaN;
  await visit(hourBefore(40), async (page) => {
    await eventually(() => detail(page)).toBe('loaded');
    ink = await inked(page, 'funding_rates');
  });
  return ink;
}

describe('a zoom', () => {
  it('by hand shows finer rows of the stretch on every chart, and goes back without a request', () =>
    visit('', async (page) => {
      const asked: URL[] = [];
      page.on('request', (request) => {
        if (request.url().includes('/api/chart/')) asked.push(new URL(request.url()));
      });
      await drag(page, 0.55, 0.6);
      await eventually(() => detail(page)).toBe('loaded');
      const { from, to } = await stretch(page);
      expect(to - from).toBeGreaterThan(0.8 * 3_600_000);
      expect(to - from).toBeLessThan(2 * 3_600_000);
      expect(Date.parse(inAddress(page, 'to') ?? '')).toBe(to);
      expect(new Set(asked.map(({ pathname }) => pathname)).size).toBe(5);
      const funding = asked.find(({ pathname }) => pathname.endsWith('/funding_rates'));
      expect(Number(funding?.searchParams.get('bucket_ms'))).toBeLessThan(15_000);
      expect(Number(funding?.searchParams.get('from'))).toBeLessThanOrEqual(from);
      expect(Number(funding?.searchParams.get('to'))).toBeGreaterThanOrEqual(to);
      await over(page, 'anomalies').dblclick();
      await eventually(() => bar(page).count()).toBe(0);
      const before = asked.length;
      await eventually(() => inAddress(page, 'from')).toBeNull();
      // The next move asks for what it shows, and nothing was asked in between.
      await page.keyboard.press('ArrowLeft');
      await eventually(() => asked.length).toBeGreaterThan(before);
      expect(asked.slice(before).every(({ searchParams }) => Number(searchParams.get('to')) > to + 3_600_000)).toBe(
        true,
      );
    }));

  it('by keys: in, aside, out and back', () =>
    visit('', async (page) => {
      await eventually(async () => {
        await page.keyboard.press('+');
        return bar(page).count();
      }).toBe(1);
      const first = await stretch(page);
      await page.keyboard.press('+');
      const second = await stretch(page);
      expect((second.to - second.from) / (first.to - first.from)).toBeCloseTo(0.5, 3);
      await page.keyboard.press('ArrowLeft');
      expect((await stretch(page)).to).toBeLessThan(second.to);
      await page.keyboard.press('Escape');
      await eventually(() => bar(page).count()).toBe(0);
      await page.keyboard.press('-');
      expect(await bar(page).count()).toBe(0);
    }));

  it('at the present takes rows in as they come', () =>
    visit('&from=now-600s', async (page) => {
      await eventually(() => detail(page)).toBe('loaded');
      expect(await bar(page).innerText()).toContain('Last 10');
      const before = await inked(page, 'funding_rates');
      await writer.query(
        `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
           select now() - i * interval '20 seconds', 'BTC/USDT', 'dydx', 0.0004 from generate_series(0, 20) i`,
      );
      await eventually(() => inked(page, 'funding_rates')).toBeGreaterThan(before + 100);
    }));

  it('of a month ago is what a link says, far beyond the range', async () => {
    const empty = await inkOfNothing();
    await visit(hourBefore(30), async (page) => {
      await eventually(() => detail(page)).toBe('loaded');
      // Nothing of it was ever in the range's own rows.
      await eventually(() => inked(page, 'funding_rates')).toBeGreaterThan(empty + 1000);
      await page.keyboard.press('0');
      await eventually(() => bar(page).count()).toBe(0);
      expect([inAddress(page, 'from'), inAddress(page, 'to')]).toEqual([null, null]);
    });
  });

  it('whose finer rows cannot be had keeps the coarse picture, says so, and has them when they can be had', async () => {
    const empty = await inkOfNothing();
    await visit(
      '',
      async (page) => {
        const body = JSON.stringify({ detail: 'the database cannot be reached at the moment' });
        const answer = { status: 503, contentType: 'application/problem+json', body };
        await page.route('**/api/chart/**', (route) => route.fulfill(answer));
        await drag(page, 0.5, 0.6);
        await eventually(() => detail(page)).toBe('failed');
        await eventually(() => bar(page).innerText()).toContain('the database cannot be reached at the moment');
        expect(await inked(page, 'funding_rates')).toBeGreaterThan(empty + 100);
        await page.unroute('**/api/chart/**');
        await eventually(() => detail(page)).toBe('loaded');
        expect(await bar(page).getByRole('alert').count()).toBe(0);
      },
      [/status of 503/],
    );
  });
});
