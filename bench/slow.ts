/**
 * What slow clients do to the others, and what is done with them: charts that read all, beside charts that read 100 kB a
 * second, recorders (no range) that read as slowly, and clients that stopped reading. More is written than the slow ones
 * can take. The charts that read all are measured without the slow ones, with them, and without them again.
 *
 * Usage: npm run bench -- slow [seconds per part, default 30]
 */
import pg from 'pg';
import { z } from 'zod';
import { migrate } from '../server/db/migrate.ts';
import { startServer } from '../test/support/server.ts';
import { Fleet } from './support/fleet.ts';
import type { ReaderReport } from './support/fleet-messages.ts';
import { startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';

const seconds = Number(process.argv[2] ?? 30);
const HEALTHY = 20;
const SLOW = 10;
const RECORDERS = 3;
const STALLED = 5;
const SLOW_RATE = 100_000;
const ROWS_A_SECOND = 250;
const WRITERS = 4;
const DOCUMENT_BYTES = 1500;
const KEY = 'BTC/USDT';
const RECORDER = `/feed?streams=signal_predictions&keys=${encodeURIComponent(KEY)}`;
const CHART = `${RECORDER}&range=1h&points=600`;

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const writers = await Promise.all(
  Array.from({ length: WRITERS }, async () => {
    const client = new pg.Client(server.config);
    await client.connect();
    return client;
  }),
);
const INSERT = `insert into signal_predictions ("timestamp", symbol, signal_type, confidence, features)
  values (to_timestamp($1::double precision / 1000), $2, 'momentum', random(), $3)`;
const features = JSON.stringify({ note: 'x'.repeat(DOCUMENT_BYTES) });
let written = 0;

/** Inserts single rows at a steady rate until told to stop; each row's time is that of its INSERT. */
async function write(stop: AbortSignal): Promise<void> {
  const start = performance.now();
  const first = written;
  const turns: Promise<unknown>[] = writers.map(() => Promise.resolve());
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = first + ((performance.now() - start) / 1000) * ROWS_A_SECOND;
      for (; written < due; written += 1) {
        const time = performance.timeOrigin + performance.now();
        const query = { name: 'insert', text: INSERT, values: [time, KEY, features] };
        const turn = written % WRITERS;
        turns[turn] = turns[turn]?.then(() => writers[turn]?.query(query)) ?? Promise.resolve();
      }
      if (!stop.aborted) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  await Promise.all(turns);
}

// An hour of history, so that a snapshot has its full length from the beginning.
await writers[0]?.query(
  `insert into signal_predictions ("timestamp", symbol, signal_type, confidence)
   select now() - i * interval '1 second', $1, 'momentum', random() from generate_series(1, 3600) i`,
  [KEY],
);
const product = await startProduct(server.url);

const metrics = z.object({ counters: z.record(z.string(), z.number()), feed: z.looseObject({}).optional() });
const readMetrics = async (): Promise<z.infer<typeof metrics>> =>
  metrics.parse(await (await fetch(`http://127.0.0.1:${product.port}/api/metrics`)).json());

/** What was seen of the server during a part. */
interface Part {
  readonly cpu: number;
  readonly mostResident: number;
  /** Ms after which the last of the stalled clients was closed; null where it was not. */
  readonly stalledClosedMs: number | null;
  /** The server's own account at the moment of most memory. */
  readonly feed: unknown;
}

async function part(): Promise<Part> {
  const stop = new AbortController();
  const writing = write(stop.signal);
  const before = await product.usage();
  const closedBefore = (await readMetrics()).counters.slow_consumers_closed_total ?? 0;
  const start = performance.now();
  let mostResident = 0;
  let feed: unknown;
  let stalledClosedMs: number | null = null;
  while (performance.now() - start < seconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const { rss } = await product.usage();
    const now = await readMetrics();
    if (rss > mostResident) {
      mostResident = rss;
      feed = now.feed;
    }
    const closed = (now.counters.slow_consumers_closed_total ?? 0) - closedBefore;
    if (closed >= STALLED) stalledClosedMs ??= performance.now() - start;
  }
  const after = await product.usage();
  const cpu = (after.cpuMs - before.cpuMs) / (performance.now() - start);
  stop.abort();
  await writing;
  return { cpu, mostResident, stalledClosedMs, feed };
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const ms = (value: number): string => value.toFixed(value < 100 ? 1 : 0);
const times = (reports: readonly ReaderReport[], of: (report: ReaderReport) => readonly number[]): string[] => {
  const all = sorted(reports.flatMap(of));
  return [all.length.toString(), ...[0.5, 0.99, 1].map((q) => (all.length === 0 ? '' : ms(quantile(all, q))))];
};
const sum = (reports: readonly ReaderReport[], of: (report: ReaderReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);
const gapsOf = (report: ReaderReport): number => Object.values(report.gaps).reduce((a, b) => a + b, 0);

const healthy = new Fleet(1);
await healthy.open({ port: product.port, path: CHART, count: HEALTHY, read: true });
/** One part's row: the healthy clients' row ages, and the server. */
const describe = (what: string, { cpu, mostResident }: Part, reports: readonly ReaderReport[]): (string | number)[] => [
  what,
  ...times(reports, ({ rowAges }) => rowAges),
  sum(reports, gapsOf),
  `${(cpu * 100).toFixed(0)}%`,
  (mostResident / 1e6).toFixed(0),
];

const alone = describe('alone', await part(), await healthy.report(true));
const others = { slow: new Fleet(1), recorders: new Fleet(1), stalled: new Fleet(1) };
const port = product.port;
await others.recorders.open({ port, path: RECORDER, count: RECORDERS, rate: SLOW_RATE, read: true });
await others.slow.open({ port, path: CHART, count: SLOW, rate: SLOW_RATE, read: true });
await others.stalled.open({ port, path: CHART, count: STALLED, rate: 0, read: false });
// Nothing was written while they connected, so that what they have got by now is old for no fault of theirs.
for (const fleet of [healthy, others.slow]) await fleet.report(true);
const beside = await part();
const besideRow = describe('beside slow ones', beside, await healthy.report(true));
const slow = await others.slow.report(true);

// A recorder that may read at once again gets what it is owed; as long as it does not have it, it is waited for.
await others.recorders.hurry();
const last = await writers[0]?.query<{ id: number }>('select max(id) as id from signal_predictions');
const lastId = last?.rows[0]?.id ?? Number.NaN;
const deadline = performance.now() + 60_000;
let recorders = await others.recorders.report(false);
while (recorders.some(({ highestId }) => highestId !== lastId) && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 250));
  recorders = await others.recorders.report(false);
}
await Promise.all(Object.values(others).map((fleet) => fleet.end()));
await healthy.report(true);
const again = describe('alone again', await part(), await healthy.report(true));

const lost = (report: ReaderReport): number => lastId + 1 - (report.lowestId ?? 0) - report.rows;
const open = (reports: readonly ReaderReport[]): string =>
  `${reports.filter(({ closed }) => closed === null).length} of ${reports.length}`;
const account = (what: string, reports: readonly ReaderReport[]): (string | number)[] => [
  what,
  open(reports),
  ...times(reports, ({ rowAges }) => rowAges),
  ...times(reports, ({ snapshotAges }) => snapshotAges),
  sum(reports, gapsOf),
  sum(reports, ({ doubled }) => doubled),
  sum(reports, ({ breaks }) => breaks),
];
publish(
  'slow',
  'Slow clients beside others',
  `npm run bench -- slow ${seconds}`,
  `${ROWS_A_SECOND} rows a second of ${DOCUMENT_BYTES / 1000} kB for each of: ${HEALTHY} charts that read all; in the second part also ${SLOW} charts and
${RECORDERS} recorders (no range) that read ${SLOW_RATE / 1000} kB/s, and ${STALLED} clients that read nothing. ${seconds} s each part. Ages in ms on arrival, since the INSERT
was sent.

The charts that read all, whose p99 is to stay as it is, and the server:

${table(['', 'rows', 'median', 'p99', 'longest', 'gaps', 'of a processor', 'most resident, MB'], [alone, besideRow, again])}

The slow ones. Charts are to be at most 3,000 ms behind (p99), told of every gap, and not closed; recorders are to lose nothing.

${table(
  [
    '',
    'still open',
    'rows',
    'age: median',
    'p99',
    'longest',
    'snapshots',
    'age: median',
    'p99',
    'longest',
    'gaps',
    'doubled',
    'breaks of a chain',
  ],
  [account(`charts at ${SLOW_RATE / 1000} kB/s`, slow), account('recorders', recorders)],
)}

Rows that a recorder lost, when it had read to the end: ${recorders.map(lost).join(', ')}. The clients that read nothing were all closed (4408) ${
    beside.stalledClosedMs === null ? '**not at all**' : `within ${(beside.stalledClosedMs / 1000).toFixed(1)} s`
  }.

The server's own account at its largest beside the slow ones:

\`\`\`json
${JSON.stringify(beside.feed, null, 2)}
\`\`\``,
);
await healthy.end();
await product.stop();
await Promise.all(writers.map((writer) => writer.end()));
await server.dispose();
