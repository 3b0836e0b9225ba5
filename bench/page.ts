/**
 * The page itself: how much script its first view takes, how soon it shows a chart beside a bare uPlot page, how long a
 * committed row takes to be on the screen, and how busy it keeps its main thread beside a Plotly page.
 *
 * Usage: npm run bench -- page [--loads 15] [--seconds 20] [--parts first,pixel,busy]
 */
import { setTimeout as pass } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { Page } from 'playwright-core';
import { migrate } from '../server/db/migrate.ts';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { startServer } from '../test/support/server.ts';
import { takeDress } from './page/dress.ts';
import { builtFiles } from './page/first-view.ts';
import { COLUMNS, type FloorChart, pointsOf, startFloorPages } from './page/floor-pages.ts';
import { clockOffset, installProbe, labelAfter, takePaints, watchLabel } from './page/painted.ts';
import { insertTracer, LineWriters, PARTS, SYMBOL, seedDay, TRACER, type Written } from './page/workload.ts';
import { startProduct } from './support/measured-process.ts';
import { type BusyShare, busyShare } from './support/page-busy.ts';
import { publish, quantile, table } from './support/report.ts';

const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '20' },
    parts: { type: 'string', default: 'first,pixel,busy' },
  },
});
const loads = Number(values.loads);
const seconds = Number(values.seconds);
const wanted = values.parts.split(',');
const unknown = wanted.find((name) => !['first', 'pixel', 'busy'].includes(name));
if (unknown !== undefined) throw new RangeError(`--parts: there is no ${unknown}; first, pixel and busy there are.`);
const MOST_WAIT_MS = 60_000;
/** By then a page has drawn its first chart, as a rule. */
const DONE_MS = 1200;
/** Rows a second of each of the five charts. */
const FAST = 200;
const USUAL = 10;
const ROUNDS = 2;
const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const admin = new pg.Client(server.config);
await admin.connect();
const seeded = await seedDay(admin);
await insertTracer(admin, 500);
await admin.query('analyze');
let feed = '';
const floor = await startFloorPages(() => feed);
const product = await startProduct(server.url, { DASHBOARD_ALLOWED_ORIGINS: floor.origin });
const dashboard = `http://127.0.0.1:${product.port}`;
feed = `ws://127.0.0.1:${product.port}/feed`;
const browser = await launchBrowser();
const writers = await LineWriters.open(server.config);
const address = `${dashboard}/?symbol=${encodeURIComponent(SYMBOL)}&range=24h`;

async function live(page: Page): Promise<void> {
  await page.goto(address);
  await page.waitForSelector('html[data-feed="live"]', { state: 'attached', timeout: MOST_WAIT_MS });
  await page.waitForFunction(() => performance.getEntriesByName('first-chart').length > 0, null, {
    timeout: MOST_WAIT_MS,
  });
  // What comes later is there, and the page at rest.
  await page.waitForSelector('[data-testid="tools-funding_rates"]', { state: 'attached' });
}

/** When the first chart was drawn, and when the frame with it was painted; ms since the navigation began. */
interface FirstChart {
  readonly drawn: number;
  readonly painted: number;
}

/** Whether the visit is a browser's first, with nothing kept, or the one after it. */
type Visit = 'first' | 'second';

/** The first chart of a first visit, and of the one after it. */
async function firstChart(url: string): Promise<Record<Visit, FirstChart>> {
  const { page, close } = await openPage(browser);
  await page.addInitScript(notePainted);
  const marked = async (): Promise<FirstChart> => {
    // Nothing is asked of the page before it is done: the driver's own scripts would be compiled in the midst of it.
    await pass(DONE_MS);
    for (let waited = DONE_MS; waited < MOST_WAIT_MS; waited += 200) {
      const [drawn, painted] = await page.evaluate(() =>
        ['first-chart', 'first-painted'].map((name) => performance.getEntriesByName(name)[0]?.startTime),
      );
      if (drawn !== undefined && painted !== undefined) return { drawn, painted };
      await pass(200);
    }
    throw new Error(`${url} drew no chart in ${MOST_WAIT_MS} ms`);
  };
  await page.goto(url, { waitUntil: 'commit' });
  const first = await marked();
  // By then it remembers how wide its charts are, and the browser has the files.
  await page.reload({ waitUntil: 'commit' });
  const second = await marked();
  await close();
  return { first, second };
}

