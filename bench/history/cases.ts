/** What is read of the past in these benchmarks: which charts, over which ranges, and how. */
import type pg from 'pg';
import { readBinary } from '../../server/db/binary-rows.ts';
import { type HistoryOptions, readChannels, readSnapshot } from '../../server/db/history.ts';
import type { Queryable } from '../../server/db/queryable.ts';
import type { SnapshotRequest } from '../../server/feed/ports.ts';
import { encodeChannel } from '../../server/feed/reduced.ts';
import { parseRange } from '../../shared/range.ts';
import { STREAMS, type StreamDeclaration, type StreamName } from '../../shared/streams.ts';

/** Pixel columns of a chart. */
export const POINTS = 1200;
export const RANGES = ['1h', '6h', '24h', '7d'] as const;
export type RangeName = (typeof RANGES)[number];

/** A chart that is read. */
export interface Case {
  readonly name: string;
  readonly stream: StreamName;
  /** Whether all keys of the stream are read at once, in place of one. */
  readonly every: boolean;
}

export const CASES: readonly Case[] = [
  { name: 'one metric', stream: 'system_metrics', every: false },
  { name: 'funding rates of a symbol', stream: 'funding_rates', every: false },
  { name: 'performance of a symbol', stream: 'performance_metrics', every: false },
  { name: 'predictions of a symbol', stream: 'signal_predictions', every: false },
  { name: 'all 50 metrics', stream: 'system_metrics', every: true },
];

/** The request of a chart as a page makes it. */
export function requestOf(key: string | null, range: RangeName): SnapshotRequest {
  const parsed = parseRange(range);
  if (parsed === null) throw new RangeError(`${range} is no range`);
  return {
    keys: key === null ? null : [key],
    range: parsed,
    resolution: { points: POINTS },
    now: Date.now(),
    pointLimit: 500_000,
  };
}

/** Ends of snapshot frames, by key. */
export type Snapshots = ReadonlyMap<string, string>;

/** Reads snapshots as a subscription does. Call it inside `reading`. */
export async function snapshots(client: pg.Client, { stream }: Case, request: SnapshotRequest): Promise<Snapshots> {
  const bodies = new Map<string, string>();
  for await (const { key, body } of readSnapshot(client, STREAMS[stream], request)) bodies.set(key, body.text);
  return bodies;
}

/**
 * Reads what a running server reads for a subscription, which remembers how far apart the rows of lines come; answers its
 * length.
 *
 * @param client as a server has it: on which the statements of history are prepared.
 */
export async function servedBytes(
  client: Queryable,
  { stream }: Case,
  request: SnapshotRequest,
  options: HistoryOptions,
): Promise<number> {
  let length = 0;
  for await (const channel of readChannels(client, STREAMS[stream], request, { ...options, margins: true })) {
    length += encodeChannel(STREAMS[stream], channel).length;
  }
  return length;
}

/** The same, from the rows alone: as where there are no rollups, or no right to them. */
export async function plainSnapshots(
  client: pg.Client,
  { stream }: Case,
  request: SnapshotRequest,
): Promise<Snapshots> {
  const bodies = new Map<string, string>();
  for await (const channel of readChannels(client, STREAMS[stream], request, { rollups: false })) {
    bodies.set(channel.key, encodeChannel(STREAMS[stream], channel));
  }
  return bodies;
}

/**
 * Reads every row of the chart, as the earlier dashboard did; answers how many.
 *
 * @param sent false: the rows are read and not sent, for there are more than a client holds.
 */
export async function rawRows(
  client: pg.Client,
  { stream }: Case,
  request: SnapshotRequest,
  sent: boolean,
): Promise<number> {
  const { table, key } = declarationOf(stream);
  const text = `select * from ${table} where ($1::text[] is null or ${key.name} = any($1)) and "timestamp" >= $2
    order by "timestamp"`;
  const values = [request.keys, new Date(request.now - rangeMs(request))];
  if (!sent) {
    await client.query({ text: `declare raw_rows no scroll cursor for ${text}`, values });
    const { rowCount } = await client.query('move forward all in raw_rows');
    await client.query('close raw_rows');
    return rowCount ?? 0;
  }
  const types = { getTypeParser: () => (cell: string) => cell };
  const { rowCount } = await client.query({ text, values, rowMode: 'array', types });
  return rowCount ?? 0;
}

/**
 * The least that an answer with all rows of a chart takes: its values copied out, in binary, in no order and not reduced,
 * by one statement.
 */
export async function copiedRows(client: pg.Client, { stream }: Case, request: SnapshotRequest): Promise<number> {
  const { table, key, values } = declarationOf(stream);
  const columns = ['id', '"timestamp"', ...values.map(({ name }) => name)].join(', ');
  const text = `select ${columns} from ${table} where ${key.name} = any($1::text[]) and "timestamp" >= to_timestamp($2)`;
  const rows = await readBinary(client, text, [request.keys ?? [], (request.now - rangeMs(request)) / 1000]);
  return rows.length;
}

/** A request's range in ms; 0 for `latest`. */
export function rangeMs({ range }: SnapshotRequest): number {
  return range.kind === 'window' ? range.ms : 0;
}

function declarationOf(stream: StreamName): StreamDeclaration {
  return STREAMS[stream];
}

/** Runs `action` in a transaction as of one moment, which leaves no trace. */
export async function reading<T>(client: pg.Client, action: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level repeatable read read only');
  try {
    return await action();
  } finally {
    await client.query('rollback');
  }
}
