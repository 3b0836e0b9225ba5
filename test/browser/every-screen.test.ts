/** What one does with charts, on every screen that the page is made for: by mouse where there is one, else by finger; pictured in both themes. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chart,
  eventually,
  inAddress,
  openReading,
  plot,
  type ReadingScene,
  readouts,
  tool,
} from '../support/reading-page.ts';
import { openScreen, overflow, SCREENS, type Screen, THEMES } from '../support/screens.ts';

let scene: ReadingScene;

beforeAll(async () => {
  scene = await openReading();
});

afterAll(() => scene?.close());

/** Something that a visitor does, what must come of it, and how it is undone. */
interface Interaction {
  readonly name: string;
  act(screen: Screen): Promise<void>;
  undo(screen: Screen): Promise<void>;
}

/** A click, or a tap where there is no mouse. */
async function press({ size }: Screen, target: Locator, position?: { x: number; y: number }): Promise<void> {
  const options = position === undefined ? {} : { position };
  await (size.isTouched ? target.tap(options) : target.click(options));
}

async function placeOf(
  page: Page,
  stream: string,
  x: number,
): Promise<{ x: number; y: number; left: number; top: number }> {
  await plot(page, stream).scrollIntoViewIfNeeded();
  const box = await plot(page, stream).boundingBox();
  if (box === null) throw new Error(`the chart of ${stream} has no plot`);
  return { x: box.width * x, y: box.height / 2, left: box.x, top: box.y };
}

/** Two fingers that move apart over a chart, as the screen tells the browser of them. */
async function spread(page: Page): Promise<void> {
  const { x, y, left, top } = await placeOf(page, 'funding_rates', 0.5);
  const session = await page.context().newCDPSession(page);
  const fingers = (apart: number) => [-apart, apart].map((offset, id) => ({ x: left + x + offset, y: top + y, id }));
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: fingers(15) });
  for (const apart of [25, 40, 60]) {
    await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: fingers(apart) });
  }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await session.detach();
}

/** A drag over a chart from one share of its width to another. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  const start = await placeOf(page, 'funding_rates', from);
  const end = await placeOf(page, 'funding_rates', to);
  await page.mouse.move(start.left + start.x, start.top + start.y);
  await page.mouse.down();
  await page.mouse.move(end.left + end.x, end.top + end.y, { steps: 4 });
  await page.mouse.up();
}

/** The names and values that stand in every chart but the one that is pointed at. */
async function othersRead(page: Page): Promise<void> {
  for (const stream of ['performance_metrics', 'anomalies', 'signal_predictions', 'system_metrics'])
    await eventually(async () => (await readouts(page, stream)).length).toBeGreaterThan(0);
}

/** Buttons of the zoom's bar that something else lies upon, but for the list of anomalies where that is all there is. */
function covered(page: Page): Promise<string[]> {
  return page.locator('[data-testid="zoom"] button').evaluateAll((buttons) =>
    buttons.flatMap((button) => {
      const { left, top, width, height } = button.getBoundingClientRect();
      const above = document.elementFromPoint(left + width / 2, top + height / 2);
      const list = above?.closest('[data-testid="anomalies-panel"]');
      const isAll = list !== null && list !== undefined && list.clientWidth >= innerWidth - 1;
      return above === button || button.contains(above) || isAll ? [] : [button.textContent ?? ''];
    }),
  );
}

