/**
 * What a page weighs that is left open for days: a million rows of all five streams come to it live, while it is told
 * that four days go by, so that its window of a day slides on four times. At the end it must hold, and show, what a page
 * that is loaded then shows.
 *
 * Usage: npm run bench -- page-memory [--rows 1000000]
 */
import { setTimeout as pass } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { migrate } from '../server/db/migrate.ts';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { startServer } from '../test/support/server.ts';
import { compareHeld, comparePictures, held, weigh } from './history/page-life.ts';
import { startClockRelay } from './support/clock-relay.ts';
import { startProduct } from './support/measured-process.ts';
import { publish, table } from './support/report.ts';

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } });
const rowCount = Number(values.rows);
const WEIGHINGS = 10;
const ROWS_A_STEP = 5000;
/** As long as the finest chart can be asked for at once. */
const LIFE = { name: '4d', ms: 4 * 86_400_000, days: 'four days' };
const RANGE = { name: '24h', ms: 86_400_000 };
const SYMBOL = 'BTC/USDT';
const WAIT_MS = 60_000;
const POLL_MS = 20;
/** So long the two pages may take until their plots are equally wide. */
const SETTLING_MS = 15_000;
/** A picture changes when a pixel column ends; two that are taken on both sides of that differ. */
const PICTURE_TRIES = 10;
/** Room that is no longer needed is let go after so long at the latest, on the page's own clock. */
const REST = { rounds: 3, ms: 11 * 60_000, rows: 30 };

/** Of ten rows, so many go to each stream; `$1` to `$2` are the row's numbers, `$3` and `$4` the times of both. */
const SHARES: readonly { stream: string; rows: number; columns: string; values: string }[] = [
  {
    stream: 'system_metrics',
    rows: 4,
    columns: 'metric_name, metric_value, metric_unit',
    values: `'metric_' || i % 5, round((50 + 30 * sin(i / 9000.0) + 9 * random())::numeric, 2), '%'`,
  },
  {
    stream: 'funding_rates',
    rows: 3,
    columns: 'symbol, exchange, funding_rate',
    values: `'${SYMBOL}', (array['binance', 'bybit', 'okx'])[1 + i % 3], round((0.0001 * sin(i / 9000.0) + 0.00002 * random())::numeric, 8)`,
  },
  {
    stream: 'anomalies',
    rows: 1,
    columns: 'symbol, data_type, value, z_score',
    values: `'${SYMBOL}', (array['volume', 'funding_rate'])[1 + i % 2], round((100 * random())::numeric, 2), round((6.1 * (random() - 0.5))::numeric, 3)`,
  },
  {
    stream: 'performance_metrics',
    rows: 1,
    columns: 'symbol, strategy_id, pnl, win_rate, drawdown, execution_time, trade_count',
    values: `'${SYMBOL}', 'momentum', round((100 * (random() - 0.48))::numeric, 2), i % 2, round((40 * random())::numeric, 2), random(), 1`,
  },
  {
    stream: 'signal_predictions',
    rows: 1,
    columns: 'symbol, signal_type, confidence, predicted_pnl',
    values: `'${SYMBOL}', (array['buy', 'sell'])[1 + i % 2], round(random()::numeric, 4), case when i % 3 = 0 then round((50 * random())::numeric, 2) end`,
  },
];
const PARTS = SHARES.reduce((sum, { rows }) => sum + rows, 0);

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const writer = new pg.Client(server.config);
await writer.connect();
const product = await startProduct(server.url);
const relay = await startClockRelay(product.port, LIFE.name);
const browser = await launchBrowser();

async function until(holds: () => Promise<boolean> | boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; !(await holds()); await pass(POLL_MS)) {
    if (Date.now() > deadline) throw new Error(`in vain for ${WAIT_MS / 1000} s: ${what()}`);
  }
}

async function load(port: number): Promise<{ page: Page; problems: readonly string[] }> {
  const { page, problems } = await openPage(browser);
  // What runs this file names functions by a helper, which functions that are sent to a page look for there.
  await page.addInitScript({ content: 'globalThis.__name = (named) => named;' });
  const passing =
    'globalThis.passed = 0; performance.now = ((own) => () => own() + passed)(performance.now.bind(performance));';
  await page.addInitScript({ content: passing });
  await page.goto(`http://127.0.0.1:${port}/?symbol=${encodeURIComponent(SYMBOL)}&range=${RANGE.name}`);
  await page.waitForSelector('[data-feed="live"]', { timeout: WAIT_MS });
  return { page, problems };
}

/** Writes the rows between two times, spread evenly, each stream's in one statement; answers the newest time of each. */
async function write(first: number, count: number, from: number, to: number): Promise<Map<string, number>> {
  const newest = new Map<string, number>();
  for (const { stream, rows, columns, values: cells } of SHARES) {
    const share = (count / PARTS) * rows;
    const { rows: answer } = await writer.query<{ newest: number }>(
      `with written as (
         insert into ${stream} ("timestamp", created_at, ${columns})
         select at, at, ${cells} from generate_series($1::bigint, $2::bigint) i,
           lateral (select to_timestamp(round($3::float8 + ($4::float8 - $3) * (i - $1 + 1) / ($2 - $1 + 1)) / 1000) as at) moment
         returning "timestamp")
       select (extract(epoch from max("timestamp")) * 1000)::float8 as newest from written`,
      [first, first + share - 1, from, to],
    );
    newest.set(stream, answer[0]?.newest ?? Number.NaN);
  }
  return newest;
}

