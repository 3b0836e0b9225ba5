/** The page on screens of all sizes and in both themes: opens them, takes their pictures, and tells what moved or spoke up. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { packageRoot } from '../../server/root.ts';

/** Screens that the page is made for: wall, laptop, tablet, phone, and the narrowest that there is. */
export const SCREENS = [
  { name: '1920x1080', viewport: { width: 1920, height: 1080 }, isTouched: false },
  { name: '1440x900', viewport: { width: 1440, height: 900 }, isTouched: false },
  { name: '820x1180', viewport: { width: 820, height: 1180 }, isTouched: true },
  { name: '390x844', viewport: { width: 390, height: 844 }, isTouched: true },
  { name: '320x700', viewport: { width: 320, height: 700 }, isTouched: true },
] as const;

export type ScreenSize = (typeof SCREENS)[number];

export const THEMES = ['dark', 'light'] as const;
export type Theme = (typeof THEMES)[number];

/** A page on a screen. */
export interface Screen {
  readonly size: ScreenSize;
  readonly page: Page;
  /** Errors and warnings of the console and uncaught exceptions so far, in order. */
  readonly problems: readonly string[];
  /** The system's theme, which the page follows by itself. */
  setTheme(theme: Theme): Promise<void>;
  /** Keeps a picture as build output: `test-output/screenshots/<folder>/<name>-<size>-<theme>.png`. */
  picture(folder: string, name: string, theme: Theme): Promise<void>;
  close(): Promise<void>;
}

/** Opens an empty page on a screen, with storage of its own. */
export async function openScreen(browser: Browser, size: ScreenSize): Promise<Screen> {
  const context = await browser.newContext({
    locale: 'en-US',
    // No zone in which local time could be taken for UTC.
    timezoneId: 'Asia/Tokyo',
    viewport: size.viewport,
    hasTouch: size.isTouched,
    isMobile: size.isTouched,
    colorScheme: 'dark',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    // Tests read pictures, which the page itself never does.
    if (message.text().includes('willReadFrequently')) return;
    if (['error', 'warning'].includes(message.type()))
      problems.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack ?? error.message}`));
  await page.addInitScript(watchShifts);
  return {
    size,
    page,
    problems,
    setTheme: async (theme) => {
      await page.emulateMedia({ colorScheme: theme });
      await page.waitForSelector(`html[data-theme="${theme}"]`, { state: 'attached' });
      await frames(page);
    },
    picture: async (folder, name, theme) => {
      const to = join(packageRoot(), 'test-output', 'screenshots', folder);
      mkdirSync(to, { recursive: true });
      await page.screenshot({ path: join(to, `${name}-${size.name}-${theme}.png`), animations: 'disabled' });
    },
    close: () => context.close(),
  };
}

/** Waits for two frames: what was asked to be drawn is on the screen then. */
export async function frames(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
}

/** Pixels by which the page is wider than its screen. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Notes what the browser itself calls a layout shift, with the elements that moved. Runs in the page. */
function watchShifts(): void {
  const shifts: { value: number; moved: string[] }[] = [];
  Reflect.set(window, 'testShifts', shifts);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const value: unknown = Reflect.get(entry, 'value');
      const sources: unknown = Reflect.get(entry, 'sources');
      const moved = (Array.isArray(sources) ? sources : []).map((source: object) => {
        const node: unknown = Reflect.get(source, 'node');
        return node instanceof Element ? `${node.tagName}.${node.className}` : String(node);
      });
      shifts.push({ value: Number(value), moved });
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/** Layout shifts since the page was loaded: how far in all, and what moved. */
export async function shiftsOf(page: Page): Promise<{ sum: number; moved: readonly string[] }> {
  return await page.evaluate(() => {
    const shifts: unknown = Reflect.get(window, 'testShifts');
    let sum = 0;
    const moved: string[] = [];
    for (const shift of Array.isArray(shifts) ? shifts : []) {
      sum += Number(Reflect.get(shift, 'value'));
      moved.push(...Reflect.get(shift, 'moved'));
    }
    return { sum, moved: [...new Set(moved)] };
  });
}

/** Where the head, each card, each panel, its head and its plots lie, in whole CSS pixels of the document, by a name. */
export function boxes(page: Page): Promise<Readonly<Record<string, string>>> {
  return page.evaluate(() => {
    const found: Record<string, string> = {};
    const note = (name: string, element: Element | null): void => {
      if (element === null) return;
      const { left, top, width, height } = element.getBoundingClientRect();
      found[name] = [left + scrollX, top + scrollY, width, height].map(Math.round).join(' ');
    };
    for (const part of ['.header', '.cards', '.charts', '.footer']) note(part, document.querySelector(part));
    for (const card of document.querySelectorAll<HTMLElement>('[data-card]')) note(`card ${card.dataset.card}`, card);
    for (const panel of document.querySelectorAll<HTMLElement>('[data-stream]')) {
      note(`panel ${panel.dataset.stream}`, panel);
      note(`panel ${panel.dataset.stream}, panes`, panel.querySelector('.panes'));
    }
    return found;
  });
}