const INTERACTIONS: readonly Interaction[] = [
  {
    name: 'a row pinned, its time in every chart',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, plot(page, 'funding_rates'), await placeOf(page, 'funding_rates', 0.8));
      await eventually(() => tool(page, 'pin').count()).toBe(1);
      const text = await tool(page, 'pin').innerText();
      for (const told of [/funding rate\s+[+−]?0\.0[123]/, /estimated rate/, /next funding time/, / UTC/])
        expect(text).toMatch(told);
      await othersRead(page);
    },
    undo: async ({ page }) => {
      await page.keyboard.press('Escape');
      await eventually(() => tool(page, 'pin').count()).toBe(0);
    },
  },
  {
    name: 'a stretch',
    act: async ({ page, size }) => {
      await (size.isTouched ? spread(page) : drag(page, 0.4, 0.6));
      await eventually(() => inAddress(page, 'from').length).toBe(1);
      await eventually(() => tool(page, 'zoom').getAttribute('data-detail')).toBe('loaded');
      // Fingers that zoomed do not point.
      if (size.isTouched) expect(await tool(page, 'tooltip').count()).toBe(0);
    },
    undo: async (screen) => {
      const { page, size } = screen;
      if (size.isTouched) await tool(page, 'zoom').getByRole('button', { name: 'Back to 6h' }).tap();
      else await plot(page, 'anomalies').dblclick();
      await eventually(() => inAddress(page, 'from')).toEqual([]);
    },
  },
  {
    name: 'one line',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'tools-funding_rates'));
      await press(screen, page.locator('[data-only="okx"]'));
      await eventually(() => tool(page, 'hidden-funding_rates').innerText()).toBe('2 hidden');
      await page.keyboard.press('Escape');
    },
    undo: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'hidden-funding_rates'));
      await press(screen, tool(page, 'lines-all'));
      await eventually(() => tool(page, 'hidden-funding_rates').count()).toBe(0);
    },
  },
  {
    name: 'one chart',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'full-anomalies'));
      await eventually(() => chart(page, 'funding_rates').isVisible()).toBe(false);
      expect(await chart(page, 'anomalies').isVisible()).toBe(true);
    },
    undo: async (screen) => {
      await press(screen, tool(screen.page, 'full-anomalies'));
      await eventually(() => chart(screen.page, 'funding_rates').isVisible()).toBe(true);
    },
  },
  {
    name: 'a table',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'tools-funding_rates'));
      await press(screen, tool(page, 'table-toggle'));
      await eventually(() => tool(page, 'table').locator('tbody tr').count()).toBe(100);
    },
    undo: async (screen) => {
      await press(screen, tool(screen.page, 'table-close'));
      await eventually(() => tool(screen.page, 'table').count()).toBe(0);
    },
  },
  {
    name: 'an anomaly',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'anomalies-list'));
      const entries = tool(page, 'anomalies-panel').locator('.entry');
      await eventually(() => entries.count()).toBeGreaterThan(5);
      await press(screen, entries.nth(2));
      await eventually(() => inAddress(page, 'from').length).toBe(1);
      await eventually(() => entries.nth(2).getAttribute('aria-pressed')).toBe('true');
      await eventually(async () => (await covered(page)).join()).toBe('');
    },
    undo: async (screen) => {
      const { page } = screen;
      await press(screen, page.getByRole('button', { name: 'Close the list of anomalies' }));
      await eventually(() => tool(page, 'anomalies-panel').count()).toBe(0);
      for (let presses = 0; presses < 3 && inAddress(page, 'from').length > 0; presses += 1)
        await page.keyboard.press('Escape');
      await eventually(() => inAddress(page, 'from')).toEqual([]);
    },
  },
  {
    name: 'two symbols',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'tools-funding_rates'));
      await press(screen, tool(page, 'compare-open'));
      await press(screen, tool(page, 'compare').locator('label', { hasText: 'ETH/USDT' }));
      await eventually(() => inAddress(page, 'compare')).toEqual(['ETH/USDT']);
      await page.keyboard.press('Escape');
      await eventually(() => tool(page, 'compare').count()).toBe(0);
    },
    undo: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'tools-funding_rates'));
      await press(screen, tool(page, 'compare-open'));
      await press(screen, tool(page, 'compare').locator('label', { hasText: 'ETH/USDT' }));
      await eventually(() => inAddress(page, 'compare')).toEqual([]);
      await page.keyboard.press('Escape');
    },
  },
  {
    name: 'another symbol',
    act: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'symbol'));
      await eventually(() => tool(page, 'symbol-picker').locator('[role="option"]').count()).toBe(2);
      await press(screen, tool(page, 'symbol-picker').locator('[role="option"]', { hasText: 'ETH/USDT' }));
      await eventually(() => inAddress(page, 'symbol')).toEqual(['ETH/USDT']);
      // Nobody writes meanwhile, so that its rows may be too old to be live.
      await page.waitForSelector('[data-stream="funding_rates"]:is([data-state="live"], [data-state="stale"])');
    },
    undo: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'symbol'));
      await press(screen, tool(page, 'symbol-picker').locator('[role="option"]', { hasText: 'BTC/USDT' }));
      await eventually(() => inAddress(page, 'symbol')).toEqual(['BTC/USDT']);
    },
  },
  {
    name: 'a pause',
    act: async (screen) => {
      const { page } = screen;
      const height = async (): Promise<number> => (await page.locator('.header').boundingBox())?.height ?? 0;
      const before = await height();
      await press(screen, tool(page, 'refresh'));
      await press(screen, page.locator('.menu-list').getByText('Paused', { exact: false }));
      await eventually(() => tool(page, 'refresh').innerText()).toMatch(/Paused/);
      expect(await height()).toBe(before);
    },
    undo: async (screen) => {
      const { page } = screen;
      await press(screen, tool(page, 'refresh'));
      await press(screen, page.locator('.menu-list').getByText('Live', { exact: false }).first());
      await eventually(() => tool(page, 'refresh').innerText()).toMatch(/Live/);
    },
  },
  {
    name: 'local time',
    act: async (screen) => {
      await press(screen, tool(screen.page, 'clock'));
      await eventually(() => tool(screen.page, 'clock').innerText()).not.toMatch(/UTC$/);
    },
    undo: async (screen) => {
      await press(screen, tool(screen.page, 'clock'));
      await eventually(() => tool(screen.page, 'clock').innerText()).toMatch(/UTC$/);
    },
  },
];

describe('what one does with charts', { timeout: 180_000 }, () => {
  for (const size of SCREENS.filter(({ name }) => name !== '320x700')) {
    it(`works and fits at ${size.name}, in both themes`, async () => {
      const screen = await openScreen(scene.browser, size);
      const { page } = screen;
      try {
        await page.goto(`${scene.dashboard.url}/?symbol=BTC/USDT&range=6h`);
        await page.waitForSelector('html[data-feed="live"]', { state: 'attached' });
        // What listens to gestures comes after the first view, with what lets charts have the focus.
        await page.waitForSelector('[data-stream="system_metrics"][tabindex="0"]');
        for (const { name, act, undo } of INTERACTIONS) {
          await act(screen);
          for (const theme of THEMES) {
            await screen.setTheme(theme);
            await screen.picture('interactions', name.replaceAll(/\W+/g, '-'), theme);
          }
          expect(await overflow(page), name).toBe(0);
          await undo(screen);
        }
        expect(screen.problems).toEqual([]);
      } finally {
        await screen.close();
      }
    });
  }
});
