/**
 * Pages that stay open while millions of rows come to them: one that nobody touches, one that is touched all the time, and
 * the wall; in between the server and its database are restarted and killed and the network is cut. At every checkpoint
 * the pages must show what the database holds, and weigh what they weighed.
 *
 * Usage: npm run bench -- soak [--rows 5000000] [--checkpoints 20] [--seed 1]
 */
import { setTimeout as pass } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { migrate } from '../server/db/migrate.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { startServer } from '../test/support/server.ts';
import { TcpProxy } from '../test/support/tcp-proxy.ts';
import { Load, SYMBOLS } from './soak/load.ts';
import { Visitor } from './soak/touch.ts';
import { until, WatchedPage } from './soak/watched.ts';
import { startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    checkpoints: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
});
const rowCount = Number(values.rows);
const checkpoints = Number(values.checkpoints);
const seed = Number(values.seed);
const ROWS_A_BATCH = 20_000;
/** Written before a page is held against the database, for a chart without rows says so after a while. */
const ROWS_A_LOOK = 100;
/** A card follows at a pace of its own. */
const CARDS_MS = 500;
/** Things that are done to the touched page while a batch comes. */
const ACTS_A_BATCH = 4;
const PATIENCE_MS = 120_000;
const [SYMBOL] = SYMBOLS;
/** Rows of a day at the rate that is asked for. */
const ROWS_A_DAY = 50 * 86_400;

const server = await startServer({
  settings: { synchronous_commit: 'on', max_wal_size: '4GB', shared_buffers: '512MB' },
});
await migrate({ connection: server.config, report: () => undefined });
const load = new Load(server.config);
const before = await load.history();
let product = await startProduct(server.url);
const { port } = product;
const proxy = await TcpProxy.start({ host: '127.0.0.1', port });
const browser = await launchBrowser();
const origin = `http://127.0.0.1:${proxy.port}`;
const query = `symbol=${encodeURIComponent(SYMBOL)}&range=1h`;
const untouched = await WatchedPage.open(browser, 'untouched', `${origin}/?${query}`);
const touched = await WatchedPage.open(browser, 'touched', `${origin}/?${query}`);
const wall = await WatchedPage.open(browser, 'wall', `${origin}/wall?symbols=${SYMBOLS.join()}&rotate=10&range=1h`);
const pages = [untouched, touched, wall];
const visitor = new Visitor(touched.page, seed);

const MB = (bytes: number): number => bytes / 1e6;
interface Weighing {
  readonly rows: number;
  readonly page: string;
  readonly heap: number;
  /** What of the heap is compiled code. */
  readonly code: number;
  readonly arrays: number;
  readonly nodes: number;
  readonly listeners: number;
  /** Rows held by its charts; null for the wall, which has a store for each turn. */
  readonly held: number | null;
}
const weighings: Weighing[] = [];
const checks: { rows: number; page: string; differences: readonly string[]; tookMs: number }[] = [];
/** How long committed rows took to be held by the untouched page while it said live, in ms: of each batch. */
const delays: number[] = [];
let sent = 0;

async function checkpoint(): Promise<void> {
  await visitor.rest(SYMBOL);
  for (const page of sent === 0 ? [] : [untouched, touched]) {
    const start = performance.now();
    let differences: readonly string[] = [];
    // Waits while there are any: what is left then is what stays.
    await until(
      60_000,
      async () => {
        const { rows, newest } = await load.batch(ROWS_A_LOOK);
        sent += rows;
        for (const deadline = Date.now() + 10_000; Date.now() < deadline; await pass(20))
          if ((await page.missing(newest)).late === '') break;
        await pass(CARDS_MS);
        differences = await page.differences(await load.client(), SYMBOL);
        return differences.length === 0;
      },
      () => differences.join('; '),
    ).catch(() => undefined);
    if (differences.length > 0) console.error(`${page.name} differs: ${differences.join('; ')}`);
    checks.push({ rows: sent, page: page.name, differences, tookMs: performance.now() - start });
  }
  for (const page of pages) {
    const { heap, code, arrays, nodes, listeners } = await page.weigh();
    const held = page === wall ? null : (await page.shown()).rowsHeld;
    const MBs = { heap: MB(heap), code: MB(code), arrays: MB(arrays) };
    weighings.push({ rows: sent, page: page.name, ...MBs, nodes, listeners, held });
  }
  const latest = weighings.slice(-pages.length);
  const line = latest.map(({ page, heap, code, arrays, nodes, listeners, held }) =>
    [page, heap.toFixed(2), code.toFixed(2), arrays.toFixed(2), nodes, listeners, held ?? ''].join(' '),
  );
  console.error(`${sent} rows, ${Math.round((performance.now() - started) / 1000)} s | ${line.join(' | ')}`);
}

