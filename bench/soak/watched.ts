/** A page that is soaked: when its feed said what, whether it shows what the database holds, and what it weighs. */
import { setTimeout as pass } from 'node:timers/promises';
import type pg from 'pg';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { z } from 'zod';
import { USUAL_THRESHOLD } from '../../shared/reduce.ts';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { openPage } from '../../test/support/browser.ts';
import { type Weight, weigh } from '../history/page-life.ts';
import { compiledCode } from '../support/compiled-code.ts';
import { truthOf } from './load.ts';

const POLL_MS = 20;
/** Times that a page is weighed, and the pause between two of them. */
const WEIGHINGS = 3;
const WEIGHING_MS = 700;

/** Waits until something holds. Throws with `what` where it does not for `ms`. */
export async function until(ms: number, holds: () => Promise<boolean>, what: () => string): Promise<void> {
  for (const deadline = Date.now() + ms; !(await holds()); await pass(POLL_MS)) {
    if (Date.now() > deadline) throw new Error(`in vain for ${ms / 1000} s: ${what()}`);
  }
}

const shown = z.object({
  feed: z.string(),
  states: z.record(z.string(), z.string()),
  /** By stream, rows of the last hour as its card says. */
  counts: z.record(z.string(), z.number()),
  /** By stream and line, the newest row that is held, of those that no reduction leaves out. */
  newest: z.record(z.string(), z.record(z.string(), z.object({ time: z.number(), value: z.number() }))),
  /** Rows held of all lines. */
  rowsHeld: z.number(),
});
export type Shown = z.infer<typeof shown>;

const VALUES: Readonly<Record<string, string>> = {
  funding_rates: 'funding_rate',
  anomalies: 'z_score',
  performance_metrics: 'pnl',
  signal_predictions: 'confidence',
  system_metrics: 'metric_value',
};

/** A page under soak. */
export class WatchedPage {
  readonly name: string;
  readonly page: Page;
  readonly problems: readonly string[];
  readonly #session: CDPSession;

  private constructor(name: string, page: Page, problems: readonly string[], session: CDPSession) {
    this.name = name;
    this.page = page;
    this.problems = problems;
    this.#session = session;
  }

  static async open(browser: Browser, name: string, url: string): Promise<WatchedPage> {
    const { page, problems } = await openPage(browser, { viewport: { width: 1440, height: 900 } });
    // What runs this file names functions by a helper, which functions that are sent to a page look for there.
    await page.addInitScript({ content: 'globalThis.__name = (named) => named;' });
    await page.goto(url);
    await page.waitForSelector('html[data-feed="live"]', { state: 'attached', timeout: 60_000 });
    return new WatchedPage(name, page, problems, await page.context().newCDPSession(page));
  }

  async feed(): Promise<string> {
    return (await this.page.locator('html').getAttribute('data-feed')) ?? '';
  }

