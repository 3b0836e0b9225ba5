/**
 * The dashboard's page without its script: its elements as they are once rows have come, its style sheet and its font. A
 * page that has nothing else to run than a bare uPlot page has shows what it takes to look like the dashboard.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { packageRoot } from '../../server/root.ts';

const TYPES: Readonly<Record<string, string>> = { css: 'text/css', woff2: 'font/woff2', js: 'text/javascript' };

/** What the page wears. */
export interface Dress {
  /** The attributes of its root element. */
  readonly root: string;
  /** Its body, without scripts and without what stands in its plots. */
  readonly body: string;
  /** What its head loads: the style sheet, and the font before it is asked for. */
  readonly links: string;
}

/** Takes the dress off a dashboard that is live. */
export async function takeDress(page: Page): Promise<Dress> {
  const taken = await page.evaluate(() => {
    const root = document.documentElement.cloneNode(true);
    if (!(root instanceof HTMLElement)) return null;
    for (const script of root.querySelectorAll('script')) script.remove();
    for (const plot of root.querySelectorAll('.plot')) plot.replaceChildren();
    const links = [...root.querySelectorAll('link[rel="preload"], link[rel="stylesheet"]')];
    return {
      root: [...root.attributes].map(({ name, value }) => `${name}="${value}"`).join(' '),
      body: root.querySelector('body')?.outerHTML ?? '',
      // The sheets of what comes later are not part of a first view.
      links: links
        .filter((link) => /first|preload/.test(link.outerHTML))
        .map((link) => link.outerHTML)
        .join(''),
    };
  });
  return z.object({ root: z.string(), body: z.string().min(1), links: z.string().min(1) }).parse(taken);
}

/** The page in it: `head` is what else its head has, and `script` what it runs. */
export function dressed({ root, body, links }: Dress, head: string, script: string): string {
  return `<!doctype html><html ${root}><head><meta charset="utf-8"><link rel="icon" href="data:,">${links}${head}</head>${body.replace(
    '</body>',
    () => `<script type="module">${script}</script></body>`,
  )}</html>`;
}

/** A file of the built page, for the floors' own server; null where there is none of that name. */
export function fileOf(pathname: string): { readonly type: string; readonly body: Buffer } | null {
  const name = /^\/assets\/([\w-]+\.(\w+))$/.exec(pathname);
  const type = TYPES[name?.[2] ?? ''];
  if (name?.[1] === undefined || type === undefined) return null;
  return { type, body: readFileSync(join(packageRoot(), 'dist', 'client', 'assets', name[1])) };
}
