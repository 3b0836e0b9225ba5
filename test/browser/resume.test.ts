/** A page that loses its connection, in a real Chromium: it says so, comes back by itself, and then holds the table's rows. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { hatchedCharts, readStore, reloadAtKnownWidths, rowsInTable, shownRows } from '../support/page-charts.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const SYMBOL = 'BTC/USDT';
const HOUR_MS = 3_600_000;
const PATIENT = { timeout: 30_000, interval: 100 };

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

/** Rows in every stream: now and late, of series that the page knows and of new ones. */
async function write(): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '7 second', 'BTC/USDT', e, 0.0001 * random()
       from generate_series(0, 30) i, unnest(array['binance', 'bybit', 'okx']) e`,
  );
  await writer.query(
    `insert into anomalies ("timestamp", symbol, data_type, value, z_score)
       select now() - i * interval '1 second', 'BTC/USDT', 'volume', random(), 5 * random() from generate_series(0, 20) i`,
  );
  await writer.query(
    `insert into performance_metrics ("timestamp", symbol, strategy_id, pnl, win_rate, drawdown)
       select now() - i * interval '1 minute', 'BTC/USDT', 'momentum', 10 * random(), i % 2, 0 from generate_series(0, 5) i`,
  );
  await writer.query(
    `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, predicted_pnl)
       values (now(), 'BTC/USDT', 'sell', random(), 1)`,
  );
  await writer.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
       select now() - i * interval '1 second', m, random(), '%' from generate_series(0, 9) i, unnest(array['cpu', 'disk']) m`,
  );
}

/** A visit to the page through the proxy, live from the first step on. */
async function visit(steps: (page: Page) => Promise<void>): Promise<void> {
  const { page, problems, close } = await openPage(browser);
  try {
    await page.goto(`${proxy.url(dashboard.url)}?symbol=${SYMBOL}&range=1h`);
    await whole(page);
    // A second visit knows how wide its plots are: no history is asked for anew when the connection is cut.
    await reloadAtKnownWidths(page);
    await whole(page);
    await steps(page);
    // The browser itself names connections that failed; nothing was thrown.
    expect(problems.filter((problem) => problem.startsWith('exception'))).toEqual([]);
  } finally {
    await close();
  }
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
        const missing = due.filter((row) => !held.has(row));
        const lostFrom = store.charts[stream]?.lostFrom;
        return { isEmpty: due.length === 0, missing, excess: shown.length - due.length, lostFrom };
      }, PATIENT)
      .toEqual({ isEmpty: false, missing: [], excess: 0, lostFrom: null });
  }
}

/** Cuts the page off, and waits until it says so. */
async function cutOff(page: Page): Promise<void> {
  proxy.blackHole();
  proxy.cut();
  await page.waitForSelector('html:is([data-feed="offline"], [data-feed="connecting"])', { state: 'attached' });
  for (const stream of STREAM_NAMES) await page.waitForSelector(`[data-stream="${stream}"][data-state="stale"]`);
}

function reconnect(): void {
  proxy.pass();
  // What hung in the dead network is told so.
  proxy.cut();
}

/** Process ids of the browser's renderers. */
async function rendererProcesses(): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  expect(pids).not.toEqual([]);
  return pids;
}

const resumes = async (page: Page): Promise<number | undefined> => (await readStore(page, HOUR_MS)).counts.resumes;

