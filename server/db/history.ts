/**
 * Reads the history of channels, reduced to what can be seen, as of the snapshot of the transaction it is called in.
 * `history-read.ts` brings the rows in, this file says what is read and how it is written down.
 */
import { encodeCell } from '../../shared/columns.ts';
import type { ColumnKind, StreamDeclaration } from '../../shared/streams.ts';
import { TIME_COLUMN } from '../../shared/streams.ts';
import type { ChannelSnapshot, SnapshotRequest } from '../feed/ports.ts';
import { LimitError } from '../feed/ports.ts';
import type { Channel, Plan } from './history-read.ts';
import { KEYS_AT_ONCE, MINUTE_MS, MINUTES, readFirst, readRest, TIME_AT, VALUES_AT } from './history-read.ts';
import { historyQueries } from './history-sql.ts';
import type { Cells, Queryable } from './queryable.ts';
import { readColumn } from './queryable.ts';

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
  const atOnce = KEYS_AT_ONCE[request.range.kind];
  for (let start = 0; start < keys.length; start += atOnce) {
    const channels = await readFirst(client, plan, keys.slice(start, start + atOnce));
    for (const channel of channels) {
      await readRest(client, plan, channel);
      yield describe(plan, channel);
    }
  }
}

/**
 * The same as the ends of snapshot frames, encoded once for all who ask for the same.
 *
 * @throws LimitError as `readChannels`.
 */
export async function* readSnapshot(
  client: Queryable,
  stream: StreamDeclaration,
  request: SnapshotRequest,
): AsyncGenerator<ChannelSnapshot> {
  for await (const channel of readChannels(client, stream, request)) {
    yield { key: channel.key, body: { text: `${encodeChannel(channel)}}` } };
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

function describe(plan: Plan, channel: Channel): ChannelHistory {
  let reduced = false;
  const lines = [...channel.collectors.values()]
    .sort((a, b) => byName(a.name, b.name))
    .map((collector): HistoryLine => {
      const finished = collector.finish();
      reduced ||= finished.reduced;
      const arrival = channel.arrivals.get(collector.name);
      return {
        name: collector.name,
        columns: columnsOf(plan.stream, finished.rows),
        arrived: arrival?.arrived ?? null,
        spacingMs: arrival?.spacingMs ?? null,
      };
    });
  return {
    key: channel.key,
    from: plan.from,
    to: plan.from === null ? null : plan.now,
    reduced,
    bucketMs: reduced ? plan.bucketMs : null,
    rowsTotal: channel.total,
    lines,
    minutes: { from: plan.minutesFrom, counts: channel.counts },
  };
}

function columnsOf(stream: StreamDeclaration, rows: readonly Cells[]): HistoryLine['columns'] {
  const column = (name: string, kind: ColumnKind, at: number) => ({
    name,
    json: `[${rows.map((row) => encodeCell(kind, row[at] ?? null)).join(',')}]`,
  });
  return [
    column(TIME_COLUMN.name, TIME_COLUMN.kind, TIME_AT),
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
