/** What a visitor does on the page, with fingers, mouse and keys, in a real Chromium against a real server. */
import type pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, type OpenPage, openPage } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { rowsOfLastHour, seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const STREAMS = ['funding_rates', 'anomalies', 'performance_metrics', 'signal_predictions', 'system_metrics'];
const PHONE = { width: 390, height: 844 };
/** So many symbols stand in the list. */
const SYMBOLS = 1000;

let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let dashboard: Dashboard;

beforeAll(async () => {
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  writer = await database.connect();
  await seedPage(writer, SYMBOLS);
  dashboard = await startDashboard(database.url);
});

afterAll(async () => {
  await dashboard?.stop();
  await browser?.close();
  await database?.drop();
});

interface Visit {
  readonly query?: string;
  /** By finger on a phone; else by mouse at a desk. */
  readonly isPhone?: boolean;
}

/** Opens an empty page on a screen of a phone's size that is touched. */
async function openPhone(): Promise<OpenPage> {
  const context = await browser.newContext({ locale: 'en-US', viewport: PHONE, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
  return { page, problems, close: () => context.close() };
}

/** A visit to the page from its first picture on; afterwards nothing may have gone wrong on it. */
async function visit(options: Visit, steps: (page: Page) => Promise<void>): Promise<void> {
  const { page, problems, close } = await (options.isPhone === true ? openPhone() : openPage(browser));
  try {
    await page.goto(`${dashboard.url}/?${options.query ?? 'symbol=BTC/USDT&range=24h'}`);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
    await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0);
    // What comes later is there, and nothing moves under the pointer for it.
    await page.waitForSelector('[data-testid="tools-funding_rates"]', { state: 'attached' });
    await steps(page);
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
}

/** Asks again until it is so; as long as a busy machine may take. */
const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 15_000 });

const chart = (stream: string): string => `[data-stream="${stream}"]`;
const symbolShown = (page: Page): Promise<string> => page.locator('[data-testid="symbol"] .symbol-name').innerText();
const inAddress = (page: Page, name: string): string | null => new URL(page.url()).searchParams.get(name);
const rowsOf = (page: Page, stream: string) =>
  page.locator(`[data-card="${stream}"] [data-testid="rows-last-hour"]`).getAttribute('data-rows');

async function insertRate(rate: number, at = 'now()', exchange = 'binance'): Promise<void> {
  await writer.query(
    `insert into funding_rates ("timestamp", symbol, exchange, funding_rate) values (${at}, 'BTC/USDT', $1, $2)`,
    [exchange, rate],
  );
}

/** A number that changes with any pixel of a chart. */
function fingerprint(page: Page, stream: string): Promise<number> {
  return page.evaluate((selector) => {
    let sum = 0;
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>(`${selector} canvas`)) {
      const data = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      for (let i = 0; i < data.length; i += 1) sum = (sum * 31 + (data[i] ?? 0)) % 1_000_000_007;
    }
    return sum;
  }, chart(stream));
}

/** Moves the mouse to a place of a chart's first plot, given as shares of its width and height, and reads the tooltip. */
async function hover(page: Page, stream: string, x: number, y: number): Promise<string> {
  const box = await page
    .locator(`${chart(stream)} .u-over`)
    .first()
    .boundingBox();
  if (box === null) throw new Error(`The chart of ${stream} has no plot.`);
  await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
  const tooltip = page.locator(`${chart(stream)} [data-testid="tooltip"]`);
  return (await tooltip.count()) === 0 ? '' : tooltip.innerText();
}

