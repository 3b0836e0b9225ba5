/** docs/sixth-stream.md is true: its blocks, word for word on a copy of the checkout, make a sixth stream everywhere. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { isStreamName } from '../../shared/streams.ts';
import { launchBrowser, openPage } from '../support/browser.ts';
import { type Block, blocksOf, CheckoutCopy } from '../support/checkout-copy.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, startCommand, stopProgram } from '../support/program.ts';

const STREAM = 'liquidations';

let folder: string;
let blocks: readonly Block[];
let copy: CheckoutCopy;
let database: TestDatabase;
let writer: pg.Client;
let browser: Browser;
let server: Program;
let address: string;
let socket: WebSocket;
const frames: string[] = [];
const env = (): Readonly<Record<string, string>> => ({ DATABASE_URL: database.url });
const commands = (): readonly Block[] => blocks.filter(({ language }) => language === 'sh');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-sixth-'));
  blocks = await blocksOf('docs/sixth-stream.md');
  [copy, database, browser] = await Promise.all([
    CheckoutCopy.make(folder),
    freshDatabase({ migrated: true }),
    launchBrowser(),
  ]);
  writer = await database.connect();
  for (const block of blocks) if (block.language === 'diff' || block.language === 'ts') await copy.apply(block);
  for (const line of commands()[0]?.text.trim().split('\n') ?? []) await copy.run(line, env());
  server = startCommand(process.execPath, ['scripts/run.mjs', 'serve', '--port', '0'], folder, {
    ...env(),
    DASHBOARD_TICK_SECONDS: '1',
  });
  address = await server.ready();
  socket = new WebSocket(`${address.replace('http', 'ws')}/feed?streams=${STREAM}&keys=BTC/USDT&range=1h`);
  socket.on('message', (data) => frames.push(String(data)));
  await sees('"type":"synced"');
}, 600_000);
afterAll(async () => {
  socket?.close();
  await stopProgram(server);
  await browser?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

const sees = (text: string): Promise<string> =>
  vi.waitUntil(() => frames.find((frame) => frame.includes(text)), { timeout: 20_000, interval: 20 });

it('is a stream that the checkout itself does not have', () => {
  expect(isStreamName(STREAM)).toBe(false);
  expect(blocks.map(({ language, about }) => `${language} ${about}`.trim())).toEqual([
    'diff',
    'ts client/recipes/liquidations.ts',
    'diff',
    'sh',
    'sql',
    'sh',
  ]);
});

it('leaves the program well typed', async () => {
  const config = JSON.stringify({ extends: './tsconfig.json', include: ['shared', 'server', 'client', 'console'] });
  await copy.run(`echo '${config}' > tsconfig.product.json && npx tsc --noEmit -p tsconfig.product.json`);
});

it('brings its rows by the feed at once, and to REST', async () => {
  await writer.query(blocks.find(({ language }) => language === 'sql')?.text ?? '');
  const delta = await sees('"type":"delta"');
  expect(JSON.parse(delta)).toMatchObject({
    stream: STREAM,
    key: 'BTC/USDT',
    via: 'notify',
    rows: [
      { side: 'long', notional: 250_000, price: 64_250.5 },
      { side: 'short', notional: 90_000, price: 64_249 },
    ],
  });
  const [rest = ''] = commands()[1]?.text.split('\n') ?? [];
  const { rows } = JSON.parse(
    await copy.run(rest.replace('http://127.0.0.1:8050', address).replace('curl', 'curl -sf')),
  );
  expect(rows).toHaveLength(2);
  const chart = await (await fetch(`${address}/api/chart/${STREAM}?symbol=BTC/USDT`)).json();
  expect(chart.data.map(({ name }: { name: string }) => name).sort()).toEqual(['long', 'short']);
  const { streams } = await (await fetch(`${address}/api/health`)).json();
  expect(streams[STREAM]).toMatchObject({ state: 'live' });
});

it('is well, says the doctor', async () => {
  expect(await copy.run('node scripts/run.mjs doctor', env())).toMatch(
    /^ok +liquidations: the table .* has its columns/m,
  );
});

it('is a sixth chart and a sixth card on the page, live', async () => {
  const { page, problems, close } = await openPage(browser);
  try {
    await page.goto(`${address}/?symbol=BTC/USDT&range=1h`);
    await page.locator(`[data-stream=${STREAM}][data-state=live]`).waitFor();
    expect(await page.locator('.chart').count()).toBe(6);
    const chart = page.locator(`.chart[data-stream=${STREAM}]`);
    expect(await chart.locator('h2').first().textContent()).toContain('Liquidations');
    expect((await chart.boundingBox())?.height).toBeGreaterThan(150);
    await expect.poll(() => chart.locator('canvas').count()).toBeGreaterThan(0);
    const card = page.locator(`[data-card=${STREAM}]`);
    await writer.query(
      `insert into liquidations ("timestamp", symbol, side, notional) values (now(), 'BTC/USDT', 'long', 1234567)`,
    );
    await expect.poll(() => card.textContent()).toContain('1.23M USDT');
    expect(problems).toEqual([]);
  } finally {
    await close();
  }
});

it('is in the console', async () => {
  const program = startCommand(process.execPath, ['scripts/run.mjs', 'console', '--url', address], folder);
  try {
    await vi.waitUntil(() => /liquidations .*Liquidation 1.23M USDT {2}live/.test(program.stdout), {
      timeout: 20_000,
      interval: 20,
    });
  } finally {
    await stopProgram(program);
  }
});