/** Runs in the page: after the mark of the first chart, the end of the frame that shows it. */
function notePainted(): void {
  const mark = performance.mark.bind(performance);
  performance.mark = (name, options) => {
    if (name === 'first-chart')
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => mark('first-painted');
        port2.postMessage(null);
      });
    return mark(name, options);
  };
}

const ms = (value: number, digits = 1): string => value.toFixed(digits);
const sorted = (all: readonly number[]): number[] => [...all].sort((a, b) => a - b);
const quantiles = (all: readonly number[]): string[] => [0.5, 0.99].map((q) => ms(quantile(sorted(all), q)));
const median = (all: readonly number[]): number => quantile(sorted(all), 0.5);

async function firstChartPart(): Promise<string> {
  const pages = [
    { name: 'the dashboard', url: address },
    { name: 'bare uPlot, history from the feed', url: `${floor.origin}/fed` },
    { name: 'bare uPlot, points fetched', url: `${floor.origin}/fetched` },
    { name: 'bare uPlot, points in the page', url: `${floor.origin}/inline` },
    { name: "floor: the same from the feed, in the dashboard's elements and styles", url: `${floor.origin}/dressed` },
  ].map((page) => ({ ...page, visits: [] as Record<Visit, FirstChart>[] }));
  // Of each one to begin with, which warms what is the browser's and the servers' own.
  for (let turn = -1; turn < loads; turn += 1) {
    for (const { url, visits } of pages) {
      const visit = await firstChart(url);
      if (turn >= 0) visits.push(visit);
    }
  }
  const [own] = pages;
  if (own === undefined) return '';
  const figures = (visits: readonly Record<Visit, FirstChart>[], visit: Visit): string[] => {
    const of = (what: keyof FirstChart, from = visits): number => median(from.map((each) => each[visit][what]));
    return [
      ms(of('drawn'), 0),
      ms(of('painted'), 0),
      ms(quantile(sorted(visits.map((each) => each[visit].painted)), 0.9), 0),
      (of('painted', own.visits) / of('painted')).toFixed(2),
    ];
  };
  return table(
    [
      'page',
      ...['first visit: drawn', 'painted', 'p90', 'dashboard / this'],
      ...['second visit: drawn', 'painted', 'p90', 'dashboard / this'],
    ],
    pages.map(({ name, visits }) => [name, ...figures(visits, 'first'), ...figures(visits, 'second')]),
  );
}

/** How long rows took from their commit to the frame after the one that drew them. */
function journeys(written: readonly Written[], paints: Awaited<ReturnType<typeof takePaints>>, offset: number) {
  const byLine = new Map<string, { newest: number; painted: number }[]>();
  for (const { stream, name, newest, painted } of paints) {
    const line = `${stream} ${name}`;
    byLine.set(line, [...(byLine.get(line) ?? []), { newest, painted: painted - offset }]);
  }
  const committed: number[] = [];
  const sent: number[] = [];
  let missed = 0;
  for (const row of written) {
    const shown = byLine.get(`${row.stream} ${row.name}`)?.find(({ newest }) => newest >= row.time - 0.01);
    if (shown === undefined) missed += 1;
    else {
      committed.push(shown.painted - row.committed);
      sent.push(shown.painted - row.sent);
    }
  }
  return { committed, sent, missed };
}

