/** The page asks for its history in whole buckets of its plots' own pixels, and a page that is opened again asks once. */
import type pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnsHeld } from '../../client/painters/span.ts';
import { bucketFor } from '../../shared/m4.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { launchBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const DAY = 86_400_000;
/** Buckets that a pixel column of a stream's chart has, where it is not one. */
const BUCKETS_A_PIXEL: Partial<Record<StreamName, number>> = { performance_metrics: 2 };

let database: TestDatabase;
let writer: pg.Client;
let dashboard: Dashboard;
let browser: Browser;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '30 seconds', 'BTC/USDT', e, 0.0001 * sin(i / 50.0)
       from generate_series(1, 3300) i, unnest(array['binance', 'bybit']) e`,
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select now() - i * interval '30 seconds', 'BTC/USDT', 'volume', i, 4 * sin(i) from generate_series(1, 3300) i`,
  );
  await writer.query(
    `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, win_rate, drawdown)
       select now() - i * interval '30 seconds', 'BTC/USDT', 'momentum', 10 * sin(i), i % 2, abs(sin(i))
       from generate_series(1, 3300) i`,
  );
  await writer.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl)
       select now() - i * interval '30 seconds', 'BTC/USDT', 'buy', abs(sin(i)), i from generate_series(1, 3300) i`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
       select now() - i * interval '30 seconds', 'cpu', 50 + 10 * sin(i), '%' from generate_series(1, 3300) i`,
  );
  // The page waits half a second for a width to last; two heartbeats are more.
  dashboard = await startDashboard(database.url, { DASHBOARD_HEARTBEAT_SECONDS: '1' });
});

afterAll(async () => {
  await browser?.close();
  await dashboard?.stop();
  await database?.drop();
});

/** What a page asked for and heard. */
interface Talk {
  readonly asked: { readonly stream: StreamName; readonly points: number; readonly bucketMs: number }[];
  heartbeats: number;
}