async function touch(): Promise<void> {
  for (let act = 0; act < ACTS_A_BATCH; act += 1) await visitor.act();
}

/** Writes a batch and waits until the untouched page holds it. */
async function step(): Promise<void> {
  const { rows, newest } = await load.batch(ROWS_A_BATCH);
  sent += rows;
  const committed = performance.now();
  const acting = touch();
  let saidLive = true;
  let missing = '';
  await until(
    PATIENCE_MS,
    async () => {
      const { feed, late } = await untouched.missing(newest);
      saidLive &&= feed === 'live';
      missing = `${feed}: ${late}`;
      return late === '';
    },
    () => `the untouched page does not hold the newest rows, ${missing}`,
  );
  if (saidLive) delays.push(performance.now() - committed);
  await acting;
}

interface Trouble {
  readonly rows: number;
  readonly what: string;
  /** Ms from the trouble until no page said live any more; null where none had to. */
  readonly told: number | null;
  /** Ms that it lasted, and from its end until every page said live again. */
  readonly lasted: number;
  readonly recovered: number;
}
const troubles: Trouble[] = [];

const saysLive = async (): Promise<boolean> => (await Promise.all(pages.map((page) => page.feed()))).includes('live');
const allLive = async (): Promise<boolean> =>
  (await Promise.all(pages.map((page) => page.feed()))).every((feed) => feed === 'live');

const TROUBLES: readonly { what: string; begin(): Promise<unknown>; end(): Promise<unknown>; writes: boolean }[] = [
  {
    what: 'server stopped, rows written, server started',
    begin: () => product.stop(),
    end: async () => {
      product = await startProduct(server.url, {}, port);
    },
    writes: true,
  },
  { what: 'database restarted', begin: () => server.stop(), end: () => server.start(), writes: false },
  {
    what: 'network dead, rows written, network back',
    begin: async () => {
      proxy.blackHole();
      proxy.cut();
    },
    end: async () => {
      proxy.pass();
      proxy.cut();
    },
    writes: true,
  },
  { what: 'database crashed', begin: () => server.stop('immediate'), end: () => server.start(), writes: false },
  {
    what: 'server killed, rows written, server started',
    begin: async () => {
      process.kill(product.pid, 'SIGKILL');
      await product.stop();
    },
    end: async () => {
      product = await startProduct(server.url, {}, port);
    },
    writes: true,
  },
];

async function trouble(index: number): Promise<void> {
  const kind = TROUBLES[index % TROUBLES.length];
  if (kind === undefined) return;
  const began = performance.now();
  await kind.begin();
  await until(
    PATIENCE_MS,
    async () => !(await saysLive()),
    () => `${kind.what}: a page still says live`,
  );
  const told = performance.now() - began;
  if (kind.writes) sent += (await load.batch(ROWS_A_BATCH)).rows;
  await pass(1000);
  await kind.end();
  const lasted = performance.now() - began;
  await until(PATIENCE_MS, allLive, () => `${kind.what}: a page does not come back`);
  troubles.push({ rows: sent, what: kind.what, told, lasted, recovered: performance.now() - began - lasted });
}

const started = performance.now();
await checkpoint();
const every = rowCount / checkpoints;
let [nextCheck, nextTrouble, turn] = [every, every * 1.5, 0];
while (sent < rowCount) {
  await step();
  if (sent >= nextTrouble && sent < rowCount - every) {
    await trouble(turn);
    turn += 1;
    nextTrouble += every * 2;
  }
  if (sent >= nextCheck) {
    await checkpoint();
    nextCheck += every;
  }
}
const seconds = (performance.now() - started) / 1000;

/** MB for a million rows, by least squares over the weighings after the first fifth, in which caches fill. */
function slopeOf(page: string, weight: (of: Weighing) => number): number {
  const points = weighings.filter((each) => each.page === page && each.rows >= rowCount / 5);
  const x = points.map(({ rows }) => rows / 1e6);
  const y = points.map(weight);
  const mean = (all: readonly number[]): number => all.reduce((sum, value) => sum + value, 0) / all.length;
  const [mx, my] = [mean(x), mean(y)];
  const above = x.reduce((sum, value, index) => sum + (value - mx) * ((y[index] ?? 0) - my), 0);
  return above / x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
}

const ofPage = (name: string): Weighing[] => weighings.filter(({ page }) => page === name);
const span = (all: readonly number[]): string => `${Math.min(...all)} to ${Math.max(...all)}`;
const settled = (name: string): Weighing[] => ofPage(name).filter(({ rows }) => rows >= rowCount / 5);
const sortedDelays = [...delays].sort((a, b) => a - b);
const wrong = checks.filter(({ differences }) => differences.length > 0);
const unexpected = pages.map(({ problems }) => problems.filter((problem) => problem.startsWith('exception')));

