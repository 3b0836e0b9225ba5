/**
 * What it costs to bring a row to many: the product with its pump on a real PostgreSQL, beside raw sockets to which a frame
 * of the same length is written, one at a time. Both are driven in a closed loop, in turns: the next message goes out when
 * every client has the last. Their clients are the same, in processes of their own.
 *
 * Usage: npm run bench -- fanout [clients, default 100,1000,5000,10000] [rounds, default 8] [ms per turn, default 1000]
 */
import pg from 'pg';
import { migrate } from '../server/db/migrate.ts';
import { startServer } from '../test/support/server.ts';
import { Fleet } from './support/fleet.ts';
import { type Measured, startFloor, startProduct } from './support/measured-process.ts';
import { publish, quantile, table } from './support/report.ts';

const sizes = (process.argv[2] ?? '100,1000,5000,10000').split(',').map(Number);
const rounds = Number(process.argv[3] ?? 8);
const turnMs = Number(process.argv[4] ?? 1000);
const KEYS_A_FLUSH = 10;
/** Clients that come and go before memory is measured. */
const WARM_UP = 100;
const PATH = '/feed?streams=system_metrics&detail=values';
/** The calm load of the last part. */
const CALM = { clients: 100, perSecond: 10, seconds: 20 };

const server = await startServer({ settings: { synchronous_commit: 'on' } });
await migrate({ connection: server.config, report: () => undefined });
const writer = new pg.Client(server.config);
await writer.connect();

/** Inserts a row of each of so many channels, in one statement. */
async function insert(channels: number, first = 0): Promise<void> {
  await writer.query({
    name: 'insert',
    text: `insert into system_metrics ("timestamp", metric_name, metric_value, metric_unit)
      select now(), 'bench_metric_' || i, random() * 100, 'percent' from generate_series($1::int, $2::int) i`,
    values: [first, first + channels - 1],
  });
}

/** Messages of one turn, the ms that it took, and the ms of the server's processor that it took. */
interface Turn {
  readonly messages: number;
  readonly ms: number;
  readonly cpuMs: number;
}

/** Sends and waits until every client has it, again and again for one turn. */
async function turn(
  measured: Measured,
  fleet: Fleet,
  clients: number,
  each: number,
  send: () => Promise<void> | void,
): Promise<Turn> {
  const before = await measured.usage();
  const start = performance.now();
  let messages = 0;
  while (performance.now() - start < turnMs) {
    const got = fleet.deltas(each);
    await send();
    await got;
    messages += each * clients;
  }
  const ms = performance.now() - start;
  const after = await measured.usage();
  return { messages, ms, cpuMs: after.cpuMs - before.cpuMs };
}

const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const thousands = (value: number): string => `${(value / 1000).toFixed(1)}k`;
const perSecond = ({ messages, ms }: Turn): number => messages / (ms / 1000);
const perCpuSecond = ({ messages, cpuMs }: Turn): number => messages / (cpuMs / 1000);
/** Median of the ratios of turns of the same round, with the quartiles. */
function ratio(ours: readonly Turn[], theirs: readonly Turn[], of: (turn: Turn) => number): string {
  const ratios = ours
    .map((each, i) => of(each) / of(theirs[i] ?? { messages: 0, ms: 0, cpuMs: 0 }))
    .sort((a, b) => a - b);
  return `${quantile(ratios, 0.5).toFixed(2)} (${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)})`;
}