describe('the symbol picker', () => {
  it('finds one of a thousand symbols by typing, whatever the punctuation, and by keys alone', () =>
    visit({}, async (page) => {
      await page.keyboard.press('/');
      const picker = page.locator('[data-testid="symbol-picker"]');
      await eventually(() => picker.locator('.picker-count').innerText()).toBe(`${SYMBOLS} of ${SYMBOLS}`);
      // A list of a thousand is not a thousand elements.
      expect(await picker.locator('[role="option"]').count()).toBeLessThan(60);
      await page.keyboard.type('coin77usdt');
      await eventually(() => picker.locator('.picker-count').innerText()).toBe(`1 of ${SYMBOLS}`);
      await page.keyboard.press('Enter');
      await eventually(() => inAddress(page, 'symbol')).toBe('COIN77/USDT');
      expect(await symbolShown(page)).toBe('COIN77/USDT');
      await eventually(() => picker.isVisible()).toBe(false);
      await eventually(() => page.locator('[data-card="funding_rates"]').innerText()).toContain('0.7700%');
      await page.keyboard.press('/');
      await page.keyboard.type('no such symbol');
      await eventually(() => picker.innerText()).toMatch(/No symbol matches/);
      await page.keyboard.press('Escape');
      await eventually(() => picker.isVisible()).toBe(false);
      expect(await symbolShown(page)).toBe('COIN77/USDT');
    }));

  it('chooses with two taps at 390 px', () =>
    visit({ isPhone: true }, async (page) => {
      await page.tap('[data-testid="symbol"]');
      await page.locator('[role="option"]', { hasText: 'COIN1/USDT' }).tap();
      await eventually(() => inAddress(page, 'symbol')).toBe('COIN1/USDT');
      await eventually(() => page.locator('[data-card="funding_rates"]').innerText()).toContain('0.0100%');
    }));
});

describe('the range', () => {
  it('follows a tap and a key, and is in the address', () =>
    visit({ isPhone: true }, async (page) => {
      await page.tap('[data-range="6h"]');
      await eventually(() => inAddress(page, 'range')).toBe('6h');
      await page.keyboard.press('4');
      await eventually(() => inAddress(page, 'range')).toBe('7d');
      expect(await page.locator('[data-range="7d"]').getAttribute('aria-pressed')).toBe('true');
      for (const stream of STREAMS)
        await eventually(() => page.locator(chart(stream)).getAttribute('data-state')).toMatch(/^(live|stale)$/);
    }));
});

describe('the refresh control', () => {
  it('holds the picture still while rows arrive, says so, and jumps to now when live again', () =>
    visit({}, async (page) => {
      await page.click('[data-testid="refresh"]');
      await page.click('[data-choice="paused"]');
      await eventually(() => page.locator('[data-testid="refresh"]').innerText()).toMatch(/Paused/);
      const before = await fingerprint(page, 'funding_rates');
      const heard = page.waitForEvent('console', (message) => message.text() === 'a row came').then(() => true);
      // The page's own connection tells when the row is there; the picture must not.
      await page.evaluate((feed) => {
        const socket = new WebSocket(`${feed}?streams=funding_rates&keys=BTC/USDT`);
        socket.onmessage = ({ data }) => {
          // biome-ignore lint/suspicious/noConsole: how a page speaks to its test.
          if (String(data).includes('"delta"')) console.info('a row came');
        };
        return new Promise<void>((open) => {
          socket.addEventListener('message', ({ data }) => String(data).includes('"synced"') && open());
        });
      }, dashboard.feedUrl);
      await insertRate(0.00345);
      expect(await heard).toBe(true);
      // Two more frames, in which a picture that follows would have been drawn.
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      expect(await fingerprint(page, 'funding_rates')).toBe(before);
      expect(await page.locator('[data-card="funding_rates"]').innerText()).not.toContain('0.345');
      // By key this time.
      await page.keyboard.press('Escape');
      await page.locator('body').press('r');
      await eventually(() => page.locator('[data-testid="refresh"]').innerText()).toMatch(/Live/);
      await eventually(() => page.locator('[data-card="funding_rates"]').innerText()).toContain('0.3450%');
      await eventually(() => fingerprint(page, 'funding_rates')).not.toBe(before);
    }));
});

describe('the theme', () => {
  it('goes round by button and key, repaints the charts and is remembered', () =>
    visit({}, async (page) => {
      const theme = () => page.locator('html').getAttribute('data-theme');
      expect(await theme()).toBe('dark');
      const dark = await fingerprint(page, 'anomalies');
      await page.click('[data-testid="theme"]');
      await page.keyboard.press('t');
      await eventually(theme).toBe('light');
      await eventually(() => fingerprint(page, 'anomalies')).not.toBe(dark);
      await page.reload();
      await eventually(theme).toBe('light');
    }));
});