async function paintedPart(): Promise<string> {
  const { page, close } = await openPage(browser);
  await installProbe(page);
  await live(page);
  const pane = await page.evaluate(
    (unit) =>
      [...document.querySelectorAll<HTMLElement>('[data-stream="system_metrics"] [data-pane]')].find((element) =>
        element.textContent?.includes(unit),
      )?.dataset.pane ?? '',
    TRACER.unit,
  );
  await watchLabel(page, pane);
  const tracers = { committed: [] as number[], sent: [] as number[] };
  await takePaints(page);
  const before = await clockOffset(page);
  const all: Written[] = [];
  const written = await writers.during(FAST, async () => {
    let { seen } = await labelAfter(page, null);
    const until = performance.now() + seconds * 1000;
    for (let turn = 0; performance.now() < until; turn += 1) {
      // Far enough from the one before for its label to be another one, wherever it stands.
      const row = await insertTracer(admin, 500 + (turn % 2 === 0 ? 1 : -1) * (100 + (turn % 89)));
      const next = await labelAfter(page, seen);
      seen = next.seen;
      tracers.committed.push(next.at - before.offset - row.committed);
      tracers.sent.push(next.at - before.offset - row.sent);
    }
  });
  all.push(...written);
  await pass(1000);
  const after = await clockOffset(page);
  const paints = await takePaints(page);
  await close();
  const { committed, sent, missed } = journeys(all, paints, (before.offset + after.offset) / 2);
  const rate = Math.round(all.length / seconds);
  const drift = Math.abs(after.offset - before.offset);
  return `${table(
    ['measured by', 'rows', 'not seen', 'commit to painted: p50', 'p99', 'INSERT sent to painted: p50', 'p99'],
    [
      ['newest row of each line in the pictures', all.length, missed, ...quantiles(committed), ...quantiles(sent)],
      ['pixels of a label', tracers.sent.length, 0, ...quantiles(tracers.committed), ...quantiles(tracers.sent)],
      await paintedFloor(),
    ],
  )}

${rate} rows/s were written of the ${FAST * PARTS.length} that were to be. The two clocks agree within ${ms(Math.max(before.within, after.within), 2)} ms, and drifted by ${ms(drift, 2)} ms.`;
}

/** The same of a page that writes a text for each line, and draws nothing. */
async function paintedFloor(): Promise<(string | number)[]> {
  floor.show(charts);
  const { page, close } = await openPage(browser);
  await page.goto(`${floor.origin}/texts`);
  await page.waitForFunction(() => Reflect.has(window, 'benchPaints'), null, { timeout: MOST_WAIT_MS });
  const { offset } = await clockOffset(page);
  const written = await writers.during(FAST, () => pass(seconds * 1000));
  await pass(1000);
  const { committed, sent, missed } = journeys(written, await takePaints(page), offset);
  await close();
  return [
    'floor: a page that writes a text for each line',
    written.length,
    missed,
    ...quantiles(committed),
    ...quantiles(sent),
  ];
}

interface Stretch extends BusyShare {
  readonly page: string;
  /** Rows that the page drew or was extended by, a second. */
  readonly rows: number;
}

async function busyPart(charts: readonly FloorChart[]): Promise<string> {
  floor.show(charts);
  const turns: (BusyShare & { readonly start: number; readonly end: number })[] = [];
  const others: Stretch[] = [];
  const written = await writers.during(USUAL, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const own = await openPage(browser);
      await live(own.page);
      const start = performance.now();
      const share = await busyShare(own.page, seconds);
      turns.push({ ...share, start, end: performance.now() });
      await own.close();
      const other = await openPage(browser);
      await other.page.goto(`${floor.origin}/plotly`);
      await other.page.waitForFunction(() => Reflect.has(window, 'extended'), null, { timeout: MOST_WAIT_MS });
      const extended = (): Promise<number> => other.page.evaluate(() => Number(Reflect.get(window, 'extended')));
      const [before, began] = [await extended(), performance.now()];
      const busy = await busyShare(other.page, seconds);
      const rows = ((await extended()) - before) / ((performance.now() - began) / 1000);
      others.push({ ...busy, page: 'Plotly', rows });
      await other.close();
    }
  });
  // The dashboard shows every row that was committed; a page that does not come after is as busy as it can be and no more.
  const own: Stretch[] = turns.map(({ start, end, ...share }) => {
    const within = written.filter(({ committed }) => committed >= start && committed < end);
    return { ...share, page: 'dashboard', rows: within.length / ((end - start) / 1000) };
  });
  const idle = [...own, ...others].find(({ rows }) => rows === 0);
  if (idle !== undefined) throw new Error(`the ${idle.page} page was given no rows`);
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
  const cost = ({ processor, rows }: Stretch): number => (processor * 1000) / rows;
  const lines = own.flatMap((each, turn) =>
    [each, others[turn] ?? each].map((stretch) => [
      turn + 1,
      stretch.page,
      stretch.rows.toFixed(0),
      percent(stretch.task),
      percent(stretch.script),
      percent(stretch.processor),
      cost(stretch).toFixed(2),
    ]),
  );
  const ratio = (of: (stretch: Stretch) => number): string => (median(own.map(of)) / median(others.map(of))).toFixed(2);
  return `${table(['round', 'page', 'rows/s shown', 'busy', 'of it script', 'processor', 'processor ms a row'], lines)}

Dashboard / Plotly: busy ${ratio(({ task }) => task)}, processor ${ratio(({ processor }) => processor)}, processor a row ${ratio(cost)}.`;
}

