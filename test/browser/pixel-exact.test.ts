/** The picture of what the reduction keeps is the picture of all rows, pixel for pixel, in a real Chromium. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { bundlePixelPage, openPixelPage, type PixelPage } from '../support/pixels.ts';
import { seeds, withSeed } from '../support/random.ts';

const FILE = 'test/browser/pixel-exact.test.ts';
const HOUR = 3_600_000;

/** Ranges, and how many buckets a pixel column has. */
const WEEK = { rangeMs: 168 * HOUR, bucketsAPixel: 1 };
const DAY = { rangeMs: 24 * HOUR, bucketsAPixel: 2 };
const QUARTER = { rangeMs: 6 * HOUR, bucketsAPixel: 3 };
const ONE_HOUR = { rangeMs: HOUR, bucketsAPixel: 4 };

/** Plots as they are on a desk (1440 x 900), on the wall (1920 x 1080) and on a phone, with their axes. CSS pixels. */
const SCREENS = [
  { screen: 'a desk', ratio: 1, width: 786, height: 190, ranges: [WEEK, DAY, QUARTER, ONE_HOUR] },
  { screen: 'a desk at two pixels', ratio: 2, width: 786, height: 190, ranges: [WEEK, QUARTER] },
  { screen: 'the wall', ratio: 1, width: 1066, height: 240, ranges: [WEEK, DAY, QUARTER, ONE_HOUR] },
  { screen: 'the wall at two pixels', ratio: 2, width: 1066, height: 240, ranges: [DAY, ONE_HOUR] },
  { screen: 'a phone at two pixels and a half', ratio: 2.5, width: 366, height: 180, ranges: [WEEK, DAY] },
];

/** Less than any dot, letter or piece of a line has. */
const SINGLE_PIXELS = 6;

let browser: Browser;
let script: string;

beforeAll(async () => {
  [browser, script] = await Promise.all([launchBrowser(), bundlePixelPage()]);
});
afterAll(async () => {
  await browser?.close();
});

describe.each(SCREENS)('on $screen', ({ ratio, width, height, ranges }) => {
  let page: PixelPage;
  beforeAll(async () => {
    page = await openPixelPage(browser, script, ratio);
  });
  afterAll(async () => {
    await page?.close();
  });

  it.each(ranges)('draws the same of what is kept, $bucketsAPixel buckets a pixel', async (range) => {
    for (const seed of seeds(1)) {
      await withSeed(seed, FILE, async () => {
        const { lines, differingOfExtremes } = await page.compare({ seed, width, height, ...range });
        expect(lines.filter(({ differing }) => differing > 0)).toEqual([]);
        expect(lines.filter(({ missed }) => missed > 0)).toEqual([]);
        // An empty picture would be equal to any other empty one, and one without a row left out to any at all.
        expect(lines.filter(({ painted }) => painted < 10).map(({ name }) => name)).toEqual(['nothing but holes']);
        expect(lines[0]?.kept).toBeLessThan((lines[0]?.rows ?? 0) / 2);
        // What is counted here would count: without first and last the picture is another one.
        expect(differingOfExtremes).toBeGreaterThan(100);
      });
    }
  });

  it('paints only what is new, and has the picture that a whole paint has', async () => {
    for (const seed of seeds(1)) {
      await withSeed(seed, FILE, async () => {
        const results = await page.grow({ seed, width, height, rangeMs: 24 * HOUR, bucketsAPixel: 1 });
        expect(results.filter(({ differing }) => differing > SINGLE_PIXELS)).toEqual([]);
        // Those of few rows have another range of values with each; of most it is the usual case.
        const rare = results.filter(({ draws, partial }) => partial < draws / 2).map(({ name }) => name);
        expect(rare.length, rare.join()).toBeLessThan(results.length / 3);
      });
    }
  });

  it('draws the same of a window that slid as of one loaded anew and of all rows', async () => {
    for (const seed of seeds(1)) {
      await withSeed(seed, FILE, async () => {
        const result = await page.slide({ seed, width, height, rangeMs: 24 * HOUR, bucketsAPixel: 1 });
        expect(result).toMatchObject({ differingFromFresh: 0, differingFromRaw: 0 });
        expect(result.painted).toBeGreaterThan(1000);
      });
    }
  });
});
