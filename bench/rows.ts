/**
 * Rows out and lists of keys, over HTTP, on tables of 1,000 symbols: pages of a thousand rows of one key and of all, near
 * the end and far from it, with an index on the time (funding_rates) and without one (anomalies); every row as CSV, with
 * the server's memory while it is sent; and the lists of symbols and keys.
 *
 * Usage: npm run bench -- rows [rows a table, default 1000000]
 */
import { get as httpGet, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { z } from 'zod';
import { migrate } from '../server/db/migrate.ts';
import { startServer } from '../test/support/server.ts';
import { startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';

const rowCount = Number(process.argv[2] ?? 1_000_000);
const SYMBOLS = 1000;
const PAGES = 40;
const LISTS = 100;
const SAMPLE_MS = 100;
const MEGABYTE = 1_048_576;

const server = await startServer();
await migrate({ connection: server.config, report: () => undefined });
const admin = new pg.Client(server.config);
await admin.connect();
for (const [name, columns, values] of [
  ['funding_rates', 'exchange, funding_rate', `'e' || (i / ${SYMBOLS}) % 3, 0.0001`],
  ['anomalies', 'data_type, value, z_score', `'d' || (i / ${SYMBOLS}) % 3, i, 1.5`],
]) {
  // In order of time, as a pipeline writes; over seven days.
  await admin.query(
    `insert into ${name} ("timestamp", symbol, metadata, ${columns})
     select now() - ($1::int - i) * interval '7 days' / $1::int, 'S' || i % ${SYMBOLS} || '/USDT', '{"source": "poll"}', ${values}
     from generate_series(1, $1::int) i`,
    [rowCount],
  );
  await admin.query(`vacuum analyze ${name}`);
}
const product = await startProduct(server.url);
const address = `http://127.0.0.1:${product.port}`;
const page = z.object({ rows: z.array(z.unknown()), next_cursor: z.nullable(z.string()) });
const ms = (times: readonly number[], q: number): string =>
  quantile(
    times.toSorted((a, b) => a - b),
    q,
  ).toFixed(1);

/** Answers how long each of some pages took, in ms, following their cursors. */
async function pages(url: string): Promise<number[]> {
  const times: number[] = [];
  let cursor: string | null = '';
  while (cursor !== null && times.length < PAGES) {
    const begun = performance.now();
    const reply: Response = await fetch(`${address}${url}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    cursor = page.parse(await reply.json()).next_cursor;
    times.push(performance.now() - begun);
  }
  return times;
}

const pageRows: (string | number)[][] = [];
for (const [what, url] of [
  ['funding_rates, all keys (index on the time)', '/api/streams/funding_rates/rows?limit=1000'],
  ['anomalies, all keys (no index on the time)', '/api/streams/anomalies/rows?limit=1000'],
  ['the same, from the middle of the table', `/api/streams/anomalies/rows?to=${Date.now() - 3.5 * 86_400_000}`],
  ['funding_rates, one exchange of all symbols', '/api/streams/funding_rates/rows?series=e1'],
  ['anomalies, one symbol', '/api/streams/anomalies/rows?key=S7/USDT&limit=100'],
] as const) {
  const times = await pages(url);
  pageRows.push([what, times.length, times[0]?.toFixed(1) ?? '', ms(times, 0.5), ms(times, 0.95)]);
}

/** Reads a CSV to its end; answers its rows and bytes. */
async function readCsv(url: string): Promise<{ lines: number; bytes: number }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet(`${address}${url}`, resolve).on('error', reject);
  });
  let bytes = 0;
  let lines = -1;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return { lines, bytes };
}

const csvRows: (string | number)[][] = [];
for (const name of ['funding_rates', 'anomalies']) {
  const before = await product.collected();
  const sampled: number[] = [];
  const sampling = setInterval(() => {
    void product.usage().then(({ rss }) => sampled.push(rss));
  }, SAMPLE_MS);
  const begun = performance.now();
  const { lines, bytes } = await readCsv(`/api/streams/${name}/rows?format=csv`);
  const seconds = (performance.now() - begun) / 1000;
  clearInterval(sampling);
  const third = Math.floor(sampled.length / 3);
  const most = (part: readonly number[]): string => (Math.max(...part) / MEGABYTE).toFixed(0);
  csvRows.push([
    name,
    lines,
    (bytes / MEGABYTE).toFixed(0),
    seconds.toFixed(1),
    Math.round(lines / seconds),
    (before.rss / MEGABYTE).toFixed(0),
    most(sampled.slice(0, third)),
    most(sampled.slice(third, 2 * third)),
    most(sampled.slice(2 * third)),
  ]);
}

const listRows: (string | number)[][] = [];
// The floor first: an address that asks nobody.
for (const url of ['/api/health/live', '/api/symbols', '/api/streams/funding_rates/keys']) {
  const times: number[] = [];
  for (let turn = 0; turn < LISTS; turn += 1) {
    const begun = performance.now();
    await (await fetch(`${address}${url}`)).json();
    times.push(performance.now() - begun);
  }
  listRows.push([url, ms(times, 0.5), ms(times, 0.95)]);
}
await product.stop();
await admin.end();
await server.stop();

publish(
  'rows',
  'Rows out, and lists of keys',
  `npm run bench -- rows ${rowCount}`,
  `Two tables of ${rowCount} rows, ${SYMBOLS} symbols x 3 series each.

Pages of 1,000 rows (of one symbol 100), ms:

${table(['pages of', 'pages', 'first', 'p50', 'p95'], pageRows)}

All rows as CSV. The server's memory (rss, MB) before, and at most in each third of the time:

${table(['table', 'rows', 'MB', 'seconds', 'rows/s', 'before', '1st third', '2nd', '3rd'], csvRows)}

Lists, ms:

${table(['list', 'p50', 'p95'], listRows)}`,
);
