/**
 * Brings the rows of channels in: what is small of many channels in one round trip, what is large of each through a
 * cursor of the database, so that neither side holds more than a batch and what is kept.
 */
import type { StreamDeclaration } from '../../shared/streams.ts';
import { keeperOf, LineCollector } from './history-reduce.ts';
import type { HistoryQueries, Part } from './history-sql.ts';
import { arrivalRows } from './history-sql.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readCells } from './queryable.ts';

export const MINUTE_MS = 60_000;
export const MINUTES = 60;
/** Keys that are read together: of ranges, whose rows are held for all of them; and of `latest`, one row a line. */
export const KEYS_AT_ONCE = { window: 16, latest: 128 } as const;
/** Rows of a range that are read together with the other ranges'; a range with more is read on its own, by a cursor. */
const FIRST_ROWS = 2_000;
/** Rows a round trip of a cursor. */
const FETCH_ROWS = 2_000;
const CURSOR = 'alphapulse_history';
/** Cells of a row as the queries answer it: number of its range, time, series, then the values. */
export const TIME_AT = 1;
const SERIES_AT = 2;
export const VALUES_AT = 3;

/** A request with everything worked out that its channels share. */
export interface Plan {
  readonly stream: StreamDeclaration;
  readonly queries: HistoryQueries;
  readonly now: number;
  /** Start of the range, null for `latest`. */
  readonly from: number | null;
  readonly buckets: number;
  readonly bucketMs: number;
  readonly minutesFrom: number;
}

/** When a line's newest row was written, and how far apart its arrivals are. */
interface Arrival {
  readonly arrived: number;
  readonly spacingMs: number | null;
}

/** A channel while it is read. */
export interface Channel {
  readonly key: string;
  readonly ranges: Range[];
  readonly collectors: Map<string | null, LineCollector>;
  readonly arrivals: Map<string | null, Arrival>;
  readonly counts: number[];
  total: number;
}

/** A range of an index: a line of a channel, or all of it. */
interface Range {
  readonly channel: Channel;
  readonly part: Part;
  readonly series: string | null;
  first: readonly Cells[];
}

/** Begins some channels with queries that read all of them at once. */
export async function readFirst(client: Queryable, plan: Plan, keys: readonly string[]): Promise<readonly Channel[]> {
  const channels = keys.map(
    (key): Channel => ({
      key,
      ranges: [],
      collectors: new Map(),
      arrivals: new Map(),
      counts: new Array<number>(MINUTES).fill(0),
      total: 0,
    }),
  );
  await addRanges(client, plan, channels);
  for (const part of ['key', 'line', 'nameless'] as const) {
    const ranges = channels.flatMap((channel) => channel.ranges.filter((range) => range.part === part));
    if (ranges.length > 0) await readRanges(client, plan, part, ranges);
  }
  return channels;
}

async function addRanges(client: Queryable, { queries }: Plan, asked: readonly Channel[]): Promise<void> {
  // PostgreSQL knows no text with NUL in it: such a key has no rows, and asking for it would end the transaction of all.
  const channels = asked.filter(({ key }) => !key.includes('\0'));
  if (!queries.lineByLine) {
    for (const channel of channels) channel.ranges.push({ channel, part: 'key', series: null, first: [] });
    return;
  }
  const byKey = new Map(channels.map((channel) => [channel.key, channel]));
  for (const [key, series] of await readCells(client, { text: queries.lines }, [[...byKey.keys()]])) {
    const channel = byKey.get(key ?? '');
    const name = series ?? null;
    channel?.ranges.push({ channel, part: name === null ? 'nameless' : 'line', series: name, first: [] });
  }
}

async function readRanges(client: Queryable, plan: Plan, part: Part, ranges: readonly Range[]): Promise<void> {
  const { queries, now } = plan;
  const bound = [ranges.map(({ channel }) => channel.key), ranges.map(({ series }) => series)];
  const rangeOf = (cells: Cells): Range | undefined => ranges[Number(cells[0]) - 1];
  if (plan.from === null) {
    for (const cells of await readCells(client, { text: queries.minutes(part) }, [...bound, plan.minutesFrom])) {
      const range = rangeOf(cells);
      const minute = Number(cells[1]) - plan.minutesFrom / MINUTE_MS;
      if (range !== undefined) range.channel.counts[minute] = (range.channel.counts[minute] ?? 0) + Number(cells[2]);
    }
    if (queries.lineByLine || plan.stream.series === null) {
      for (const cells of await readCells(client, { text: queries.newest(part) }, bound)) {
        const range = rangeOf(cells);
        if (range !== undefined) collect(plan, range.channel, cells);
      }
    } else await readNewestOfLines(client, plan, ranges);
  } else {
    const rows = await readCells(client, { text: queries.first(part) }, [...bound, scanFrom(plan), FIRST_ROWS + 1]);
    for (let start = 0; start < rows.length; ) {
      const number = rows[start]?.[0];
      let end = start + 1;
      while (end < rows.length && rows[end]?.[0] === number) end += 1;
      const range = ranges[Number(number) - 1];
      if (range !== undefined) range.first = rows.slice(start, end);
      start = end;
    }
  }
  for (const [number, series, arrived, spacing] of await readCells(client, { text: queries.arrivals(part) }, [
    ...bound,
    now,
    arrivalRows(ranges.length),
  ])) {
    ranges[Number(number) - 1]?.channel.arrivals.set(series ?? null, arrivalOf(arrived, spacing, now));
  }
}

