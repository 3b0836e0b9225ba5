/**
 * How busy the overview of a thousand symbols keeps the page's main thread: at rest, at ten changes a second over all of
 * them, and at ten a second for each, or as many as the machine makes.
 *
 * Usage: npm run bench -- overview [--symbols 1000] [--seconds 20]
 */
import { setTimeout as pass } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate } from '../server/db/migrate.ts';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { changeRates, seedMarket } from '../test/support/market-rows.ts';
import { startServer } from '../test/support/server.ts';
import { startProduct } from './support/measured-process.ts';
import { busyShare } from './support/page-busy.ts';
import { publish, table } from './support/report.ts';

const { values } = parseArgs({
  options: { symbols: { type: 'string', default: '1000' }, seconds: { type: 'string', default: '20' } },
});
const symbols = Number(values.symbols);
const seconds = Number(values.seconds);
const TICK_MS = 100;
const LOADS = [
  { name: 'none', perSecond: 0 },
  { name: '10 over all', perSecond: 10 },
  { name: '1 for each symbol', perSecond: symbols },
  { name: '10 for each symbol', perSecond: 10 * symbols },
];
const SCREENS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const writer = new pg.Client(server.config);
await writer.connect();
await seedMarket(writer, { symbols });
await writer.query('analyze');
const product = await startProduct(server.url);
const browser = await launchBrowser();
let place = 0;

/** Writes changes at a rate while something is measured, a statement every tick; answers how many rows a second that were. */
async function writing(perSecond: number, work: () => Promise<void>): Promise<number> {
  let isOver = false;
  const start = performance.now();
  const write = async (): Promise<number> => {
    let written = 0;
    while (!isOver && perSecond > 0) {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond) - written;
      // What a slow machine does not get done is not piled up.
      const rows = Math.min(due, Math.ceil((perSecond * TICK_MS) / 1000));
      if (rows > 0) place = await changeRates(writer, { symbols }, place, rows);
      written += Math.max(0, rows);
      await pass(rows < due ? 0 : TICK_MS / 2);
    }
    return written;
  };
  const all = write();
  await work();
  isOver = true;
  return (await all) / ((performance.now() - start) / 1000);
}

const rows: (string | number)[][] = [];
for (const viewport of SCREENS) {
  const { page, problems, close } = await openPage(browser, { viewport });
  await page.goto(`http://127.0.0.1:${product.port}/?view=overview`);
  await page.waitForSelector('[data-testid="market-connection"][data-feed="live"]', { timeout: 60_000 });
  await pass(2000);
  for (const { name, perSecond } of LOADS) {
    let share = { task: Number.NaN, script: Number.NaN, processor: Number.NaN };
    const written = await writing(perSecond, async () => {
      await pass(1000);
      share = await busyShare(page, seconds);
    });
    const state = await page.locator('[data-testid="market-connection"]').getAttribute('data-feed');
    const percent = (part: number): string => `${(part * 100).toFixed(1)}%`;
    rows.push([
      `${viewport.width} x ${viewport.height}`,
      name,
      written.toFixed(0),
      percent(share.task),
      percent(share.script),
      percent(share.processor),
      state ?? '',
      problems.length,
    ]);
    console.error(rows.at(-1)?.join(' | '));
  }
  await close();
}

publish(
  'overview',
  'The overview of all symbols',
  `npm run bench -- overview --symbols ${symbols} --seconds ${seconds}`,
  `Chromium ${browser.version()}, headless, drawing by software. ${symbols} symbols on three exchanges, each change a row of \`funding_rates\`, ${seconds} s each.
Busy: the share of the time in which the page's main thread ran tasks (\`TaskDuration\`, by the clock: what others on the machine take is in it). Less than 30%
is asked for. Processor: the share in which a processor worked on these tasks, which what others take is not in. PostgreSQL, server, browser and the writer share this machine.

${table(['screen', 'changes a second', 'of them written, rows/s', 'busy', 'of it script', 'processor', 'says', 'errors'], rows)}`,
);
await browser.close();
await writer.end();
await product.stop();
await server.dispose();
