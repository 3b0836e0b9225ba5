/**
 * When a row is on the screen: a probe in the page that notes, for every frame in which a chart was painted, the newest row
 * of each line that was painted, and the frame after it, at which the browser has the picture. Nothing of the product helps.
 */
import type { Page } from 'playwright-core';
import { z } from 'zod';

/** A line was painted up to a row; times in ms of the page's own `performance.now()`. */
const paint = z.object({
  stream: z.string(),
  name: z.string(),
  /** The newest row's time, epoch ms. */
  newest: z.number(),
  /** When the frame after the one that drew it began. */
  painted: z.number(),
});
export type Paint = z.infer<typeof paint>;

/** Puts the probe into a page before it loads. */
export async function installProbe(page: Page): Promise<void> {
  await page.addInitScript({ content: 'globalThis.__name = (named) => named;' });
  await page.addInitScript(probe);
}

/** What was painted since it was asked last. */
export async function takePaints(page: Page): Promise<readonly Paint[]> {
  return z.array(paint).parse(
    await page.evaluate(() => {
      const taken: unknown = Reflect.get(window, 'benchPaints');
      return Array.isArray(taken) ? taken.splice(0) : [];
    }),
  );
}

/**
 * The page's `performance.now()` less this process's, in ms, as the quickest of some questions tells: right to half of
 * what that one took.
 */
export async function clockOffset(page: Page): Promise<{ offset: number; within: number }> {
  let best = { offset: 0, within: Number.POSITIVE_INFINITY };
  for (let turn = 0; turn < 60; turn += 1) {
    const before = performance.now();
    const theirs = await page.evaluate(() => performance.now());
    const took = performance.now() - before;
    if (took / 2 < best.within) best = { offset: theirs - (before + took / 2), within: took / 2 };
  }
  return best;
}

/** Begins to look at one plot's picture beside its line, where its newest value is written, every frame. */
export async function watchLabel(page: Page, pane: string): Promise<void> {
  await page.evaluate((id) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`[data-pane="${id}"] canvas`);
    const over = document.querySelector<HTMLElement>(`[data-pane="${id}"] .u-over`);
    const context = canvas?.getContext('2d');
    if (!canvas || !over || !context) throw new Error(`there is no plot ${id}`);
    const left = Math.ceil((over.offsetLeft + over.offsetWidth) * devicePixelRatio);
    let before = '';
    const look = (now: number): void => {
      const { data } = context.getImageData(left, 0, canvas.width - left, canvas.height);
      let sum = 0;
      for (let i = 0; i < data.length; i += 1) sum = (sum * 31 + (data[i] ?? 0)) % 1_000_000_007;
      const seen = `${canvas.width} ${sum}`;
      if (seen !== before) Reflect.set(window, 'benchLabel', { seen, at: Math.max(now, performance.now()) });
      before = seen;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, pane);
}

const label = z.object({ seen: z.string(), at: z.number() });

/** Waits until the picture of the label is another one than `before`; null: answers what it is now. */
export async function labelAfter(page: Page, before: string | null): Promise<z.infer<typeof label>> {
  const handle = await page.waitForFunction(
    (last) => {
      const now: unknown = Reflect.get(window, 'benchLabel');
      const isObject = typeof now === 'object' && now !== null;
      return isObject && Reflect.get(now, 'seen') !== last ? now : null;
    },
    before,
    { timeout: 30_000 },
  );
  return label.parse(await handle.jsonValue());
}

/** Runs in the page. */
function probe(): void {
  interface Store {
    stream(name: string): {
      peek(): { channels: { key: string; lines: { name: string | null; times: Float64Array }[] }[] };
    };
  }
  const paints: { stream: string; name: string; newest: number; painted: number }[] = [];
  Reflect.set(window, 'benchPaints', paints);
  let store: Store | null = null;
  const isStore = (value: object): value is Store =>
    ['stream', 'counts', 'setChartWidth'].every((name) => typeof Reflect.get(value, name) === 'function');
  const find = (): Store | null => {
    const root = document.getElementById('root');
    const seen = new Set<unknown>();
    const queue: unknown[] = Object.keys(root ?? {}).map((name) => Reflect.get(root ?? {}, name));
    for (const value of queue) {
      if (typeof value !== 'object' || value === null || value instanceof Node || seen.has(value)) continue;
      seen.add(value);
      if (isStore(value)) return value;
      queue.push(...Object.values(value));
    }
    return null;
  };
  const before = new Map<string, number>();
  /** What was drawn in the present frame. */
  let drawn: { stream: string; name: string; newest: number }[] = [];
  const streams = new Set<string>();
  const afterFrame = (now: number): void => {
    const painted = Math.max(now, performance.now());
    for (const each of drawn) paints.push({ ...each, painted });
    drawn = [];
    streams.clear();
  };
  // A plot begins its picture by clearing its canvas; what it draws is what the store shows in this very task.
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (x, y, width, height) {
    clear.call(this, x, y, width, height);
    const element = this.canvas instanceof HTMLElement ? this.canvas.closest<HTMLElement>('[data-stream]') : null;
    const stream = element?.dataset.stream;
    if (stream === undefined || streams.has(stream)) return;
    if (streams.size === 0) requestAnimationFrame(afterFrame);
    streams.add(stream);
    store ??= find();
    for (const { key, lines } of store?.stream(stream).peek().channels ?? []) {
      for (const { name, times } of lines) {
        const line = name ?? key;
        const newest = times[times.length - 1] ?? Number.NaN;
        const last = before.get(`${stream} ${line}`) ?? Number.NEGATIVE_INFINITY;
        if (!(newest > last)) continue;
        before.set(`${stream} ${line}`, newest);
        drawn.push({ stream, name: line, newest });
      }
    }
  };
}
