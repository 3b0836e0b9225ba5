/**
 * Reads the history of channels, reduced to what can be seen, as of the snapshot of the transaction it is called in. Rows
 * stream through a cursor of the database, so that neither side holds more than a batch and what is kept.
 */

import { encodeCell } from '../../shared/columns.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import { TIME_COLUMN } from '../../shared/streams.ts';
import type { ChannelSnapshot, SnapshotRequest } from '../feed/ports.ts';
import { LimitError } from '../feed/ports.ts';
import { keeperOf, LineCollector } from './history-reduce.ts';
import type { HistoryQueries, Part } from './history-sql.ts';
import { historyQueries } from './history-sql.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readCells, readColumn } from './queryable.ts';

/** A line of a channel: one array of JSON text a column, `timestamp` first. */
export interface HistoryLine {
  /** The series, null where the stream has none or its rows name none. */
  readonly name: string | null;
  readonly columns: readonly { readonly name: string; readonly json: string }[];
  /** When its newest row was written (epoch ms, not after now); null where unknown. */
  readonly arrived: number | null;
  /** Median ms between arrivals over the last 24 h; null under three of them. */
  readonly spacingMs: number | null;
}

/** The history of one channel. */
export interface ChannelHistory {
  readonly key: string;
  /** Epoch ms; null for `latest`. */
  readonly from: number | null;
  readonly to: number | null;
  /** Whether rows of any line were left out for want of pixels. */
  readonly reduced: boolean;
  /** Width of a bucket where reduced, else null. */
  readonly bucketMs: number | null;
  /** Rows in the range before the reduction. */
  readonly rowsTotal: number;
  /** By name, the nameless last; only lines with rows in the range. */
  readonly lines: readonly HistoryLine[];
  /** Rows a minute of their timestamp: `counts[i]` for the minute from `from + i * 60000`, 60 of them. */
  readonly minutes: { readonly from: number; readonly counts: readonly number[] };
}

const MINUTE_MS = 60_000;
const MINUTES = 60;
/** Rows a round trip. Most lines of a page's ranges fit into the first. */
const FETCH_ROWS = 2_000;
const CURSOR = 'alphapulse_history';
/** Where the values start in the cells of `rows` and `newest`: behind the time and the series. */
const VALUES_AT = 2;

/** A request with everything worked out that its channels share. */
interface Plan {
  readonly stream: StreamDeclaration;
  readonly queries: HistoryQueries;
  readonly now: number;
  /** Start of the range, null for `latest`. */
  readonly from: number | null;
  readonly buckets: number;
  readonly bucketMs: number;
  readonly minutesFrom: number;
}

/** A channel while it is read. */
interface Gathering {
  readonly collectors: Map<string | null, LineCollector>;
  readonly arrivals: Map<string | null, { readonly arrived: number; readonly spacingMs: number | null }>;
  readonly counts: number[];
  total: number;
}

/**
 * The history of every channel that a request asks for, in order of key (of asking, where it names keys).
 *
 * @param client inside an open REPEATABLE READ transaction; nothing but reading is done on it.
 * @throws LimitError where keys times buckets is more than the request's `pointLimit`.
 */
export async function* readChannels(
  client: Queryable,
  stream: StreamDeclaration,
  request: SnapshotRequest,
): AsyncGenerator<ChannelHistory> {
  const plan = makePlan(stream, request);
  const keys = request.keys === null ? await everyKey(client, plan) : [...new Set(request.keys)];
  const points = keys.length * plan.buckets;
  if (points > request.pointLimit) {
    throw new LimitError(
      `${keys.length} keys of ${stream.name} with ${plan.buckets} points each are ${points} points; ` +
        `at most ${request.pointLimit} are answered at once: ask for fewer keys or points`,
    );
  }
  for (const key of keys) yield await readChannel(client, plan, key);
}

/**
 * The same as the members of snapshot frames, encoded once for all who ask for the same.
 *
 * @throws LimitError as `readChannels`.
 */
export async function* readSnapshot(
  client: Queryable,
  stream: StreamDeclaration,
  request: SnapshotRequest,
): AsyncGenerator<ChannelSnapshot> {
  for await (const channel of readChannels(client, stream, request)) {
    yield { key: channel.key, body: encodeChannel(channel) };
  }
}

