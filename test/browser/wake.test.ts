/** A machine that sleeps, and one whose clock is set, in a real Chromium: the page is told by nobody, and shows nothing old as live. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { readStore, reloadAtKnownWidths, rowsInTable, shownRows } from '../support/page-charts.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const SYMBOL = 'BTC/USDT';
const HOUR_MS = 3_600_000;
const PATIENT = { timeout: 30_000, interval: 100 };
const health = z.object({ clients: z.number() });
const processes = z.object({ processInfo: z.array(z.object({ type: z.string(), id: z.number() })) });

let database: TestDatabase;
let writer: pg.Client;
let dashboard: Dashboard;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  writer = await database.connect();
  await seedPage(writer, 3);
  dashboard = await startDashboard(database.url, { DASHBOARD_HEARTBEAT_SECONDS: '0.5' });
});
afterAll(async () => {
  await dashboard?.stop();
  await database?.drop();
});

async function write(): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '3 second', 'BTC/USDT', e, 0.0001 * random()
       from generate_series(0, 20) i, unnest(array['binance', 'bybit', 'okx']) e`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
       select now() - i * interval '1 second', m, random(), '%' from generate_series(0, 9) i, unnest(array['cpu', 'disk']) m`,
  );
}

/** Waits until the page is live, and every chart holds exactly the table's rows of its window. */
async function whole(page: Page): Promise<void> {
  await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
  for (const stream of STREAM_NAMES) {
    await expect
      .poll(async () => {
        const store = await readStore(page, HOUR_MS);
        const due = await rowsInTable(writer, stream, SYMBOL, store.from);
        const shown = shownRows(store, stream);
        const held = new Set(shown);
        return { missing: due.filter((row) => !held.has(row)), excess: shown.length - due.length };
      }, PATIENT)
      .toEqual({ missing: [], excess: 0 });
  }
}

async function visit(browser: Browser, steps: (page: Page) => Promise<void>): Promise<void> {
  const { page, problems, close } = await openPage(browser);
  try {
    await page.clock.install();
    await page.goto(`${dashboard.url}?symbol=${SYMBOL}&range=1h`);
    await whole(page);
    await steps(page);
    expect(problems.filter((problem) => problem.startsWith('exception'))).toEqual([]);
  } finally {
    await close();
  }
}

/** What the root element said of the feed from here on, in order. */
async function followFeed(page: Page): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(() => {
    const said: string[] = [];
    Reflect.set(window, 'saidOfFeed', said);
    new MutationObserver(() => said.push(document.documentElement.dataset.feed ?? '')).observe(
      document.documentElement,
      { attributeFilter: ['data-feed'] },
    );
  });
  return async () => z.array(z.string()).parse(await page.evaluate(() => Reflect.get(window, 'saidOfFeed')));
}

/** The time of day that the page shows, in ms since midnight UTC. */
async function shownTime(page: Page): Promise<number> {
  const text = await page.locator('[data-testid="clock"]').innerText();
  const [hours, minutes, seconds] = text.match(/\d+/g)?.map(Number) ?? [];
  return (((hours ?? Number.NaN) * 60 + (minutes ?? Number.NaN)) * 60 + (seconds ?? Number.NaN)) * 1000;
}

const DAY_MS = 86_400_000;
/** Ms between two times of day, whatever midnight lies between. */
function apart(a: number, b: number): number {
  const distance = Math.abs(a - b) % DAY_MS;
  return Math.min(distance, DAY_MS - distance);
}

describe('a page', () => {
  it('whose machine slept while rows were written says that it is not live, then has them all', async () => {
    const browser = await launchBrowser();
    try {
      await visit(browser, async (page) => {
        const session = await browser.newBrowserCDPSession();
        const { processInfo } = processes.parse(await session.send('SystemInfo.getProcessInfo'));
        // The browser's own process goes on, so that it can be spoken to; it runs no script and hears no socket.
        const asleep = processInfo.filter(({ type }) => type !== 'browser').map(({ id }) => id);
        // From the second visit on it knows how wide its charts are, and asks for no other history by itself.
        await reloadAtKnownWidths(page);
        await whole(page);
        const said = await followFeed(page);
        for (const id of asleep) process.kill(id, 'SIGSTOP');
        try {
          await expect
            .poll(async () => health.parse(await (await fetch(`${dashboard.url}/api/health`)).json()).clients, PATIENT)
            .toBe(0);
          await write();
        } finally {
          for (const id of asleep) process.kill(id, 'SIGCONT');
        }
        await expect.poll(said, PATIENT).toContain('live');
        const [first] = await said();
        expect(first).not.toBe('live');
        await whole(page);
      });
    } finally {
      await browser.close();
    }
  });

  it.each([
    ['forwards by two hours', 2 * HOUR_MS],
    ['back by two hours', -2 * HOUR_MS],
  ])('whose machine has its clock set %s goes on in the time of the server', async (_name, ms) => {
    const browser = await launchBrowser();
    try {
      await visit(browser, async (page) => {
        await page.clock.setSystemTime(Date.now() + ms);
        // What it does by its clock it does before it hears anything.
        await page.clock.runFor(1500);
        await write();
        await whole(page);
        await expect.poll(async () => apart(await shownTime(page), Date.now()), PATIENT).toBeLessThan(5000);
        await page.waitForSelector('[data-stream="funding_rates"][data-state="live"]');
        await write();
        await whole(page);
      });
    } finally {
      await browser.close();
    }
  });
});
