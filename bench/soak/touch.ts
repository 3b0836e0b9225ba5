/** A visitor who never rests: points at charts, zooms, opens what there is and chooses other symbols, by a seed. */
import type { Page } from 'playwright-core';
import { SYMBOLS } from './load.ts';

/** Numbers from 0 to 1 that a seed fixes (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Puts away whatever is open: as often as things can lie upon each other. */
async function putAway(page: Page): Promise<void> {
  for (let press = 0; press < 4; press += 1) await page.keyboard.press('Escape');
}

async function chooseSymbol(page: Page, symbol: string): Promise<void> {
  await page.keyboard.press('/');
  await page.keyboard.type(symbol);
  await page.keyboard.press('Enter');
}

export class Visitor {
  readonly #page: Page;
  readonly #random: () => number;
  /** How often each thing was done. */
  readonly done = new Map<string, number>();

  constructor(page: Page, seed: number) {
    this.#page = page;
    this.#random = randomOf(seed);
  }

  /** Does one thing. */
  async act(): Promise<void> {
    const all = Object.entries(this.#acts);
    const [name, act] = this.#pick(all) ?? [];
    if (name === undefined || act === undefined) return;
    await act();
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
  }

  /** Leaves the page as it was when it was opened. */
  async rest(symbol: string): Promise<void> {
    const page = this.#page;
    await putAway(page);
    await page.mouse.move(2, 2);
    await page.keyboard.press('0');
    await page.keyboard.press('1');
    await chooseSymbol(page, symbol);
    await page.waitForFunction(
      (name) => new URLSearchParams(location.search).get('symbol') === name && location.search.includes('range=1h'),
      symbol,
      { timeout: 60_000 },
    );
  }

  readonly #acts: Readonly<Record<string, () => Promise<void>>> = {
    hover: async () => {
      for (let step = 0; step < 5; step += 1) await this.#point();
    },
    'zoom by keys': async () => {
      for (const key of ['+', '+', 'ArrowLeft', '-', 'ArrowRight', '0']) await this.#page.keyboard.press(key);
    },
    'zoom by hand': async () => {
      await this.#point();
      await this.#page.mouse.down();
      await this.#page.mouse.move(200 + this.#random() * 400, 300, { steps: 3 });
      await this.#page.mouse.up();
      await this.#page.keyboard.press('0');
    },
    symbol: async () => {
      await chooseSymbol(this.#page, this.#pick(SYMBOLS) ?? SYMBOLS[0]);
    },
    range: async () => {
      await this.#page.keyboard.press(this.#pick(['1', '2', '3']) ?? '1');
    },
    theme: async () => {
      await this.#page.keyboard.press('t');
    },
    'open and close': async () => {
      await this.#page.keyboard.press(this.#pick(['?', '/', 'a', 'o', 'c', 'f']) ?? '?');
      await putAway(this.#page);
    },
    refresh: async () => {
      await this.#page.keyboard.press('Space');
      await this.#page.keyboard.press('Space');
    },
  };

  #pick<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.#random() * all.length)];
  }

  /** Moves the mouse over a chart in sight. */
  async #point(): Promise<void> {
    const plots = await this.#page.locator('.u-over').all();
    const box = await this.#pick(plots)
      ?.boundingBox({ timeout: 1000 })
      // A plot may be made anew meanwhile.
      .catch(() => null);
    if (box) await this.#page.mouse.move(box.x + box.width * this.#random(), box.y + box.height * this.#random());
  }
}
