/**
 * What it costs to bring the dashboard to a large database that is written to all the while: how long writers wait while
 * it is migrated and while the server builds its rollups, whether the feed loses a row meanwhile, and what time and space
 * rollups and indexes take.
 *
 * Usage: npm run bench -- rollups [--rows 10000000] [--database URL] [--keep]
 */
import { setTimeout as pass } from 'node:timers/promises';
import { migrate } from '../server/db/migrate.ts';
import { Recorder } from '../test/support/recorder.ts';
import { copyDatabase, loadedDatabase, nameOf, streamsOf, topUp } from './history/dataset.ts';
import { commandOf, historyOptions } from './history/options.ts';
import { openPlace } from './history/place.ts';
import { sizesOf, untilRolledUp } from './history/rollups.ts';
import { type Measured, startProduct } from './support/measured-process.ts';
import { PacedWriters, type Stretch, WRITTEN } from './support/paced-writers.ts';
import { publish, quantile, table } from './support/report.ts';

const options = historyOptions(10_000_000);
const ROWS_A_SECOND = 500;
const CALM_MS = 20_000;
/** No writer is to wait longer. */
const MOST_MS = 100;
const ARRIVAL_MS = 60_000;
const POLL_MS = 50;

const place = await openPlace(options);
const name = nameOf('rollups', options);
const streams = streamsOf(options);
await copyDatabase(place, await loadedDatabase(place, options), name);
const client = await place.connect(name);
await topUp(client, options);
await client.query('vacuum analyze');
await client.query('checkpoint');
const writers = await PacedWriters.open(place.url(name), ROWS_A_SECOND);

async function until(holds: () => boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + ARRIVAL_MS; !holds(); await pass(POLL_MS)) {
    if (Date.now() > deadline) throw new Error(`in vain for ${ARRIVAL_MS / 1000} s: ${what()}`);
  }
}

/** What a recorder of the feed has to say of a stretch. */
interface Heard {
  readonly missing: number;
  readonly gaps: readonly string[];
}

/** A recorder of both streams beside a stretch of writing, at a server that runs. */
async function recorded(product: Measured, work: () => Promise<unknown>): Promise<{ stretch: Stretch; heard: Heard }> {
  const recorder = new Recorder({ url: () => `ws://127.0.0.1:${product.port}/feed`, streams: WRITTEN });
  await until(
    () => recorder.live,
    () => recorder.trouble ?? 'a recorder',
  );
  const stretch = await writers.during(work);
  const missing = (): number =>
    WRITTEN.reduce((sum, stream) => {
      const { rows } = recorder.recording(stream);
      return sum + stretch.committed[stream].filter((mark) => !rows.has(mark)).length;
    }, 0);
  // Who was told of a gap waits in vain for what lies in it.
  await until(
    () => missing() === 0 || recorder.gaps.length > 0 || recorder.breach !== null,
    () => `${missing()} rows did not come`,
  );
  const heard = { missing: missing(), gaps: recorder.gaps };
  recorder.stop();
  // It throws where a row came twice, and at any other breach of the contract.
  recorder.check();
  return { stretch, heard };
}

const ms = (value: number): string => value.toFixed(1);
const rows: (string | number)[][] = [];
const waited: (string | number)[][] = [];
function note(what: string, { times, longestSinceDue, seconds, waits }: Stretch, heard: Heard | null): void {
  const row = [
    what,
    ms(seconds),
    times.length,
    ms(quantile(times, 0.5)),
    ms(quantile(times, 0.999)),
    ms(times.at(-1) ?? 0),
    ms(longestSinceDue),
    times.filter((time) => time > MOST_MS).length,
    heard === null ? '' : heard.missing,
    heard === null ? '' : heard.gaps.join(', ') || 'none',
  ];
  rows.push(row);
  const most = [...waits].sort(([, a], [, b]) => b - a);
  for (const [wait, count] of most) waited.push([what, wait, count]);
  console.error(row.join(' | '));
}

note('nothing else', await writers.during(() => pass(CALM_MS)), null);
note(
  'migrate',
  await writers.during(() => migrate({ connection: { connectionString: place.url(name) }, report: () => undefined })),
  null,
);
// What the index builds left in memory PostgreSQL writes out within minutes, whoever is there: not while something else is measured.
note('PostgreSQL writes it out', await writers.during(() => client.query('checkpoint')), null);
const product = await startProduct(place.url(name));
const before = await product.usage();
const building = performance.now();
const built = await recorded(product, () => untilRolledUp(client, streams));
const buildSeconds = (performance.now() - building) / 1000;
const after = await product.usage();
note('rollups are built', built.stretch, built.heard);
const calm = await recorded(product, () => pass(CALM_MS));
note('rollups are kept up', calm.stretch, calm.heard);
const sizes = await sizesOf(client, streams);
await product.stop();
note('nothing else, migrated', await writers.during(() => pass(CALM_MS)), null);

publish(
  'rollups',
  'A large database becomes a dashboard',
  commandOf('rollups', options),
  `${place.description}. ${options.rows} rows of 50 metrics and as many of 3,000 lines of funding rates, while ${ROWS_A_SECOND} rows a second are
written to both, each a transaction of its own. Ms that an insert took, and from when it was due to its commit. Aim: no
writer waits longer than 100 ms, and a recorder of the feed gets every row once. "PostgreSQL writes it out": a checkpoint after the migration, with
no dashboard there, in one go.

${table(
  [
    'meanwhile',
    'seconds',
    'inserts',
    'median ms',
    'p99.9 ms',
    'longest ms',
    'longest since due',
    'above 100 ms',
    'missing in the feed',
    'gaps told',
  ],
  rows,
)}

Whatever an insert that took longer than 50 ms was seen to wait for, looked at every 25 ms: locks of the dashboard, or the disk
that index builds write to as well.

${table(['meanwhile', 'waits for', 'seen'], waited)}

Rollups were built in ${buildSeconds.toFixed(0)} s; the server took ${((after.cpuMs - before.cpuMs) / 1000).toFixed(1)} s of a processor, and has ${(after.rss / 1e6).toFixed(0)} MB resident.

${table(
  ['', 'MB', 'rows or packs'],
  sizes.map(({ what, bytes, count }) => [what, (bytes / 1e6).toFixed(1), count ?? '']),
)}`,
);
await writers.end();
await client.end();
await place.dispose();
