/** Reading charts with mouse and keys: one cursor for all, a row in full, lines that are hidden, one chart on the whole page. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chart,
  clipboard,
  DESK_QUERY,
  eventually,
  inAddress,
  LONG_DOCUMENT,
  openReading,
  plot,
  point,
  type ReadingScene,
  readouts,
  tool,
} from '../support/reading-page.ts';

let scene: ReadingScene;

beforeAll(async () => {
  scene = await openReading();
});

afterAll(() => scene?.close());

const STREAMS = ['funding_rates', 'performance_metrics', 'anomalies', 'signal_predictions', 'system_metrics'];

describe('the cursor', () => {
  it('stands at one time in every chart, with what each line was then', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await point(page, 'funding_rates', 0.8, 0.5);
      await eventually(() => readouts(page, 'system_metrics')).toEqual(['cpu load\n50%\nmemory used\n50%']);
      expect((await readouts(page, 'performance_metrics')).join()).toMatch(/1\d\d[\s\S]*55\.0%/);
      // Who points at a chart has its tooltip, and no list beside it.
      expect(await readouts(page, 'funding_rates')).toEqual([]);
      expect(await chart(page, 'funding_rates').locator('[data-testid="tooltip"]').count()).toBe(1);
      for (const stream of STREAMS.slice(1))
        expect(await chart(page, stream).locator('.reading-line:not([hidden])').count()).toBeGreaterThan(0);
      await page.mouse.move(5, 5);
      for (const stream of STREAMS) await eventually(() => readouts(page, stream)).toEqual([]);
      expect(await page.locator('.reading-line:not([hidden])').count()).toBe(0);
    }));

  it('tells a dash where a line has no row, and the last step at or before the time', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      // Half an hour before the first anomaly there are rates.
      await point(page, 'funding_rates', 0.37, 0.5);
      await eventually(() => readouts(page, 'anomalies')).toEqual(['–']);
      await point(page, 'system_metrics', 0.85, 0.5);
      await eventually(() => readouts(page, 'funding_rates')).toEqual([
        'binance\n+0.0100%\nbybit\n+0.0200%\nokx\n+0.0300%',
      ]);
    }));
});

describe('a row', () => {
  it('is pinned by a click, told in full, copied, and stepped through', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      const at = await point(page, 'performance_metrics', 0.85, 0.5);
      await page.mouse.click(at.x, at.y);
      const pin = tool(page, 'pin');
      await eventually(() => pin.count()).toBe(1);
      const text = await pin.innerText();
      for (const told of [
        /strategy id\s+momentum/,
        /win rate\s+55%/,
        /drawdown\s+2\sUSDT/,
        /execution time\s+0\.125\ss/,
        /trade count\s+7\b/,
        /avg position size\s+1\.5/,
        /max position size\s+2\.5/,
        / UTC/,
      ])
        expect(text).toMatch(told);
      await pin.locator('[data-copy="execution time"]').click();
      await eventually(() => clipboard(page)).toBe('0.125 s');
      expect(await tool(page, 'said').innerText()).toContain('Copied');
      await tool(page, 'copy-row').click();
      await eventually(async () => JSON.parse(await clipboard(page))).toMatchObject({
        symbol: 'BTC/USDT',
        strategy_id: 'momentum',
        win_rate: 0.55,
        trade_count: 7,
        max_position_size: 2.5,
      });
      const pnl = async (): Promise<number> => Number(/pnl\s+(\d+)/.exec(await pin.innerText())?.[1]);
      const before = await pnl();
      await pin.getByRole('button', { name: 'Earlier row' }).click();
      await eventually(pnl).toBe(before + 1);
      // The cursor goes with the pin, in every chart.
      expect((await readouts(page, 'system_metrics')).join()).toContain('50%');
      await page.keyboard.press('Escape');
      await eventually(() => pin.count()).toBe(0);
      await eventually(() => readouts(page, 'system_metrics')).toEqual([]);
    }));

  it('has its own documents, and no other row has', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      const at = await point(page, 'funding_rates', 0.9, 0.02);
      await page.mouse.click(at.x, at.y);
      await tool(page, 'metadata').click();
      const documents = tool(page, 'documents');
      await eventually(() => documents.count()).toBe(1);
      const stored = JSON.parse(await documents.locator('pre').innerText());
      expect(stored.exchange).toBe('okx');
      const id = /id (\d+)/.exec(await documents.innerText())?.[1];
      const { rows } = await scene.writer.query('select metadata, exchange from funding_rates where id = $1', [id]);
      expect(rows[0]).toEqual({ exchange: 'okx', metadata: stored });
    }));

  it('shows as much of a long document as can be read, and where the whole is', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await chart(page, 'anomalies').focus();
      await page.keyboard.press('Enter');
      const pin = tool(page, 'pin');
      await eventually(() => pin.count()).toBe(1);
      const value = async (): Promise<number> =>
        Number(/value\s+([\d,]+)/.exec(await pin.innerText())?.[1]?.replace(',', ''));
      // By key alone: thirty rows back.
      await eventually(async () => {
        const now = await value();
        if (now < 1030) await page.keyboard.press('ArrowLeft');
        return now;
      }).toBe(1030);
      await tool(page, 'metadata').click();
      const documents = tool(page, 'documents');
      await eventually(() => documents.count()).toBe(1);
      expect((await documents.locator('pre').innerText()).length).toBeLessThan(LONG_DOCUMENT / 2);
      expect(await documents.innerText()).toMatch(/The first 20,000 of 60,0\d\d letters\. Open the whole row/);
    }));

  it('whose documents cannot be had says why, and has them when they can be had', async () => {
    await scene.visit('desk', DESK_QUERY, async (page) => {
      // A refusal that is no error of the page's own: the browser says nothing of it.
      const body = JSON.stringify({ rows: [], next_cursor: null });
      await page.route('**/rows?**', (route) => route.fulfill({ contentType: 'application/json', body }));
      await chart(page, 'funding_rates').focus();
      await page.keyboard.press('Enter');
      await tool(page, 'metadata').click();
      await eventually(() => tool(page, 'metadata-failed').innerText()).toMatch(
        /no such row: it was deleted or changed/,
      );
      await page.unroute('**/rows?**');
      await tool(page, 'metadata').click();
      await tool(page, 'metadata').click();
      await eventually(() => tool(page, 'documents').count()).toBe(1);
    });
  });

  it('is not pinned by a drag, which zooms all charts; a double click returns and leaves none', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      const from = await point(page, 'anomalies', 0.6, 0.5);
      await page.mouse.down();
      await page.mouse.move(from.x + 120, from.y, { steps: 4 });
      await page.mouse.up();
      await eventually(() => inAddress(page, 'from').length).toBe(1);
      expect(await tool(page, 'pin').count()).toBe(0);
      await plot(page, 'funding_rates').dblclick();
      await eventually(() => inAddress(page, 'from')).toEqual([]);
      expect(await tool(page, 'pin').count()).toBe(0);
    }));
});