const speed: (string | number)[][] = [];
const memory: (string | number)[][] = [];
const { row: calmRow, frameBytes } = await calm();
for (const clients of sizes) {
  const product = await startProduct(server.url);
  const floor = await startFloor('floor-sockets.ts', String(frameBytes), '0');
  const fleets = { product: new Fleet(2), floor: new Fleet(2) };
  // What grows with the first connections, and stays when they have gone, is no connection's memory.
  const first = { product: new Fleet(1), floor: new Fleet(1) };
  await first.product.open({ port: product.port, path: PATH, count: WARM_UP });
  await first.floor.open({ port: floor.port, path: PATH, count: WARM_UP });
  await insert(KEYS_A_FLUSH);
  await first.product.deltas(KEYS_A_FLUSH);
  await Promise.all([first.product.end(), first.floor.end()]);
  const empty = { product: await product.collected(), floor: await floor.collected() };
  await fleets.product.open({ port: product.port, path: PATH, count: clients });
  await fleets.floor.open({ port: floor.port, path: PATH, count: clients });
  const full = { product: await product.collected(), floor: await floor.collected() };

  const turns: Record<'floor' | 'one' | 'ten', Turn[]> = { floor: [], one: [], ten: [] };
  // The first round warms up.
  for (let round = -1; round < rounds; round += 1) {
    const done = {
      floor: await turn(floor, fleets.floor, clients, 1, () => floor.tell({ frames: 1 })),
      one: await turn(product, fleets.product, clients, 1, () => insert(1)),
      ten: await turn(product, fleets.product, clients, KEYS_A_FLUSH, () => insert(KEYS_A_FLUSH)),
    };
    if (round < 0) continue;
    turns.floor.push(done.floor);
    turns.one.push(done.one);
    turns.ten.push(done.ten);
  }
  const busy = await product.usage();
  const each = (name: 'product' | 'floor', of: 'rss' | 'heapUsed'): string =>
    ((full[name][of] - empty[name][of]) / clients / 1000).toFixed(1);
  memory.push([
    clients,
    each('product', 'rss'),
    each('product', 'heapUsed'),
    each('floor', 'rss'),
    each('floor', 'heapUsed'),
    (empty.product.rss / 1e6).toFixed(0),
    (busy.rss / 1e6).toFixed(0),
  ]);
  const medians = (of: (turn: Turn) => number): string[] => [
    thousands(median(turns.floor.map(of))),
    thousands(median(turns.one.map(of))),
    thousands(median(turns.ten.map(of))),
  ];
  speed.push([
    clients,
    ...medians(perCpuSecond),
    ratio(turns.one, turns.floor, perCpuSecond),
    ratio(turns.ten, turns.floor, perCpuSecond),
    ...medians(perSecond),
  ]);
  console.error([...(speed.at(-1) ?? []), '|', ...(memory.at(-1) ?? [])].join(' '));
  await Promise.all([fleets.product.end(), fleets.floor.end()]);
  await Promise.all([product.stop(), floor.stop()]);
}

/** A hundred clients, ten rows a second, each for itself: what the product takes of a processor and of memory; a frame's mean length. */
async function calm(): Promise<{ row: string[]; frameBytes: number }> {
  const product = await startProduct(server.url);
  const fleet = new Fleet(1);
  await fleet.open({ port: product.port, path: PATH, count: CALM.clients });
  await insert(1);
  await fleet.deltas(1);
  const before = await product.usage();
  const start = performance.now();
  const total = CALM.perSecond * CALM.seconds;
  const all = fleet.deltas(total);
  for (let sent = 0; sent < total; sent += 1) {
    const due = start + (sent * 1000) / CALM.perSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    // Rows of one channel that come late together would be one delta.
    await insert(1, sent);
  }
  const frameBytes = Math.round(await all);
  const after = await product.usage();
  const share = (after.cpuMs - before.cpuMs) / (performance.now() - start);
  await fleet.end();
  await product.stop();
  const row = [`${(share * 100).toFixed(1)}%`, (before.rss / 1e6).toFixed(0), (after.rss / 1e6).toFixed(0)];
  return { row, frameBytes };
}

publish(
  'fanout',
  'One row to many',
  `npm run bench -- fanout ${sizes.join(',')} ${rounds} ${turnMs}`,
  `Messages delivered. The product looks for rows in PostgreSQL, encodes them and writes them to all clients; "one" is a row a flush,
"ten" is rows of ten channels in one flush. The floor writes a frame of ${frameBytes} bytes, made once, to raw sockets, one at a time. A message
goes out when every client has the last one; the waits for the database and for the clients are in the rates by the clock, and
not in those by the server's own processor time. Medians of ${rounds} rounds of ${turnMs} ms, ratios with their quartiles.

${table(
  [
    'clients',
    'floor, per CPU s',
    'one, per CPU s',
    'ten, per CPU s',
    'one / floor',
    'ten / floor',
    'floor, per s',
    'one, per s',
    'ten, per s',
  ],
  speed,
)}

At 1,000 clients at least 0.65 and 4 are asked for.

Memory a connection that waits for rows, in kB, after the garbage was collected before and after the clients came; at 10,000 at
most 10 are asked for. The last two columns are the whole process in MB, without clients and after the turns above.

${table(['clients', 'product', 'of it heap', 'floor', 'of it heap', 'product before, MB', 'product after, MB'], memory)}

${CALM.clients} clients and ${CALM.perSecond} rows a second, for ${CALM.seconds} s: under 5% of a processor and at most 75 MB are asked for.

${table(['of a processor', 'resident before, MB', 'resident after, MB'], [calmRow])}`,
);
await writer.end();
await server.dispose();
