/** Beyond one chart: the list of anomalies, symbols beside each other, what is taken along, and all of it by finger. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chart,
  clipboard,
  DESK_QUERY,
  eventually,
  inAddress,
  openReading,
  plot,
  type ReadingScene,
  readouts,
  tool,
} from '../support/reading-page.ts';

let scene: ReadingScene;

beforeAll(async () => {
  scene = await openReading();
});

afterAll(() => scene?.close());

const panel = (page: Page) => tool(page, 'anomalies-panel');
const count = async (page: Page): Promise<number> => Number(await panel(page).getAttribute('data-count'));

describe('the list of anomalies', () => {
  it('is live, of this symbol alone, goes back as far as there are any, and jumps', () =>
    scene.visit('desk', `${DESK_QUERY}&compare=ETH/USDT`, async (page) => {
      await page.keyboard.press('a');
      await eventually(() => count(page)).toBe(11);
      await scene.writer.query(
        `insert into anomalies ("timestamp", symbol, data_type, value, z_score, threshold) values
           (now(), 'BTC/USDT', 'spread', 77, -8.5, 3), (now(), 'ETH/USDT', 'spread', 77, 9, 3)`,
      );
      await eventually(() => count(page)).toBe(12);
      const entries = panel(page).locator('.entry');
      expect(await entries.first().innerText()).toMatch(/spread[\s\S]*−8\.5σ[\s\S]*77[\s\S]*threshold 3/);
      expect(await panel(page).innerText()).not.toContain('+9.0σ');
      await tool(page, 'anomalies-all').click();
      await eventually(() => count(page)).toBe(102);
      await panel(page).getByRole('button', { name: 'Above threshold' }).click();
      await tool(page, 'anomalies-older').click();
      await eventually(() => count(page)).toBe(15);
      await eventually(() => panel(page).innerText()).toContain('No older ones');
      await entries.last().click();
      await eventually(() => inAddress(page, 'from').length).toBe(1);
      const time = Number(await entries.last().getAttribute('data-time'));
      expect(Date.parse(inAddress(page, 'from')[0] ?? '')).toBeLessThan(time);
      expect(Date.parse(inAddress(page, 'to')[0] ?? '')).toBeGreaterThan(time);
      await eventually(() => page.locator('.reading-mark:not([hidden])').count()).toBeGreaterThan(4);
      expect(await entries.last().getAttribute('aria-pressed')).toBe('true');
      // Esc closes the list, then takes the mark away, then leaves the stretch.
      await page.keyboard.press('Escape');
      await eventually(() => panel(page).count()).toBe(0);
      expect(await page.locator('.reading-mark:not([hidden])').count()).toBeGreaterThan(0);
      await page.keyboard.press('Escape');
      await eventually(() => page.locator('.reading-mark:not([hidden])').count()).toBe(0);
      expect(inAddress(page, 'from').length).toBe(1);
      await page.keyboard.press('Escape');
      await eventually(() => inAddress(page, 'from')).toEqual([]);
    }));

  it('is gone through by key', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await page.keyboard.press('a');
      await eventually(() => count(page)).toBeGreaterThan(10);
      const entries = panel(page).locator('.entry');
      await entries.first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      expect(await entries.nth(2).evaluate((one) => one === document.activeElement)).toBe(true);
      await page.keyboard.press('Enter');
      await eventually(() => entries.nth(2).getAttribute('aria-pressed')).toBe('true');
    }));
});

describe('comparing', () => {
  it('is chosen by key, names every line by its symbol, and is in the address', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await page.keyboard.press('c');
      const dialog = tool(page, 'compare');
      await eventually(() => dialog.locator('label').count()).toBeGreaterThan(0);
      await page.keyboard.type('ethusdt');
      await page.keyboard.press('Enter');
      await eventually(() => inAddress(page, 'compare')).toEqual(['ETH/USDT']);
      await page.keyboard.press('Escape');
      await eventually(() => dialog.count()).toBe(0);
      await tool(page, 'tools-funding_rates').click();
      await eventually(() =>
        page.locator('[data-line]').evaluateAll((all) => all.map((one) => one.getAttribute('data-line'))),
      ).toEqual(['BTC/USDT binance', 'BTC/USDT bybit', 'BTC/USDT okx', 'ETH/USDT binance', 'ETH/USDT bybit']);
      await page.keyboard.press('Escape');
      await page.locator('.header [data-chip="ETH/USDT"]').click();
      await eventually(() => inAddress(page, 'compare')).toEqual([]);
    }));
});

/** The text of a file that the page saves. */
async function saved(page: Page, act: () => Promise<void>): Promise<{ name: string; content: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

describe('taken along', () => {
  it('is CSV of what is shown, row for row', () =>
    scene.visit('desk', `${DESK_QUERY}&only=funding_rates:okx`, async (page) => {
      await eventually(() => tool(page, 'hidden-funding_rates').innerText()).toBe('2 hidden');
      const { rows } = await scene.writer.query<{ line: string }>(
        `select to_char("timestamp" at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ',BTC/USDT,okx,0.0003,0.00025,' as line
           from funding_rates where symbol = 'BTC/USDT' and exchange = 'okx' order by "timestamp"`,
      );
      let lines: readonly string[] = [];
      // Until history has come for the chart's own width, it shows less than the range.
      await eventually(async () => {
        await tool(page, 'tools-funding_rates').click();
        const { name, content } = await saved(page, () => tool(page, 'save-csv').click());
        expect(name).toMatch(/^funding_rates_BTC-USDT_\d{8}T\d{6}Z_\d{8}T\d{6}Z\.csv$/);
        const [head, ...body] = content.toString().trimEnd().split('\r\n');
        expect(head).toMatch(/^timestamp,symbol,exchange,funding_rate,estimated_rate,next_funding_time/);
        lines = body;
        return body.length;
      }).toBe(rows.length);
      for (const [place, { line }] of rows.entries()) expect(lines[place]?.startsWith(line)).toBe(true);
    }));

  it('is a picture as large as the screen shows it, on the theme’s ground', () =>
    scene.visit('desk', DESK_QUERY, async (page) => {
      await tool(page, 'tools-performance_metrics').click();
      const { name, content } = await saved(page, () => tool(page, 'save-png').click());
      expect(name).toMatch(/^performance_metrics_BTC-USDT_.*\.png$/);
      const painted = await page.evaluate(async (base64) => {
        const image = new Image();
        image.src = `data:image/png;base64,${base64}`;
        await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.width;
        canvas.height = image.height;
        const ctx = canvas.getContext('2d', { willReadFrequently: true });
        ctx?.drawImage(image, 0, 0);
        const ink = (top: number, height: number): number => {
          const data = ctx?.getImageData(0, top, image.width, height).data ?? [];
          let other = 0;
          for (let i = 0; i < data.length; i += 4) if (data[i] !== data[0] || data[i + 1] !== data[1]) other += 1;
          return other;
        };
        const corner = [...(ctx?.getImageData(0, 0, 1, 1).data ?? [])];
        return { width: image.width, height: image.height, corner, head: ink(0, 60), rest: ink(60, image.height - 60) };
      }, content.toString('base64'));
      expect(painted.corner).toEqual([0x13, 0x19, 0x1f, 255]);
      const box = await chart(page, 'performance_metrics').locator('.panes').boundingBox();
      expect(painted.width).toBeGreaterThanOrEqual(Math.floor(box?.width ?? 0));
      expect(painted.height).toBeGreaterThan(box?.height ?? 0);
      expect(painted.head).toBeGreaterThan(300);
      expect(painted.rest).toBeGreaterThan(1000);
    }));

  it('is a link that shows the same to whoever opens it', () =>
    scene.visit('desk', 'symbol=BTC/USDT&range=6h&only=funding_rates:okx&compare=ETH/USDT', async (page, context) => {
      await page.click('[data-variant="running"]');
      await chart(page, 'funding_rates').focus();
      await page.keyboard.press('f');
      await tool(page, 'share').click();
      await eventually(() => tool(page, 'said').innerText()).toBe('Copied a link to this view');
      const link = await clipboard(page);
      const parameters = new URL(link).searchParams;
      expect(Object.fromEntries(parameters)).toEqual({
        symbol: 'BTC/USDT',
        range: '6h',
        compare: 'ETH/USDT',
        only: 'funding_rates:okx',
        variant: 'performance_metrics:running',
        full: 'funding_rates',
        theme: 'system',
        zone: 'utc',
      });
      const second = await context.newPage();
      await second.goto(link);
      await second.waitForSelector('[data-full-chart="funding_rates"]', { state: 'attached' });
      await eventually(() => second.locator('[data-variant="running"]').getAttribute('aria-pressed')).toBe('true');
      await second.close();
    }));
});

describe('by finger', () => {
  const PHONE = 'symbol=BTC/USDT&range=6h';

  it('a tap shows a row and its time in every chart, and a tap elsewhere puts both away', () =>
    scene.visit('phone', PHONE, async (page) => {
      const box = await plot(page, 'funding_rates').boundingBox();
      await plot(page, 'funding_rates').tap({ position: { x: (box?.width ?? 0) * 0.9, y: 30 } });
      await eventually(() => tool(page, 'pin').count()).toBe(1);
      await eventually(() => readouts(page, 'system_metrics')).toHaveLength(1);
      await tool(page, 'copy-value').tap();
      await eventually(() => clipboard(page)).toMatch(/^0\.000[123]$/);
      await tool(page, 'metadata').tap();
      await eventually(() => tool(page, 'documents').count()).toBe(1);
      await page.locator('[data-card="system_metrics"]').scrollIntoViewIfNeeded();
      await page.touchscreen.tap(5, 840);
      await eventually(() => tool(page, 'pin').count()).toBe(0);
      await eventually(() => readouts(page, 'system_metrics')).toEqual([]);
    }));

  it('lines are hidden, a chart fills the page, its table opens, and every target is large enough', () =>
    scene.visit('phone', PHONE, async (page) => {
      await tool(page, 'tools-funding_rates').tap();
      const targets = chart(page, 'funding_rates').locator('.chart-tools button, .chart-tools a');
      for (const target of await targets.all()) {
        const box = await target.boundingBox();
        expect([await target.innerText(), Math.min(box?.width ?? 0, box?.height ?? 0) >= 44]).toEqual([
          expect.anything(),
          true,
        ]);
      }
      await page.locator('[data-only="okx"]').tap();
      await eventually(() => tool(page, 'hidden-funding_rates').innerText()).toBe('2 hidden');
      await tool(page, 'table-toggle').tap();
      await eventually(() => tool(page, 'table').locator('tbody tr').count()).toBe(100);
      await tool(page, 'table-close').tap();
      await tool(page, 'full-funding_rates').tap();
      await eventually(() => chart(page, 'anomalies').isVisible()).toBe(false);
      await tool(page, 'full-funding_rates').tap();
      await eventually(() => chart(page, 'anomalies').isVisible()).toBe(true);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    }));

  it('the list of anomalies jumps and closes', () =>
    scene.visit('phone', PHONE, async (page) => {
      await tool(page, 'anomalies-list').tap();
      await eventually(() => count(page)).toBeGreaterThan(10);
      await panel(page).locator('.entry').nth(3).tap();
      await eventually(() => inAddress(page, 'from').length).toBe(1);
      await page.getByRole('button', { name: 'Close the list of anomalies' }).tap();
      await eventually(() => panel(page).count()).toBe(0);
    }));
});
