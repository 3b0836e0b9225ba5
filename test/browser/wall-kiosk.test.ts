/** The launcher of a wall's machine with a real browser: powered on before the server, it comes to the wall untouched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { findBrowser } from '../support/browser.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { seedPage } from '../support/page-rows.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';

const LAUNCHER = join(packageRoot(), 'deploy', 'kiosk', 'alphapulse-wall');
const PATIENT = { timeout: 100_000, interval: 300 };

let database: TestDatabase;
let home: string;
let launcher: ChildProcess | undefined;
let said = '';
let dashboard: Dashboard | undefined;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  const writer = await database.connect();
  await seedPage(writer, 2);
  home = await mkdtemp(join(tmpdir(), 'alphapulse-kiosk-'));
});

afterEach(async () => {
  const ended = launcher === undefined ? null : new Promise((resolve) => launcher?.once('exit', resolve));
  launcher?.kill('SIGTERM');
  await ended;
  launcher = undefined;
  await dashboard?.stop();
  dashboard = undefined;
});

afterAll(async () => {
  await database?.drop();
  // The browser's last processes may still be writing.
  await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
});

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function launch(url: string): Promise<void> {
  const { path, env } = await findBrowser();
  said = '';
  launcher = spawn(LAUNCHER, [], {
    env: {
      ...process.env,
      ...env,
      HOME: home,
      WALL_URL: url,
      WALL_BROWSER: path,
      WALL_BROWSER_FLAGS:
        '--headless --no-sandbox --disable-gpu --disable-background-networking --window-size=1920,1080',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  launcher.stderr?.on('data', (text) => {
    said += String(text);
  });
}

/** Looks at the page of the browser that runs at the moment; null while there is none. */
async function look<T>(read: (page: Page) => Promise<T>): Promise<T | null> {
  let browser: Browser | undefined;
  try {
    const file = join(home, '.local', 'share', 'alphapulse-wall', 'DevToolsActivePort');
    const [port] = (await readFile(file, 'utf8')).split('\n');
    browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { timeout: 5000 });
    const page = browser.contexts()[0]?.pages()[0];
    return page === undefined ? null : await read(page);
  } catch {
    // It is just starting, or just ending.
    return null;
  } finally {
    await browser?.close();
  }
}

const title = () => look((page) => page.title());
const feed = () => look((page) => page.evaluate(() => document.documentElement.dataset.feed ?? null));

describe('the machine of a wall', () => {
  it('that is powered on before the server waits, comes to the wall, and begins another browser when one ends', async () => {
    const port = await freePort();
    await launch(`http://127.0.0.1:${port}/wall?symbols=BTC/USDT&rotate=0`);
    await expect.poll(title, PATIENT).toBe('Waiting for the dashboard');
    dashboard = await startDashboard(database.url, { DASHBOARD_PORT: `${port}` });
    await expect.poll(feed, PATIENT).toBe('live');
    expect(await title()).toContain('BTC/USDT');

    await look(async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send('Browser.crash').catch(() => undefined);
    });
    await expect.poll(() => said, PATIENT).toContain('the browser ended');
    await expect.poll(feed, PATIENT).toBe('live');
  }, 300_000);

  it('that shows something else than the wall comes back to it', async () => {
    const port = await freePort();
    dashboard = await startDashboard(database.url, { DASHBOARD_PORT: `${port}` });
    await launch(`http://127.0.0.1:${port}/wall?symbols=BTC/USDT&rotate=0`);
    await expect.poll(feed, PATIENT).toBe('live');
    await look((page) => page.goto('about:blank'));
    await expect.poll(() => said, PATIENT).toContain('does not show the wall');
    await expect.poll(feed, PATIENT).toBe('live');
  }, 300_000);

  it.each([
    [{ WALL_URL: '' }, /WALL_URL has to be/],
    [{ WALL_URL: 'dashboard:8050/wall' }, /WALL_URL has to be/],
    [{ WALL_URL: 'https://a/wall', WALL_CA: '/nowhere/ca.crt' }, /WALL_CA names/],
  ])('says at once what is wrong with its settings: %j', async (env, message) => {
    const child = spawn(LAUNCHER, [], {
      env: { PATH: process.env.PATH, HOME: home, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (part) => {
      text += String(part);
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(2);
    expect(text).toMatch(message);
  });
});