/** The last hour is always read, for its counts; of a shorter range what lies before it is only counted. */
function scanFrom(plan: Plan): number {
  return Math.min(plan.from ?? plan.minutesFrom, plan.minutesFrom);
}

function arrivalOf(arrived: string | null | undefined, spacing: string | null | undefined, now: number): Arrival {
  return { arrived: Math.min(Number(arrived), now), spacingMs: spacing == null ? null : Number(spacing) };
}

/** Ends a channel with what has to be read for it alone. */
export async function readRest(client: Queryable, plan: Plan, channel: Channel): Promise<void> {
  for (const range of channel.ranges) {
    if (range.first.length <= FIRST_ROWS) take(plan, channel, range.first);
    else for await (const batch of scan(client, plan, range)) take(plan, channel, batch);
    range.first = [];
  }
  for (const name of channel.collectors.keys()) {
    // Lines that are not among the newest rows of their key.
    if (channel.arrivals.has(name) || plan.queries.lineByLine || plan.stream.series === null) continue;
    const query = { text: plan.queries.arrivals(name === null ? 'nameless' : 'line') };
    const [row] = await readCells(client, query, [[channel.key], [name], plan.now, arrivalRows(1)]);
    if (row !== undefined) channel.arrivals.set(name, arrivalOf(row[2], row[3], plan.now));
  }
}

/** The rows of a range in batches, from its start: the plan for all rows may be another one than that for the first. */
async function* scan(client: Queryable, plan: Plan, range: Range): AsyncGenerator<readonly Cells[]> {
  const values = [[range.channel.key], ...(range.part === 'line' ? [[range.series]] : []), scanFrom(plan)];
  const text = plan.queries.all(range.part);
  await readCells(client, { text: `declare ${CURSOR} no scroll cursor for ${text}` }, values);
  let failed = false;
  try {
    for (;;) {
      const batch = await readCells(client, { text: `fetch ${FETCH_ROWS} from ${CURSOR}` });
      yield batch;
      if (batch.length < FETCH_ROWS) return;
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    // A failed statement has ended the cursor together with the transaction.
    if (!failed) await readCells(client, { text: `close ${CURSOR}` });
  }
}

function take(plan: Plan, channel: Channel, rows: readonly Cells[]): void {
  for (const cells of rows) {
    const time = Number(cells[TIME_AT]);
    const minute = Math.floor((time - plan.minutesFrom) / MINUTE_MS);
    const count = channel.counts[minute];
    if (count !== undefined) channel.counts[minute] = count + 1;
    if (plan.from !== null && time >= plan.from) collect(plan, channel, cells);
  }
}

function collect(plan: Plan, channel: Channel, cells: Cells): void {
  const name = cells[SERIES_AT] ?? null;
  let collector = channel.collectors.get(name);
  if (collector === undefined) {
    collector = new LineCollector(name, plan.buckets, keeperOf(plan.stream, plan.bucketMs, VALUES_AT));
    channel.collectors.set(name, collector);
  }
  collector.add(Number(cells[TIME_AT]), cells);
  channel.total += 1;
}

/** Where no index knows the lines of a key: its newest row, then the newest of another line, until there is no other. */
async function readNewestOfLines(client: Queryable, plan: Plan, ranges: readonly Range[]): Promise<void> {
  let open = ranges;
  while (open.length > 0) {
    const rows = await readCells(client, { text: plan.queries.newestOther }, [
      open.map(({ channel }) => channel.key),
      open.map(({ channel }) => JSON.stringify([...channel.collectors.keys()])),
    ]);
    const found: Range[] = [];
    for (const cells of rows) {
      const range = open[Number(cells[0]) - 1];
      if (range === undefined) continue;
      collect(plan, range.channel, cells);
      found.push(range);
    }
    open = found;
  }
}