describe('a page whose connection is cut', () => {
  it('F6 hatches the time without it, and fills it with the rows that it missed', () =>
    visit(async (page) => {
      await cutOff(page);
      await write();
      // As soon as the zone is a pixel wide.
      await expect.poll(() => hatchedCharts(page), PATIENT).toHaveLength(STREAM_NAMES.length);
      await page.waitForSelector('[data-testid="banner"]');
      reconnect();
      await whole(page);
      await expect.poll(() => hatchedCharts(page), PATIENT).toEqual([]);
      expect(await resumes(page)).toBe(STREAM_NAMES.length);
      // The chains go on behind the replay.
      await write();
      await whole(page);
      expect(await readStore(page, HOUR_MS)).toMatchObject({ counts: { breaks: 0, gaps: 0, malformed: 0 } });
    }));

  it('F6 and cut again in the middle of the replay, shows no row twice', () =>
    visit(async (page) => {
      let replays = 0;
      let sockets = 0;
      let socketsAtCut = Number.POSITIVE_INFINITY;
      page.on('websocket', (socket) => {
        sockets += 1;
        socket.on('framereceived', ({ payload }) => {
          replays += String(payload).split('"via":"replay"').length - 1;
          if (replays < 2 || Number.isFinite(socketsAtCut)) return;
          proxy.cut();
          socketsAtCut = sockets;
        });
      });
      await cutOff(page);
      await write();
      reconnect();
      await expect.poll(() => sockets > socketsAtCut, PATIENT).toBe(true);
      await whole(page);
      expect(replays).toBeGreaterThan(2);
      expect(await resumes(page)).toBeGreaterThan(0);
    }));

  it('F6 by a server that is replaced resumes at the new one', () =>
    visit(async (page) => {
      const { port } = new URL(dashboard.url);
      await dashboard.stop();
      await page.waitForSelector('[data-stream="funding_rates"][data-state="stale"]');
      await write();
      dashboard = await startDashboard(database.url, { DASHBOARD_PORT: port });
      await whole(page);
      expect(await resumes(page)).toBe(STREAM_NAMES.length);
    }));

  it('F14 while its tab is frozen catches up when it goes on', () =>
    visit(async (page) => {
      const renderers = await rendererProcesses();
      try {
        // Stopped from outside: the browser freezes by itself only what has been hidden for minutes.
        for (const pid of renderers) process.kill(pid, 'SIGSTOP');
        await write();
        proxy.cut();
        await write();
      } finally {
        for (const pid of renderers) process.kill(pid, 'SIGCONT');
      }
      await whole(page);
      expect(await resumes(page)).toBe(STREAM_NAMES.length);
    }));
});

describe('F14 a page with another build than the server', () => {
  /** Opens the page, whose server says from the second connection on that it serves another build of the page. */
  async function openDesk(page: Page): Promise<void> {
    let connections = 0;
    await page.routeWebSocket('**/feed*', (socket) => {
      connections += 1;
      const isLater = connections > 1;
      const server = socket.connectToServer();
      server.onMessage((text) => {
        socket.send(isLater ? String(text).replace(/"build":"[^"]*"/, '"build":"another"') : text);
      });
    });
    await page.clock.install();
    await page.goto(`${proxy.url(dashboard.url)}?symbol=${SYMBOL}&range=1h`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    await page.evaluate(() => {
      document.documentElement.dataset.first = '';
    });
    proxy.cut();
    await expect.poll(() => connections, PATIENT).toBe(2);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
  }

  const isFirst = (page: Page): Promise<boolean> => page.evaluate(() => 'first' in document.documentElement.dataset);

  it('loads itself anew with nobody near, once, and not while the server is away', async () => {
    const { page, close } = await openPage(browser, { viewport: { width: 1920, height: 1080 } });
    try {
      await openDesk(page);
      let asked = 0;
      page.on('request', (request) => {
        if (request.method() === 'HEAD') asked += 1;
      });
      const refused = page.waitForEvent('requestfailed', (request) => request.method() === 'HEAD');
      await page.route(/\/\?symbol/, (route) =>
        route.request().method() === 'HEAD' ? route.abort() : route.continue(),
      );
      await page.clock.fastForward(36_000);
      await refused;
      expect(await isFirst(page)).toBe(true);
      await page.unroute(/\/\?symbol/);
      await page.clock.fastForward(36_000);
      await expect.poll(() => isFirst(page).catch(() => true), PATIENT).toBe(false);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await page.evaluate(() => {
        document.documentElement.dataset.first = '';
      });
      // The same build is no news any more.
      await page.clock.fastForward(36_000);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      expect(await isFirst(page)).toBe(true);
      expect(asked).toBe(2);
    } finally {
      await close();
    }
  });
});
