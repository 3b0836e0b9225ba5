/**
 * Signing in and out in a real Chromium, against the built server: with scripts and without, for everybody, and with nothing
 * that leaks out of the page, neither the secret nor a request to any other host.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../server/root.ts';
import { launchBrowser } from '../support/browser.ts';
import { type Built, startBuilt } from '../support/built.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { smallTargets, walk } from '../support/reach.ts';

const SECRET = 'view-secret-of-some-length';
const LEAST_TARGET = 44;
const verdict = z.object({ violations: z.array(z.object({ id: z.string(), help: z.string() })) });

let database: TestDatabase;
let browser: Browser;
let server: Built;
let axe: string;

beforeAll(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  [database, browser] = await Promise.all([freshDatabase({ migrated: true }), launchBrowser()]);
  const writer = await database.connect();
  await seedPage(writer, 5);
  await writer.end();
  const outgoing = pathToFileURL(join(packageRoot(), 'test', 'support', 'outgoing.mjs')).href;
  server = await startBuilt(database.url, {
    DASHBOARD_VIEW_TOKENS: `desk:${SECRET}`,
    DASHBOARD_DEBUG: 'true',
    NODE_OPTIONS: `--import ${outgoing}`,
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await database?.drop();
});

/** Opens a visitor's window with cookies of its own; everything that it asks for is kept. */
async function visit(
  options: { scripts?: boolean; theme?: 'dark' | 'light'; width?: number },
  steps: (page: Page, asked: readonly string[], context: BrowserContext) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({
    locale: 'en-US',
    javaScriptEnabled: options.scripts ?? true,
    colorScheme: options.theme ?? 'dark',
    viewport: { width: options.width ?? 1280, height: 800 },
  });
  try {
    const asked: string[] = [];
    context.on('request', (request) => asked.push(request.url()));
    const page = await context.newPage();
    page.on('websocket', (socket) => asked.push(socket.url()));
    await steps(page, asked, context);
  } finally {
    await context.close();
  }
}

const alert = (page: Page) => page.getByRole('alert');
async function signIn(page: Page, secret: string): Promise<void> {
  await page.getByLabel('Token').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
const untilLive = (page: Page) => page.waitForSelector('html[data-feed="live"]', { state: 'attached' });

describe.each([true, false])('signing in, with scripts: %s', (scripts) => {
  it('asks again after a wrong token, leads back to where one was going, and out again', async () => {
    await visit({ scripts }, async (page, _asked, context) => {
      await page.goto(`${server.url}/?symbol=BTC/USDT&range=1h`);
      await signIn(page, 'wrong-secret-of-some-length');
      await alert(page).waitFor();
      expect(await alert(page).textContent()).toContain('not accepted');
      expect(await page.getByLabel('Token').inputValue()).toBe('');
      await signIn(page, SECRET);
      await page.waitForURL(`${server.url}/?symbol=BTC/USDT&range=1h`);
      expect(await page.title()).not.toContain('Sign in');
      const [cookie] = await context.cookies();
      expect(cookie).toMatchObject({ name: 'alphapulse_session', httpOnly: true, sameSite: 'Strict' });

      await page.goto(`${server.url}/sign-out`);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${server.url}/sign-in`);
      expect(await context.cookies()).toEqual([]);
      await page.goto(server.url);
      await page.getByLabel('Token').waitFor();
    });
  });
});

describe('the form', () => {
  it.each([
    ['dark', 1280],
    ['light', 1280],
    ['dark', 320],
    ['light', 320],
  ] as const)('is for everybody, %s and %i pixels wide', async (theme, width) => {
    await visit({ theme, width }, async (page) => {
      const looked = async (): Promise<void> => {
        await page.evaluate(axe);
        const { violations } = verdict.parse(
          await page.evaluate(() => Reflect.get(window, 'axe').run(document, { resultTypes: ['violations'] })),
        );
        expect(violations).toEqual([]);
        expect(await smallTargets(page, 'body', LEAST_TARGET)).toEqual([]);
        const { missed, unmarked } = await walk(page, 'body');
        expect({ missed, unmarked }).toEqual({ missed: [], unmarked: [] });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      };
      await page.goto(server.url);
      // The browser gives the focus with a frame, which may come after the page has loaded.
      await page.waitForFunction(() => document.activeElement?.id === 'token');
      await looked();
      await signIn(page, 'wrong-secret-of-some-length');
      await alert(page).waitFor();
      await looked();
      await page.goto(`${server.url}/sign-out`);
      await looked();
      const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(colour).toBe(theme === 'dark' ? 'rgb(13, 17, 21)' : 'rgb(238, 241, 243)');
    });
  });
});

describe('a page that is signed in', () => {
  it('asks no host but its own for anything, and has the secret nowhere', async () => {
    const { host } = new URL(server.url);
    await visit({}, async (page, asked) => {
      await page.goto(`${server.url}/?symbol=BTC/USDT&token=${SECRET}`);
      await untilLive(page);
      // What comes later writes the address anew, in its own spelling.
      expect(decodeURIComponent(page.url())).toBe(`${server.url}/?symbol=BTC/USDT`);
      // Parts that load when they are asked for.
      for (const key of ['o', 'Escape', 'a', 'Escape', 'l', 'Escape', 'i', 'Escape', '?', 'Escape'])
        await page.keyboard.press(key);
      await page.waitForLoadState('networkidle');
      const kept = await page.evaluate(() =>
        JSON.stringify([
          location.href,
          document.referrer,
          document.cookie,
          { ...localStorage },
          { ...sessionStorage },
          performance.getEntriesByType('resource').map(({ name }) => name),
          document.documentElement.outerHTML,
        ]),
      );
      expect(kept).not.toContain(SECRET);
      await page.goto(`${server.url}/wall?symbols=BTC/USDT`);
      await untilLive(page);

      expect(asked.some((url) => url.startsWith('ws://'))).toBe(true);
      const strangers = asked.filter((url) => !/^(data|blob):/.test(url) && new URL(url).host !== host);
      expect(strangers).toEqual([]);
      const [first, ...later] = asked;
      expect(first).toContain(SECRET);
      expect(later.filter((url) => url.includes(SECRET))).toEqual([]);
    });
  });
});

describe('the server', () => {
  it('has connected to nothing but its database, and its log has no secret in it', () => {
    const { stderr } = server.program;
    const hosts = new Set([...stderr.matchAll(/^outgoing to (.+)$/gm)].map(([, host]) => host));
    expect([...hosts]).toEqual([new URL(database.url).hostname]);
    expect(stderr).not.toContain(SECRET);
    expect(stderr).toContain('"path":"/sign-in"');
  });
});