async function untilHeld(by: Page, newest: ReadonlyMap<string, number>): Promise<void> {
  await until(
    async () => {
      const shown = (await held(by)).newest;
      return [...newest].every(([stream, time]) => (shown[stream] ?? 0) >= time);
    },
    () => 'the page does not hold the newest rows',
  );
}

const began = Date.now() - LIFE.ms;
relay.tell(began);
const { page, problems } = await load(relay.port);
const session = await page.context().newCDPSession(page);
const MB = (bytes: number): string => (bytes / 1e6).toFixed(2);
const weighings: (string | number)[][] = [];
async function note(rows: number): Promise<void> {
  const { rows: points } = await held(page);
  const { heap, arrays, nodes } = await weigh(session);
  const { rss } = await product.collected();
  weighings.push([rows, points, MB(heap), MB(arrays), nodes, MB(rss)]);
  console.error(weighings.at(-1)?.join(' | '));
}

const start = performance.now();
let told = began;
await note(0);
for (let sent = 0; sent < rowCount; sent += ROWS_A_STEP) {
  // The last row comes at the present moment, whenever that is.
  const to = Math.floor(began + ((sent + ROWS_A_STEP) / rowCount) * (Date.now() - began));
  relay.tell(to);
  const newest = await write(sent, ROWS_A_STEP, told, to);
  told = to;
  await untilHeld(page, newest);
  if ((sent + ROWS_A_STEP) % (rowCount / WEIGHINGS) === 0) await note(sent + ROWS_A_STEP);
}
const seconds = (performance.now() - start) / 1000;
relay.tell(null);

// A page that is loaded now, with the server's own time.
const fresh = await load(product.port);
// Then both are left alone for a while, with a few rows.
for (let round = 0; round < REST.rounds; round += 1) {
  for (const each of [page, fresh.page]) {
    await each.evaluate((ms) => Reflect.set(globalThis, 'passed', Reflect.get(globalThis, 'passed') + ms), REST.ms);
  }
  const at = Date.now();
  const newest = await write(rowCount + round * REST.rows, REST.rows, told, at);
  told = at;
  for (const each of [page, fresh.page]) await untilHeld(each, newest);
  await pass(1000);
}
/** Time of a pixel column of each chart on both pages, in ms, where they differ. */
async function widthsThatDiffer(): Promise<readonly string[]> {
  const [before, after] = await Promise.all([held(page), held(fresh.page)]);
  return SHARES.map(({ stream }) => ({ stream, was: before.bucketMs[stream], is: after.bucketMs[stream] }))
    .filter(({ was, is }) => was !== is)
    .map(({ stream, was, is }) => `${stream} (${was} and ${is} ms)`);
}
// Both ask once more when their axes have the width that the newest values need.
for (const deadline = Date.now() + SETTLING_MS; Date.now() < deadline; await pass(POLL_MS)) {
  if ((await widthsThatDiffer()).length === 0) break;
}
const unlike = await widthsThatDiffer();
const likeness = await compareHeld(page, fresh.page, RANGE.ms);
let pictures = await comparePictures(page, fresh.page);
for (let turn = 1; turn < PICTURE_TRIES && pictures.some(({ differing }) => differing > 0); turn += 1) {
  await pass(1000);
  const again = await comparePictures(page, fresh.page);
  const sum = (all: typeof pictures): number => all.reduce((total, { differing }) => total + differing, 0);
  if (sum(again) < sum(pictures)) pictures = again;
}
const freshSession = await fresh.page.context().newCDPSession(fresh.page);
const freshWeight = await weigh(freshSession);

publish(
  'page-memory',
  'A page that stays open',
  `npm run bench -- page-memory --rows ${rowCount}`,
  `Chromium ${browser.version()}. ${rowCount} rows of five streams (13 lines), all of them in the charts of one page with a range of ${RANGE.name},
as fast as the page takes them (${Math.round(rowCount / seconds)} rows/s), while the page is told that ${LIFE.days} go by. Weighed after its garbage
was collected. ${relay.rows} rows came live, the others with ${relay.snapshots} snapshots that the page asked for. A page loaded at the end: heap ${MB(freshWeight.heap)} MB, arrays ${MB(freshWeight.arrays)} MB.

${table(['rows so far', 'rows held', 'heap MB', 'arrays MB', 'DOM nodes', 'server resident MB'], weighings)}

Held against a page loaded at the end, when both had been told that ${Math.round((REST.rounds * REST.ms) / 60_000)} minutes went by with a few rows, over the whole window: ${likeness.lines} lines, ${likeness.rows} rows that can be seen,
${likeness.differences.length} differences. Errors on the page: ${problems.length}. Charts whose plots are not equally wide on both, so that no pixel of them need be
the same: ${unlike.join(', ') || 'none'}.
${likeness.differences.slice(0, 10).join('\n')}

${table(
  ['chart', 'pixels', 'of them different', 'in columns'],
  pictures.map(({ stream, pixels, differing, columns, width }) => [
    stream,
    pixels,
    differing,
    columns === null ? '' : `${columns.join(' to ')} of ${width}`,
  ]),
)}`,
);
await browser.close();
await relay.stop();
await writer.end();
await product.stop();
await server.dispose();