async function open(context: BrowserContext): Promise<{ page: Page; talk: Talk }> {
  const page = await context.newPage();
  const talk: Talk = { asked: [], heartbeats: 0 };
  page.on('websocket', (socket) => {
    const note = (frame: string): void => {
      const { type, stream, points, bucket_ms: bucketMs } = JSON.parse(frame);
      if (type === 'subscribe') talk.asked.push({ stream, points, bucketMs });
    };
    // What is wanted at first stands in the address.
    for (const frame of new URL(socket.url()).searchParams.getAll('subscribe')) note(frame);
    socket.on('framesent', ({ payload }) => note(String(payload)));
    socket.on('framereceived', ({ payload }) => {
      if (String(payload).includes('"type":"heartbeat"')) talk.heartbeats += 1;
    });
  });
  await page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=24h`);
  return { page, talk };
}

/** Waits until every chart shows its rows, and whatever a change of widths leads to has been asked for. */
async function settle(page: Page, talk: Talk): Promise<void> {
  for (const stream of STREAM_NAMES)
    await page.waitForSelector(
      ['live', 'stale'].map((state) => `[data-stream="${stream}"][data-state="${state}"]`).join(),
    );
  const before = talk.heartbeats;
  await expect.poll(() => talk.heartbeats, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + 3);
}

/** Device pixels of the widest plot of a chart. */
function columnsOf(page: Page, stream: StreamName): Promise<number> {
  return page.evaluate((name) => {
    const overs = [...document.querySelectorAll<HTMLElement>(`[data-stream="${name}"] .u-over`)];
    return Math.max(...overs.map((over) => Math.round(Number.parseFloat(over.style.width) * devicePixelRatio)));
  }, stream);
}

async function expectWholeBuckets(page: Page, talk: Talk): Promise<void> {
  for (const stream of STREAM_NAMES) {
    const last = talk.asked.findLast((asked) => asked.stream === stream);
    const parts = BUCKETS_A_PIXEL[stream] ?? 1;
    const pixelMs = (last?.bucketMs ?? 0) * parts;
    const asked = (last?.points ?? 0) / parts;
    const shown = await columnsOf(page, stream);
    // What is asked for is what a plot of some width needs, and a little more.
    const widths = Array.from({ length: asked }, (_, index) => index + 1).filter(
      (width) => columnsHeld(width, DAY) === asked,
    );
    expect(widths.map((width) => bucketFor(DAY, width))).toContain(pixelMs);
    // A plot whose width has changed a little keeps what it has; the range is in sight all the same.
    expect(asked).toBeGreaterThanOrEqual(shown);
    expect(shown * pixelMs).toBeGreaterThanOrEqual(DAY);
    expect(shown * pixelMs).toBeLessThan(1.1 * DAY + pixelMs);
  }
}

describe.each([1, 2])('at %i device pixels a pixel', (deviceScaleFactor) => {
  it('asks for buckets that are pixel columns, once where it was open before, and anew where it is resized', async () => {
    const viewport = { width: 1440, height: 900 };
    const context = await browser.newContext({ locale: 'en-US', viewport, deviceScaleFactor });
    try {
      const first = await open(context);
      await settle(first.page, first.talk);
      await expectWholeBuckets(first.page, first.talk);
      await first.page.close();

      const { page, talk } = await open(context);
      await settle(page, talk);
      await expectWholeBuckets(page, talk);
      expect(talk.asked.map(({ stream }) => stream).sort()).toEqual([...STREAM_NAMES].sort());

      await page.setViewportSize({ width: 1100, height: 900 });
      // A plot whose range stays in sight keeps its buckets; others change.
      const isNew = (): boolean => talk.asked.length > STREAM_NAMES.length;
      await expect.poll(isNew, { timeout: 30_000 }).toBe(true);
      await settle(page, talk);
      await expectWholeBuckets(page, talk);
    } finally {
      await context.close();
    }
  }, 120_000);
});

describe('before its script has come', () => {
  it('the page has asked for what it will want, and is answered; the script asks for nothing again', async () => {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1440, height: 900 } });
    try {
      const before = await open(context);
      await settle(before.page, before.talk);
      await before.page.close();
      const page = await context.newPage();
      const talk = { urls: [] as string[], sent: [] as string[], received: [] as string[] };
      let letCome: () => void = () => undefined;
      const mayCome = new Promise<void>((resolve) => {
        letCome = resolve;
      });
      await page.route('**/assets/first-*.js', async (route) => {
        await mayCome;
        await route.continue();
      });
      page.on('websocket', (socket) => {
        talk.urls.push(socket.url());
        socket.on('framesent', ({ payload }) => talk.sent.push(String(payload)));
        socket.on('framereceived', ({ payload }) => talk.received.push(String(payload)));
      });
      await page.goto(`${dashboard.url}/?symbol=BTC/USDT&range=24h`, { waitUntil: 'commit' });
      // Several may come in one message.
      const synced = (): number => talk.received.join('').split('"type":"synced"').length - 1;
      await expect.poll(synced).toBe(STREAM_NAMES.length);
      expect(await page.locator('[data-stream]').count()).toBe(0);
      // Rows that come meanwhile are not lost.
      await writer.query(
        `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit) values (now(), 'cpu', 77.25, '%')`,
      );
      await expect.poll(() => talk.received.some((frame) => frame.includes('77.25'))).toBe(true);
      letCome();
      for (const stream of STREAM_NAMES)
        await page.waitForSelector(`[data-stream="${stream}"]:is([data-state="live"], [data-state="stale"])`);
      await expect.poll(() => page.locator('[data-card="system_metrics"]').textContent()).toContain('77');
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      expect(talk.urls).toHaveLength(1);
      expect(talk.sent.filter((frame) => frame.includes('subscribe'))).toEqual([]);
    } finally {
      await context.close();
    }
  });
});

describe('labels that grow and shrink with every row', () => {
  it('do not have the history asked for again and again', async () => {
    const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1440, height: 900 } });
    try {
      const { page, talk } = await open(context);
      await settle(page, talk);
      const asked = (): number => talk.asked.filter(({ stream }) => stream === 'system_metrics').length;
      const before = asked();
      for (const value of [7, 43.75, 8, 44.75, 9, 45.75]) {
        await writer.query(
          `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit) values (now(), 'cpu', $1, '%')`,
          [value],
        );
        const card = page.locator('[data-card="system_metrics"]');
        await expect.poll(async () => (await card.textContent()) ?? '').toMatch(new RegExp(`${Math.floor(value)}\\D`));
        const heard = talk.heartbeats;
        await expect.poll(() => talk.heartbeats, { timeout: 10_000 }).toBeGreaterThan(heard + 1);
      }
      expect(asked() - before).toBeLessThanOrEqual(1);
    } finally {
      await context.close();
    }
  });
});
