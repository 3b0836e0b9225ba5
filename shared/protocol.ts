/**
 * The feed's frames, protocol version 1: the schemas that parse them on both sides, and the error and close codes.
 * Unknown fields are ignored, so zod's plain `object` (which strips them) is the right strictness everywhere.
 */
import * as z from 'zod/mini';
import { areRows } from './row-check.ts';
import { STREAM_NAMES } from './streams.ts';
import { PROTOCOL_VERSION } from './version.ts';

export * from './requests.ts';
export { PROTOCOL_VERSION };

/** Error codes (F11). */
export const ERROR_CODES = [
  'bad_frame',
  'unknown_type',
  'unknown_stream',
  'bad_range',
  'bad_cursor',
  'limit',
  'unauthorized',
  'unavailable',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Close codes (F12). */
export const CLOSE = {
  goingAway: 1001,
  abuse: 4400,
  unauthorized: 4401,
  forbiddenOrigin: 4403,
  slowConsumer: 4408,
  protocolVersion: 4426,
} as const;

const streamName = z.enum(STREAM_NAMES);
const epochMs = z.number();
const cursor = z.string();
const upDown = z.enum(['up', 'down']);
/** What brought a delta about. */
export const VIAS = ['notify', 'tick', 'replay'] as const;
const via = z.enum(VIAS);
/** A column of cells: whatever JSON can carry (F8). They are not gone through, as a history has a hundred thousand of them. */
const column = z.custom<unknown[]>((value) => Array.isArray(value));

const helloFrame = z.object({
  type: z.literal('hello'),
  protocol: z.literal(PROTOCOL_VERSION),
  version: z.string(),
  build: z.string(),
  epoch: z.string(),
  time: epochMs,
  heartbeat_ms: z.number(),
  tick_ms: z.number(),
  demo: z.boolean(),
  streams: z.array(
    z.object({
      name: z.string(),
      key: z.string(),
      series: z.nullable(z.string()),
      values: z.array(z.object({ name: z.string(), unit: z.nullable(z.string()) })),
    }),
  ),
});
const subscribedFrame = z.object({
  type: z.literal('subscribed'),
  id: z.string(),
  stream: streamName,
  keys: z.nullable(z.array(z.string())),
  cursor,
  resumed: z.boolean(),
});

/**
 * One line of a snapshot. Beyond the contract, it carries what staleness is judged by: `arrived`, when the series' newest
 * row was written (epoch ms, null where unknown), and `spacing_ms`, the median time between rows of the last 24 h.
 */
const snapshotSeries = z.object({
  name: z.nullable(z.string()),
  columns: z.record(z.string(), column),
  arrived: z.optional(z.nullable(epochMs)),
  spacing_ms: z.optional(z.nullable(z.number())),
});

/**
 * History of one channel. Beyond the contract, `minutes` counts the channel's rows by minute of their timestamp over the
 * last hour: `counts[i]` for the minute that begins at `from + i * 60000`; a 61st where rows are dated in the minute after it.
 */
const snapshotFrame = z.object({
  type: z.literal('snapshot'),
  id: z.string(),
  stream: streamName,
  key: z.string(),
  cursor,
  from: z.nullable(epochMs),
  to: z.nullable(epochMs),
  reduced: z.boolean(),
  bucket_ms: z.nullable(z.number()),
  rows_total: z.number(),
  series: z.array(snapshotSeries),
  minutes: z.optional(z.object({ from: epochMs, counts: z.array(z.number()) })),
});
const syncedFrame = z.object({ type: z.literal('synced'), id: z.string(), cursor });
const deltaFrame = z
  .object({
    type: z.literal('delta'),
    stream: streamName,
    key: z.string(),
    prev: cursor,
    cursor,
    time: epochMs,
    via,
    rows: z.array(z.looseObject({ id: z.number(), timestamp: epochMs })),
  })
  .check(
    z.refine(({ stream, rows }) => areRows(stream, rows), {
      error: 'the rows are not of the stream',
      path: ['rows'],
    }),
  );
const gapFrame = z.object({
  type: z.literal('gap'),
  id: z.string(),
  stream: streamName,
  key: z.nullable(z.string()),
  cursor,
  reason: z.enum(['slow_consumer', 'replay_exhausted', 'epoch_changed']),
});
const unsubscribedFrame = z.object({ type: z.literal('unsubscribed'), id: z.string() });
const heartbeatFrame = z.object({
  type: z.literal('heartbeat'),
  time: epochMs,
  database: upDown,
  doorbell: upDown,
  freshness: z.record(z.string(), z.nullable(z.number())),
});
const pongFrame = z.object({ type: z.literal('pong'), id: z.optional(z.string()), time: epochMs });
const errorFrame = z.object({
  type: z.literal('error'),
  id: z.optional(z.string()),
  code: z.enum(ERROR_CODES),
  message: z.string(),
});
const byeFrame = z.object({ type: z.literal('bye'), reason: z.string(), retry_after_ms: z.number() });

/** Any frame that the server sends. */
export const serverFrame = z.discriminatedUnion('type', [
  helloFrame,
  subscribedFrame,
  snapshotFrame,
  syncedFrame,
  deltaFrame,
  gapFrame,
  unsubscribedFrame,
  heartbeatFrame,
  pongFrame,
  errorFrame,
  byeFrame,
]);
export type ServerFrame = z.infer<typeof serverFrame>;
/** A server frame of one type: `Frame<'delta'>`. */
export type Frame<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;
export type Via = (typeof VIAS)[number];

/** How often a consumer that hears nothing gives the connection up, in heartbeats (F13). */
export const SILENT_HEARTBEATS = 3;