publish(
  'soak',
  'Pages that stay open through it all',
  `npm run bench -- soak --rows ${rowCount} --checkpoints ${checkpoints} --seed ${seed}`,
  `Chromium ${browser.version()}, 1440 x 900. ${sent} rows of five streams and ${SYMBOLS.length} symbols after ${before} of an hour's history, by COPY in batches of ${ROWS_A_BATCH},
each held by the untouched page before the next: ${Math.round(sent / seconds)} rows/s over ${(seconds / 60).toFixed(1)} min, three pages, server, PostgreSQL and writer on this machine.
Range 1 h. Weighed after its garbage was collected, thrice within seconds, of which the least counts (what is held while a history is read in is not kept): JavaScript heap
and arrays in MB, DOM nodes and event listeners as the browser counts them.
The touched page was touched ${[...visitor.done.values()].reduce((sum, count) => sum + count, 0)} times (${[...visitor.done].map(([name, count]) => `${name} ${count}`).join(', ')}), and left in peace for a weighing.

## Growth

By least squares after the first fifth of the rows. "Of it code" is what the browser has compiled of the script, which it keeps: the more
is done to a page the more of it, but no more than there is script; the rest is the page's own. A day at 50 rows/s is ${(ROWS_A_DAY / 1e6).toFixed(2)} million rows; at most 1 MB a day is asked for. Time itself is not
accelerated: rows come a hundred times as fast as at 50 a second, and the charts show an hour that has as many rows in each pixel column, and as many
strong anomalies, at the beginning as at the end. What days do to a page is in page-memory.md.

${table(
  [
    'page',
    'MB a million rows',
    'MB a day',
    'of it code',
    'the rest',
    'heap and arrays, MB',
    'DOM nodes',
    'event listeners',
  ],
  pages.map(({ name }) => {
    const all = settled(name);
    const slope = slopeOf(name, ({ heap, arrays }) => heap + arrays);
    const code = slopeOf(name, (weighing) => weighing.code);
    const perDay = (perMillion: number): string => (perMillion * (ROWS_A_DAY / 1e6)).toFixed(2);
    const sizes = all.map(({ heap, arrays }) => Number((heap + arrays).toFixed(2)));
    return [
      name,
      slope.toFixed(3),
      ...[slope, code, slope - code].map(perDay),
      span(sizes),
      span(all.map(({ nodes }) => nodes)),
      span(all.map(({ listeners }) => listeners)),
    ];
  }),
)}

${table(
  [
    'rows so far',
    ...pages.flatMap(({ name }) => [`${name}: heap`, 'of it code', 'arrays', 'nodes', 'listeners', 'rows held']),
  ],
  ofPage('untouched').map(({ rows }) => [
    rows,
    ...weighings
      .filter((each) => each.rows === rows)
      .flatMap(({ heap, code, arrays, nodes, listeners, held }) => [
        heap.toFixed(2),
        code.toFixed(2),
        arrays.toFixed(2),
        nodes,
        listeners,
        held ?? '',
      ]),
  ]),
)}

## Truth

At each of ${checks.length / 2} checkpoints both desk pages were held against the database, each right after ${ROWS_A_LOOK} rows and with nothing written meanwhile: feed and charts say live, the newest row of every
line is the table's, and each card counts the rows that the table has of the last hour. ${wrong.length} of ${checks.length} differed for more than 60 s; the slowest took ${(Math.max(...checks.map(({ tookMs }) => tookMs)) / 1000).toFixed(1)} s, the database's own counting included.
${wrong.map(({ rows, page, differences }) => `- ${page} at ${rows}: ${differences.join('; ')}`).join('\n')}

While the untouched page said live, it held a batch of ${ROWS_A_BATCH} rows after ${quantile(sortedDelays, 0.5).toFixed(0)} ms (median), ${quantile(sortedDelays, 0.99).toFixed(0)} ms (p99), ${(sortedDelays.at(-1) ?? Number.NaN).toFixed(0)} ms (longest of ${delays.length}).
Exceptions on the pages: ${pages.map(({ name }, index) => `${name} ${unexpected[index]?.length}`).join(', ')}.
${unexpected.flat().slice(0, 5).join('\n')}

## Troubles

Nobody touched or loaded a page to bring it back. ms until no page said live any more, how long it lasted, and from its end until all pages said live again.

${table(
  ['after rows', 'what', 'told after', 'lasted', 'live again after'],
  troubles.map(({ rows, what, told, lasted, recovered }) => [
    rows,
    what,
    ...[told ?? 0, lasted, recovered].map(Math.round),
  ]),
)}`,
);
await browser.close();
await proxy.stop();
await load.end();
await product.stop();
await server.dispose();