describe('the tooltip', () => {
  it('tells the exact row with its zone, which follows the clock', () =>
    visit({ query: 'symbol=COIN42/USDT&range=1h' }, async (page) => {
      await eventually(() => hover(page, 'funding_rates', 0.9, 0.4)).toMatch(/binance/);
      const text = await hover(page, 'funding_rates', 0.91, 0.4);
      const { rows } = await writer.query<{ at: string }>(
        `select to_char("timestamp" at time zone 'utc', 'FMDD Mon YYYY HH24:MI:SS') as at
           from funding_rates where symbol = 'COIN42/USDT'`,
      );
      expect(text).toContain(rows[0]?.at ?? 'no row');
      expect(text).toMatch(/ UTC\n/);
      expect(text).toContain('0.42%');
      expect(text).toMatch(/next funding time/);
      await page.keyboard.press('Escape');
      await eventually(() => page.locator('[data-testid="tooltip"]').count()).toBe(0);
    }));

  it('shows a late row where it belongs, and one dated in the future not before its time', () =>
    visit({ query: 'symbol=BTC/USDT&range=1h' }, async (page) => {
      const uncounted = async (): Promise<number> =>
        (await rowsOfLastHour(writer, 'funding_rates', 'BTC/USDT')) - Number(await rowsOf(page, 'funding_rates'));
      await eventually(uncounted).toBe(0);
      // A line of its own, so that the pointer finds these rows and no other.
      await insertRate(0.0111, `date_trunc('minute', now()) - interval '30 minutes'`, 'late');
      await insertRate(0.0222, `now() + interval '2 hours'`, 'future');
      // Both came; only the late one lies within the last hour.
      await eventually(uncounted).toBe(0);
      await eventually(() => hover(page, 'funding_rates', 0.5, 0.02)).toMatch(/^(?=[\s\S]*late)(?=[\s\S]*1\.11%)/);
      expect(await page.locator('[data-card="funding_rates"]').innerText()).not.toContain('2.22');
      for (const x of [0.2, 0.5, 0.8, 0.99]) expect(await hover(page, 'funding_rates', x, 0)).not.toContain('2.22%');
      // In a database whose clocks are right the window does not follow a single stray row.
      expect(await page.locator(chart('funding_rates')).getAttribute('data-state')).toBe('live');
    }));
});

describe('performance', () => {
  it('is as stored or summed, and its titles say which', () =>
    visit({}, async (page) => {
      const titles = () => page.locator(`${chart('performance_metrics')} h3`).allInnerTexts();
      await eventually(titles).toEqual(['PnL, USDT', 'Win rate, %', 'Drawdown, USDT']);
      const stored = await fingerprint(page, 'performance_metrics');
      await page.click('[data-variant="running"]');
      await eventually(titles).toEqual(['Cumulative PnL, USDT', 'Win rate, trailing 200 rows, %', 'Drawdown, USDT']);
      await eventually(() => fingerprint(page, 'performance_metrics')).not.toBe(stored);
      await page.click('[data-variant="stored"]');
      await eventually(titles).toContain('PnL, USDT');
    }));
});