  /**
   * `code`: bytes of its heap that are compiled code. Weighed some times, of which the least counts: what is held for a
   * moment only, as while a history is read in, is not kept, and what is kept is in the least of them too.
   */
  async weigh(): Promise<Weight & { readonly code: number }> {
    let least: Weight | null = null;
    for (let time = 0; time < WEIGHINGS; time += 1) {
      if (time > 0) await pass(WEIGHING_MS);
      const weight = await weigh(this.#session);
      if (least === null || weight.heap + weight.arrays < least.heap + least.arrays) least = weight;
    }
    if (least === null) throw new Error(`${this.name} was not weighed`);
    return { ...least, code: await compiledCode(this.#session) };
  }

  /** What it shows at the moment. */
  async shown(): Promise<Shown> {
    const found = await this.page.evaluate(
      ({ names, columns, threshold }) => {
        interface Line {
          name: string | null;
          times: Float64Array;
          columns: Record<string, Float64Array>;
        }
        interface Shape {
          stream(name: string): { peek(): { channels: { key: string; lines: Line[] }[] } };
          counts(): { points: number };
        }
        const isStore = (value: object): value is Shape =>
          ['stream', 'counts', 'setChartWidth'].every((name) => typeof Reflect.get(value, name) === 'function');
        const known: unknown = Reflect.get(window, 'benchStore');
        let store = typeof known === 'object' && known !== null && isStore(known) ? known : null;
        const root = document.getElementById('root');
        const seen = new Set<unknown>();
        const queue: unknown[] =
          store === null ? Object.keys(root ?? {}).map((name) => Reflect.get(root ?? {}, name)) : [];
        for (const value of queue) {
          if (typeof value !== 'object' || value === null || value instanceof Node || seen.has(value)) continue;
          seen.add(value);
          if (isStore(value)) {
            store = value;
            break;
          }
          queue.push(...Object.values(value));
        }
        if (store === null) throw new Error('the page holds no store');
        Reflect.set(window, 'benchStore', store);
        const newest: Record<string, Record<string, { time: number; value: number }>> = {};
        const lastStrong = (scores: Float64Array | undefined): number =>
          scores?.findLastIndex((score) => Math.abs(score) >= threshold) ?? -1;
        const states: Record<string, string> = {};
        const counts: Record<string, number> = {};
        for (const name of names) {
          const lines: Record<string, { time: number; value: number }> = {};
          for (const channel of store.stream(name).peek().channels) {
            for (const line of channel.lines) {
              const last = name === 'anomalies' ? lastStrong(line.columns.z_score) : line.times.length - 1;
              const value = line.columns[columns[name] ?? '']?.[last];
              if (last >= 0) lines[line.name ?? channel.key] = { time: line.times[last] ?? 0, value: value ?? 0 };
            }
          }
          newest[name] = lines;
          states[name] = document.querySelector(`[data-stream="${name}"]`)?.getAttribute('data-state') ?? '';
          const card = document.querySelector(`[data-card="${name}"] [data-testid="rows-last-hour"]`);
          counts[name] = Number(card?.getAttribute('data-rows'));
        }
        const rowsHeld = store.counts().points;
        return { feed: document.documentElement.dataset.feed ?? '', newest, states, counts, rowsHeld };
      },
      { names: [...STREAM_NAMES], columns: VALUES, threshold: USUAL_THRESHOLD },
    );
    return shown.parse(found);
  }

  /** What is not there yet of the newest rows that were written, by stream; empty where all of them are held. */
  async missing(newest: ReadonlyMap<StreamName, number>): Promise<{ readonly feed: string; readonly late: string }> {
    const now = await this.shown();
    const late = [...newest].filter(([stream, time]) =>
      Object.values(now.newest[stream] ?? {}).every((line) => line.time < time - 0.01),
    );
    const named = late.map(([stream, time]) => `${stream} ${time} of ${JSON.stringify(now.newest[stream])}`);
    return { feed: now.feed, late: named.join('; ') };
  }

  /** What differs between what it shows of a symbol and what the database holds, while nothing is written. */
  async differences(client: pg.Client, symbol: string): Promise<readonly string[]> {
    const now = await this.shown();
    // Counting millions of rows takes long enough for a minute to end meanwhile.
    const at = Date.now();
    const found: string[] = now.feed === 'live' ? [] : [`it says ${now.feed}`];
    for (const stream of STREAM_NAMES) {
      const { newest, rowsLastHour } = await truthOf(client, stream, symbol, at);
      if (now.states[stream] !== 'live') found.push(`${stream} says ${now.states[stream]}`);
      if (now.counts[stream] !== rowsLastHour)
        found.push(`${stream}: ${now.counts[stream]} rows in the last hour, of ${rowsLastHour}`);
      for (const { line, time, value } of newest) {
        const held = now.newest[stream]?.[line];
        if (held === undefined || Math.abs(held.time - time) > 0.01 || held.value !== value)
          found.push(`${stream} ${line}: newest ${held?.time} ${held?.value}, of ${time} ${value}`);
      }
    }
    return found;
  }
}