describe('lines', () => {
  const names = (page: Parameters<typeof readouts>[0]) => readouts(page, 'funding_rates');

  it('are hidden, isolated and all shown again, by mouse, and a link keeps it', () =>
    scene.visit('desk', DESK_QUERY, async (page, context) => {
      await tool(page, 'tools-funding_rates').click();
      await page.locator('[data-line="okx"]').click();
      await eventually(() => tool(page, 'hidden-funding_rates').innerText()).toBe('1 hidden');
      await eventually(() => inAddress(page, 'hide')).toEqual(['funding_rates:okx']);
      await page.locator('[data-line="bybit"]').click({ modifiers: ['Shift'] });
      await eventually(() => inAddress(page, 'only')).toEqual(['funding_rates:bybit']);
      expect(await tool(page, 'hidden-funding_rates').innerText()).toBe('2 hidden');
      await page.keyboard.press('Escape');
      await point(page, 'system_metrics', 0.85, 0.5);
      await eventually(() => names(page)).toEqual(['+0.0200%']);
      const second = await context.newPage();
      await second.goto(page.url());
      await eventually(() => tool(second, 'hidden-funding_rates').innerText()).toBe('2 hidden');
      await second.close();
      await tool(page, 'hidden-funding_rates').click();
      await tool(page, 'lines-all').click();
      await eventually(() => inAddress(page, 'only')).toEqual([]);
      await eventually(() => tool(page, 'hidden-funding_rates').count()).toBe(0);
    }));

  it('are hidden and isolated by key', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await tool(page, 'tools-funding_rates').focus();
      await page.keyboard.press('Enter');
      await eventually(() =>
        page.locator('[data-line="binance"]').evaluate((one) => one === document.activeElement),
      ).toBe(true);
      await page.keyboard.press('Space');
      await eventually(() => inAddress(page, 'hide')).toEqual(['funding_rates:binance']);
      // The page did not take the space for its own.
      expect(await tool(page, 'refresh').innerText()).toContain('Live');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await eventually(() => inAddress(page, 'only')).toEqual(['funding_rates:binance']);
      await page.keyboard.press('Escape');
      expect(await tool(page, 'tools-funding_rates').evaluate((one) => one === document.activeElement)).toBe(true);
    }));

  it('of which none is left say how to have them back', () =>
    scene.visit('desk', `${DESK_QUERY}&hide=funding_rates:okx,bybit,binance`, async (page) => {
      const message = chart(page, 'funding_rates').locator('[data-testid="message"]');
      await eventually(() => message.innerText()).toMatch(/All lines of this chart are hidden/);
      await tool(page, 'hidden-funding_rates').click();
      await tool(page, 'lines-all').click();
      await eventually(() => message.count()).toBe(0);
    }));
});