describe('what is wrong', () => {
  it('shows on the chart whose stream is stale, and on no other', async () => {
    await writer.query(
      `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, created_at)
         select now() - interval '2 hours' - i * interval '1 minute', 'COIN5/USDT', 'buy', 0.5,
                now() - interval '2 hours' - i * interval '1 minute' from generate_series(1, 100) i`,
    );
    await insertRate(0.0001);
    await visit({ query: 'symbol=COIN5/USDT&range=24h' }, async (page) => {
      const predictions = page.locator(chart('signal_predictions'));
      await eventually(() => predictions.getAttribute('data-state')).toBe('stale');
      expect(await predictions.locator('[role="status"]').innerText()).toMatch(/^STALE 2\sh/);
      expect(await page.locator('[data-testid="banner"]').count()).toBe(0);
      expect(await page.locator(chart('anomalies')).getAttribute('data-state')).toBe('empty');
    });
  });

  it('shows over the whole page when the server is gone, since when, and goes when it is back', async () => {
    const own = await startDashboard(database.url);
    const { page, close } = await openPage(browser);
    let again: Dashboard | undefined;
    try {
      await page.goto(`${own.url}/?symbol=BTC/USDT`);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await own.stop();
      const banner = page.locator('[data-testid="banner"]');
      await eventually(() => banner.count()).toBe(1);
      expect(await banner.innerText()).toMatch(/DISCONNECTED[\s\S]*Last update \d\d:\d\d:\d\d UTC/);
      await eventually(() => page.title()).toMatch(/^DISCONNECTED/);
      for (const stream of STREAMS)
        await eventually(() => page.locator(chart(stream)).getAttribute('data-state')).toBe('stale');
      again = await startDashboard(database.url, { DASHBOARD_PORT: new URL(own.url).port });
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await eventually(() => banner.count()).toBe(0);
    } finally {
      await close();
      await again?.stop();
      await own.stop();
    }
  });

  it('is said in its place when a part that comes later cannot be fetched, and the page goes on', async () => {
    const { page, problems, close } = await openPage(browser);
    try {
      await page.route('**/assets/extras-*.js', (route) => route.abort());
      await page.goto(`${dashboard.url}/?symbol=BTC/USDT`);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await page.keyboard.press('/');
      const notYet = page.locator('[data-testid="symbol-picker"] [data-testid="not-yet"]');
      await eventually(() => notYet.innerText()).toMatch(/did not send this part/);
      await page.unroute('**/assets/extras-*.js');
      // Clicked where it still stands: the page tries again by itself too, and may have been first.
      await eventually(async () => {
        await page.evaluate(() => document.querySelector<HTMLElement>('[data-testid="not-yet"] button')?.click());
        return (await page.locator('.picker-count').allInnerTexts()).join();
      }).toBe(`${SYMBOLS} of ${SYMBOLS}`);
      await page.keyboard.type('coin9/');
      await page.keyboard.press('Enter');
      await eventually(() => inAddress(page, 'symbol')).toBe('COIN9/USDT');
      // The browser itself names the file that did not come; nothing was thrown.
      expect(problems.filter((problem) => !problem.includes('ERR_FAILED'))).toEqual([]);
    } finally {
      await close();
    }
  });

  it('has the page reloaded, once nobody uses it, when such a part stays away', async () => {
    const { page, problems, close } = await openPage(browser);
    try {
      let failures = 0;
      page.on('requestfailed', () => {
        failures += 1;
      });
      await page.route('**/assets/extras-*.js', (route) => route.abort());
      await page.goto(`${dashboard.url}/?symbol=COIN9/USDT&range=6h`);
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      await page.keyboard.press('?');
      await page.locator('[data-testid="keys"] [data-testid="not-yet"] button').click();
      await eventually(() => failures).toBeGreaterThanOrEqual(2);
      await page.unroute('**/assets/extras-*.js');
      // A tab that is hidden is used by nobody.
      await page.evaluate(() => {
        Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
        document.dispatchEvent(new Event('visibilitychange'));
      });
      await page.waitForFunction(() =>
        performance
          .getEntriesByType('navigation')
          .some((entry) => entry instanceof PerformanceNavigationTiming && entry.type === 'reload'),
      );
      await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
      expect(await symbolShown(page)).toBe('COIN9/USDT');
      expect(problems.filter((problem) => !problem.includes('ERR_FAILED'))).toEqual([]);
    } finally {
      await close();
    }
  });
});

describe('the keyboard alone', () => {
  it('reaches and works every control of the head', () =>
    visit({}, async (page) => {
      const focused = () =>
        page.evaluate(() => {
          const { activeElement: element } = document;
          const { dataset } = element instanceof HTMLElement ? element : document.body;
          return dataset.testid ?? dataset.range ?? element?.getAttribute('aria-label') ?? '';
        });
      const reached: string[] = [];
      await page.waitForSelector('[data-testid="theme"]');
      for (let i = 0; i < 13; i += 1) {
        await page.keyboard.press('Tab');
        reached.push(await focused());
      }
      expect(reached).toEqual([
        ...['symbol', '1h', '6h', '24h', '7d', 'custom', 'refresh', 'clock'],
        ...['overview-button', 'alerts-button', 'share', 'theme', 'Keys'],
      ]);

      await page.keyboard.press('Enter');
      const keys = page.locator('[data-testid="keys"]');
      await eventually(() => keys.innerText()).toMatch(/choose a symbol/);
      await page.keyboard.press('Escape');
      await eventually(() => keys.isVisible()).toBe(false);

      await page.focus('[data-testid="refresh"]');
      await page.keyboard.press('Enter');
      await eventually(() => page.evaluate(() => document.activeElement?.getAttribute('data-choice'))).toBe('live');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await eventually(() => page.locator('[data-testid="refresh"]').innerText()).toMatch(/10 s/);
      // The list is gone and gave the focus back.
      expect(await focused()).toBe('refresh');

      await page.focus('[data-range="1h"]');
      await page.keyboard.press('Space');
      await eventually(() => inAddress(page, 'range')).toBe('1h');
    }));
});