const part = async (name: string, run: () => Promise<string>): Promise<string> =>
  wanted.includes(name) ? await run() : 'Not measured in this run.';
const files = builtFiles();
const first = files.first.reduce((sum, { gzip }) => sum + gzip, 0);
// Answered once before, so that neither page waits for what the server computes at its start.
const charts = await pointsOf(dashboard, COLUMNS);
floor.show(charts);
const worn = await openPage(browser);
await live(worn.page);
floor.dress(await takeDress(worn.page));
await worn.close();
const points = charts.flatMap(({ lines }) => lines).reduce((sum, { times }) => sum + times.length, 0);
const charted = await part('first', firstChartPart);
const painted = await part('pixel', paintedPart);
const business = await part('busy', () => busyPart(charts));

publish(
  'page',
  'The page',
  `npm run bench -- page --loads ${loads} --seconds ${seconds}`,
  `Chromium ${browser.version()}, 1440 x 900, headless, drawing by software. Five charts of ${SYMBOL} over 24 h: ${seeded} rows in the database, a row every
10 s of ${PARTS.flatMap(({ names }) => names).length} lines. PostgreSQL, server, browser and the writers share this machine.

## Script of the first view

What stands in the page itself, and what its entry imports statically, after \`gzip -9\`: ${first} bytes; at most 60,000 are asked for.

${table(
  ['file', 'bytes', 'gzip', 'when'],
  [
    ...files.first.map(({ name, bytes, gzip }) => [name, bytes, gzip, 'first view']),
    ...files.later.map(({ name, bytes, gzip }) => [
      name,
      bytes,
      gzip,
      name.endsWith('.css') ? 'style sheet' : 'later, by itself or when used',
    ]),
  ],
)}

## First chart painted

ms from the navigation until each page's first chart with data had been drawn on its canvas, and until the frame with it had been painted; medians of ${loads} visits, taken
in turns, and the p90 and the ratios of painting. A first visit has an empty cache. The bare pages are HTML, uPlot's own script and style sheet, and a script of a few lines that draws
five charts of ${points} points in all: those that the dashboard's server answers for these charts in ${COLUMNS} columns, with the lines of each chart joined
beforehand. "Fetched" asks for them as JSON once it runs, "in the page" has them in its HTML; "from the feed" asks the dashboard's server for the history, as
the dashboard does, and joins and draws what comes. The dashboard opens its feed, sends its script, has the
history read and reduced by the server, and draws ten plots with their labels. The floor draws what the bare page draws into the dashboard's own elements, which
stand in its HTML, with the dashboard's style sheet and font and no script of the dashboard's. At most 1.2 times the bare page is asked for.

${charted}

## From commit to pixel

ms from the answer to a row's COMMIT to the beginning of the frame after the one that drew it. All rows: each frame's newest row of each line,
noted when its chart was drawn. Pixels: rows of a line of its own among the others, one after another; the picture of the label at that line's end is read every frame, and changes with
each row. ${FAST * PARTS.length} rows/s, each a transaction, for ${seconds} s. The floor hears the same feed and has no charts: what it takes is the database's, the server's and the
browser's. A p99 of at most 50 is asked for.

${painted}

## How busy the page is

At ${USUAL} rows/s for each of the five charts, ${seconds} s a page and round: the share of the time in which the page's main thread ran tasks (\`TaskDuration\`) by the clock,
in which what others on the machine took is counted too, and by the time that a processor worked on them. The Plotly page
(plotly.js-basic-dist-min) draws the same points in five charts of the same size, hears the same feed and gives each row to \`extendTraces\`; a page that is busy
all the time does not come after, so the rows that were shown are counted. At most 0.25 is asked for.

${business}`,
);
await browser.close();
await Promise.all([writers.end(), admin.end()]);
await floor.stop();
await product.stop();
await server.dispose();