describe('one chart', () => {
  it('fills the page by its key, and gives it back by Esc; a link opens it so', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      const width = async (stream: string) => (await chart(page, stream).boundingBox())?.width ?? 0;
      const before = await width('funding_rates');
      await chart(page, 'funding_rates').focus();
      await page.keyboard.press('f');
      await eventually(() => width('funding_rates')).toBeGreaterThan(1.4 * before);
      expect(await chart(page, 'anomalies').isVisible()).toBe(false);
      // Whether it can be trusted stays in sight.
      expect(await tool(page, 'connection').isVisible()).toBe(true);
      await eventually(() => inAddress(page, 'full')).toEqual(['funding_rates']);
      await page.reload();
      await eventually(() => width('funding_rates')).toBeGreaterThan(1.4 * before);
      await page.keyboard.press('Escape');
      await eventually(() => chart(page, 'anomalies').isVisible()).toBe(true);
      await eventually(() => width('funding_rates')).toBe(before);
      await eventually(() => inAddress(page, 'full')).toEqual([]);
      // The chart that is pointed at, where none has the focus.
      await plot(page, 'anomalies').click();
      await page.keyboard.press('f');
      await eventually(() => width('anomalies')).toBeGreaterThan(before);
    }));

  it('is told in words, and stands as a table that can be paged by key', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      const described = await chart(page, 'funding_rates').getAttribute('aria-describedby');
      await eventually(() => page.locator(`#${described}`).textContent()).toMatch(
        /^Funding rate of BTC\/USDT.*okx: \+0\.0300% at \d\d:\d\d:\d\d UTC, between \+0\.0300% and \+0\.0300%, \d+ rows\./,
      );
      await tool(page, 'tools-funding_rates').click();
      await tool(page, 'table-toggle').click();
      const table = tool(page, 'table');
      await eventually(() => table.locator('tbody tr').count()).toBe(100);
      expect(await table.locator('thead th').allInnerTexts()).toEqual(
        expect.arrayContaining(['time', 'exchange', 'funding rate', 'estimated rate', 'next funding time']),
      );
      const first = async () => await table.locator('tbody tr').first().innerText();
      const newest = await first();
      await table.getByRole('button', { name: 'Older' }).focus();
      await page.keyboard.press('Enter');
      await eventually(() => table.locator('.table-note').innerText()).toMatch(/^101 to 200 of /);
      expect(await first()).not.toBe(newest);
      await page.keyboard.press('Escape');
      await eventually(() => table.count()).toBe(0);
    }));
});