/** The JSON object of a line's columns. */
export function encodeColumns(line: HistoryLine): string {
  return `{${line.columns.map(({ name, json }) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

function encodeChannel(channel: ChannelHistory): string {
  const lines = channel.lines.map(
    (line) =>
      `{"name":${JSON.stringify(line.name)},"columns":${encodeColumns(line)},` +
      `"arrived":${line.arrived},"spacing_ms":${line.spacingMs}}`,
  );
  return (
    `"from":${channel.from},"to":${channel.to},"reduced":${channel.reduced},"bucket_ms":${channel.bucketMs},` +
    `"rows_total":${channel.rowsTotal},"series":[${lines.join(',')}],"minutes":${JSON.stringify(channel.minutes)}`
  );
}

function makePlan(stream: StreamDeclaration, request: SnapshotRequest): Plan {
  const { now, range, resolution } = request;
  const shared = {
    stream,
    queries: historyQueries(stream),
    now,
    minutesFrom: (Math.floor(now / MINUTE_MS) - (MINUTES - 1)) * MINUTE_MS,
  };
  if (range.kind === 'latest') return { ...shared, from: null, buckets: 1, bucketMs: MINUTE_MS };
  const from = now - range.ms;
  if ('points' in resolution) {
    return {
      ...shared,
      from,
      buckets: resolution.points,
      bucketMs: Math.max(1, Math.ceil(range.ms / resolution.points)),
    };
  }
  const { bucketMs } = resolution;
  const buckets = bucketMs > 0 ? Math.ceil(range.ms / bucketMs) : Number.POSITIVE_INFINITY;
  return { ...shared, from, buckets, bucketMs };
}

async function everyKey(client: Queryable, { queries, from }: Plan): Promise<readonly string[]> {
  const keys =
    from === null
      ? await readColumn(client, { text: queries.keys })
      : await readColumn(client, { text: queries.keysSince }, [from]);
  return [...keys].sort(byName);
}

async function readChannel(client: Queryable, plan: Plan, key: string): Promise<ChannelHistory> {
  const { queries, from, now } = plan;
  const gathering: Gathering = {
    collectors: new Map(),
    arrivals: new Map(),
    counts: new Array<number>(MINUTES).fill(0),
    total: 0,
  };
  for (const { part, values } of await partsOf(client, queries, key)) {
    // The last hour is always read, for its counts; of a shorter range what lies before it is only counted.
    const start = from === null ? plan.minutesFrom : Math.min(from, plan.minutesFrom);
    for await (const batch of scan(client, queries.rows(part), [...values, start])) {
      for (const cells of batch) take(plan, gathering, cells);
    }
    if (from === null) await takeLatest(client, plan, gathering, part, values);
    for (const [series, arrived, spacing] of await readCells(client, { text: queries.arrivals(part) }, [
      ...values,
      now,
    ])) {
      if (arrived == null) continue;
      const spacingMs = spacing == null ? null : Number(spacing);
      gathering.arrivals.set(series ?? null, { arrived: Math.min(Number(arrived), now), spacingMs });
    }
  }
  await completeArrivals(client, plan, gathering, key);
  return describe(plan, gathering, key);
}

/** The index ranges that make up a key: its lines, or the key itself. */
async function partsOf(
  client: Queryable,
  queries: HistoryQueries,
  key: string,
): Promise<readonly { readonly part: Part; readonly values: readonly string[] }[]> {
  if (!queries.lineByLine) return [{ part: 'key', values: [key] }];
  const rows = await readCells(client, { text: queries.lines }, [key]);
  return rows.map(([series]) =>
    series == null ? { part: 'nameless', values: [key] } : { part: 'line', values: [key, series] },
  );
}

/** The rows of a query in batches: at once where they are few, else through a cursor. */
async function* scan(client: Queryable, text: string, values: readonly unknown[]): AsyncGenerator<readonly Cells[]> {
  const few = await readCells(client, { text: `${text} limit ${FETCH_ROWS + 1}` }, values);
  if (few.length <= FETCH_ROWS) {
    yield few;
    return;
  }
  // Read again from the start: the plan for all rows may be another one than that for the first.
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

function take(plan: Plan, gathering: Gathering, cells: Cells): void {
  const time = Number(cells[0]);
  const minute = Math.floor((time - plan.minutesFrom) / MINUTE_MS);
  const count = gathering.counts[minute];
  if (count !== undefined) gathering.counts[minute] = count + 1;
  if (plan.from === null || time < plan.from) return;
  collect(plan, gathering, time, cells);
}

function collect(plan: Plan, gathering: Gathering, time: number, cells: Cells): void {
  const name = cells[1] ?? null;
  let collector = gathering.collectors.get(name);
  if (collector === undefined) {
    collector = new LineCollector(name, plan.buckets, keeperOf(plan.stream, plan.bucketMs, VALUES_AT));
    gathering.collectors.set(name, collector);
  }
  collector.add(time, cells);
  gathering.total += 1;
}

async function takeLatest(
  client: Queryable,
  plan: Plan,
  gathering: Gathering,
  part: Part,
  values: readonly string[],
): Promise<void> {
  const { queries, stream } = plan;
  if (queries.lineByLine || stream.series === null) {
    const [row] = await readCells(client, { text: queries.newest(part) }, values);
    if (row !== undefined) collect(plan, gathering, Number(row[0]), row);
    return;
  }
  // No index knows the lines of a key: the newest row, then the newest of another line, until there is no other.
  const named: string[] = [];
  let nameless = false;
  for (;;) {
    const [row] = await readCells(client, { text: queries.newestOther }, [...values, named, nameless]);
    if (row === undefined) return;
    collect(plan, gathering, Number(row[0]), row);
    const series = row[1];
    if (series == null) nameless = true;
    else named.push(series);
  }
}

/** Arrival of the lines that are not among the newest rows of their key. */
async function completeArrivals(client: Queryable, plan: Plan, gathering: Gathering, key: string): Promise<void> {
  for (const name of gathering.collectors.keys()) {
    if (gathering.arrivals.has(name) || plan.queries.lineByLine || plan.stream.series === null) continue;
    const part: Part = name === null ? 'nameless' : 'line';
    const values = name === null ? [key, plan.now] : [key, name, plan.now];
    const [row] = await readCells(client, { text: plan.queries.arrivals(part) }, values);
    if (row?.[1] == null) continue;
    const spacingMs = row[2] == null ? null : Number(row[2]);
    gathering.arrivals.set(name, { arrived: Math.min(Number(row[1]), plan.now), spacingMs });
  }
}

function describe(plan: Plan, gathering: Gathering, key: string): ChannelHistory {
  let reduced = false;
  const lines = [...gathering.collectors.values()]
    .sort((a, b) => byName(a.name, b.name))
    .map((collector): HistoryLine => {
      const finished = collector.finish();
      reduced ||= finished.reduced;
      const arrival = gathering.arrivals.get(collector.name);
      return {
        name: collector.name,
        columns: columnsOf(plan.stream, finished.rows),
        arrived: arrival?.arrived ?? null,
        spacingMs: arrival?.spacingMs ?? null,
      };
    });
  return {
    key,
    from: plan.from,
    to: plan.from === null ? null : plan.now,
    reduced,
    bucketMs: reduced ? plan.bucketMs : null,
    rowsTotal: gathering.total,
    lines,
    minutes: { from: plan.minutesFrom, counts: gathering.counts },
  };
}

function columnsOf(stream: StreamDeclaration, rows: readonly Cells[]): HistoryLine['columns'] {
  const column = (name: string, kind: Parameters<typeof encodeCell>[0], at: number) => ({
    name,
    json: `[${rows.map((row) => encodeCell(kind, row[at] ?? null)).join(',')}]`,
  });
  return [
    column(TIME_COLUMN.name, TIME_COLUMN.kind, 0),
    ...stream.values.map(({ name, kind }, index) => column(name, kind, VALUES_AT + index)),
  ];
}

/** Order of code units, in which every program sorts alike; null last. */
function byName(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
