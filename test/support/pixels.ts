/** The page that compares pictures: bundled from `pixel-page.ts`, in a browser of its own. */
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build } from 'vite';
import { trimUplot } from '../../scripts/trim-uplot.ts';
import type { GrownResult } from './pixel-grow.ts';
import type { compare, grow, PixelResults, SlidResult, slide } from './pixel-page.ts';
import type { PixelRequest } from './pixel-picture.ts';

/** A page that draws lines and compares the pictures. */
export interface PixelPage {
  compare(request: PixelRequest): Promise<PixelResults>;
  slide(request: PixelRequest): Promise<SlidResult>;
  grow(request: PixelRequest): Promise<readonly GrownResult[]>;
  close(): Promise<void>;
}

/** What the bundle leaves in the page: a name of that page, not of this program. */
declare const pixelPage: {
  readonly compare: typeof compare;
  readonly slide: typeof slide;
  readonly grow: typeof grow;
};

/** Bundles the script of the page, with uPlot as the product ships it. */
export async function bundlePixelPage(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    plugins: [trimUplot()],
    build: {
      write: false,
      minify: false,
      lib: {
        entry: fileURLToPath(new URL('pixel-page.ts', import.meta.url)),
        formats: ['iife'],
        name: 'pixelPage',
      },
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  for (const bundle of outputs) {
    if (!('output' in bundle)) continue;
    const [script] = bundle.output;
    return script.code;
  }
  throw new Error('nothing was bundled');
}

/** Opens the page in a window of so many device pixels a CSS pixel. */
export async function openPixelPage(browser: Browser, script: string, ratio: number): Promise<PixelPage> {
  const context = await browser.newContext({ locale: 'en-US', deviceScaleFactor: ratio });
  const page = await context.newPage();
  await page.addScriptTag({ content: script });
  const isReady = await page.evaluate(() => 'pixelPage' in globalThis);
  if (!isReady) throw new Error('the bundle has left nothing in the page');
  return {
    compare: (request) => page.evaluate((asked) => pixelPage.compare(asked), request),
    slide: (request) => page.evaluate((asked) => pixelPage.slide(asked), request),
    grow: (request) => page.evaluate((asked) => pixelPage.grow(asked), request),
    close: () => context.close(),
  };
}
