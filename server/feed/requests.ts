/** What clients ask for, read from their frames and held against the contract: either a request or an error to send. */
import { WIDENING } from '../../shared/m4.ts';
import type { ErrorCode, ScreenReport, SubscribeFrame } from '../../shared/protocol.ts';
import { BOUNDS, CLIENT_FRAMES } from '../../shared/protocol.ts';
import type { Range } from '../../shared/range.ts';
import { parseRange, RANGE_HELP } from '../../shared/range.ts';
import type { Detail } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import { isStreamName, STREAM_NAMES } from '../../shared/streams.ts';
import { parseCursor } from './cursor.ts';
import type { SnapshotRequest } from './ports.ts';

/** Limits that a server may set for its connections; the defaults are the contract's. */
export interface FeedLimits {
  readonly keysPerSubscription: number;
  readonly keysPerConnection: number;
  readonly subscriptions: number;
  /** Points (keys x buckets) that one subscription may ask for. */
  readonly points: number;
  readonly framesPerSecond: number;
  readonly errorsPerMinute: number;
}

/** A subscription as asked for and found right. */
export interface SubscriptionRequest {
  readonly id: string;
  readonly stream: StreamName;
  /** Null: every key. */
  readonly keys: ReadonlySet<string> | null;
  readonly history: { readonly range: Range; readonly resolution: SnapshotRequest['resolution'] } | null;
  readonly since: string | null;
  readonly detail: Detail;
}

/** A request that cannot be met; sent as an error frame. */
export interface Refusal {
  readonly refused: ErrorCode;
  readonly message: string;
  readonly id: string | undefined;
}

export type ClientRequest =
  | { readonly type: 'subscribe'; readonly request: SubscriptionRequest }
  | { readonly type: 'unsubscribe'; readonly id: string }
  | { readonly type: 'ping'; readonly id: string | undefined; readonly screen: ScreenReport | undefined };

/** How much of a string a message repeats. */
const SHOWN = 80;
/** How many faults of one frame a message names. */
const FAULTS = 3;

/** A value as it may stand in a message: never long, never a broken line, and never walked through, however deep it is. */
function shown(value: unknown): string {
  if (typeof value === 'string')
    return value.length > SHOWN ? `${JSON.stringify(value.slice(0, SHOWN))}...` : JSON.stringify(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function refuse(refused: ErrorCode, message: string, id: string | undefined): Refusal {
  return { refused, message, id };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The id that a malformed frame came with, where it is one that may be sent back. */
function idOf(frame: Record<string, unknown>): string | undefined {
  const { id } = frame;
  return typeof id === 'string' && id.length > 0 && id.length <= BOUNDS.idLength ? id : undefined;
}

/** Parses one text frame of a client (F10, F11). */
export function parseClientFrame(text: string, limits: FeedLimits): ClientRequest | Refusal {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return refuse('bad_frame', `${shown(text)} is not JSON; send one JSON object a frame`, undefined);
  }
  if (!isRecord(frame)) return refuse('bad_frame', `${shown(text)} is not a JSON object`, undefined);
  const id = idOf(frame);
  const { type } = frame;
  if (typeof type !== 'string') {
    return refuse(
      'bad_frame',
      `"type" is missing or not a string; accepted: ${Object.keys(CLIENT_FRAMES).join(', ')}`,
      id,
    );
  }
  switch (type) {
    case 'subscribe':
      return parseSubscribe(frame, id, limits);
    case 'unsubscribe': {
      const parsed = CLIENT_FRAMES.unsubscribe.safeParse(frame);
      return parsed.success ? { type, id: parsed.data.id } : malformed(parsed.error.issues, frame, id);
    }
    case 'ping': {
      const parsed = CLIENT_FRAMES.ping.safeParse(frame);
      return parsed.success
        ? { type, id: parsed.data.id, screen: parsed.data.screen }
        : malformed(parsed.error.issues, frame, id);
    }
    default:
      return refuse(
        'unknown_type',
        `type ${shown(type)} is unknown; accepted: ${Object.keys(CLIENT_FRAMES).join(', ')}`,
        id,
      );
  }
}

/** Names the first faults of a frame: each with its place and the value there, so that the answer stays short. */
function malformed(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  frame: Record<string, unknown>,
  id: string | undefined,
): Refusal {
  const faults = issues.slice(0, FAULTS).map(({ path, message }) => {
    return `${path.map(String).join('.')}: ${message} (got ${shown(valueAt(frame, path))})`;
  });
  const more = issues.length > FAULTS ? `; and ${issues.length - FAULTS} more` : '';
  return refuse('bad_frame', `${faults.join('; ')}${more}`, id);
}

/** What stands at a place of a frame; undefined where nothing does. Only own members count. */
function valueAt(frame: unknown, path: readonly PropertyKey[]): unknown {
  let here = frame;
  for (const name of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.getOwnPropertyDescriptor(here, name)?.value;
  }
  return here;
}

function parseSubscribe(
  frame: Record<string, unknown>,
  id: string | undefined,
  limits: FeedLimits,
): ClientRequest | Refusal {
  const parsed = CLIENT_FRAMES.subscribe.safeParse(frame);
  if (!parsed.success) return malformed(parsed.error.issues, frame, id);
  const request = checkSubscribe(parsed.data, limits);
  return 'refused' in request ? request : { type: 'subscribe', request };
}

/** Holds a subscribe frame against names, ranges and limits. */
export function checkSubscribe(frame: SubscribeFrame, limits: FeedLimits): SubscriptionRequest | Refusal {
  const { id, stream, since } = frame;
  if (!isStreamName(stream)) {
    return refuse('unknown_stream', `stream ${shown(stream)} is unknown; accepted: ${STREAM_NAMES.join(', ')}`, id);
  }
  const keys = frame.keys === undefined ? null : new Set(frame.keys);
  if (keys !== null && keys.size > limits.keysPerSubscription) {
    return refuse('limit', `${keys.size} keys; at most ${limits.keysPerSubscription} a subscription`, id);
  }
  const unfit = frame.keys?.find((key) => key.includes('\0'));
  if (unfit !== undefined) {
    return refuse('bad_frame', `key ${shown(unfit)} holds NUL, which no text in PostgreSQL does`, id);
  }
  if (since !== undefined && parseCursor(since) === null) {
    return refuse(
      'bad_cursor',
      `since ${shown(since)} is not a cursor; hand back one that a synced or delta frame carried`,
      id,
    );
  }
  const history = frame.range === undefined ? null : parseHistory(frame, frame.range, keys?.size ?? 1, limits);
  if (history !== null && 'refused' in history) return history;
  return { id, stream, keys, history, since: since ?? null, detail: frame.detail ?? 'full' };
}

function parseHistory(
  frame: SubscribeFrame,
  text: string,
  keys: number,
  limits: FeedLimits,
): NonNullable<SubscriptionRequest['history']> | Refusal {
  const { id, points, bucket_ms: bucketMs } = frame;
  const { least, most, usual } = BOUNDS.points;
  const range = parseRange(text);
  if (range === null) return refuse('bad_range', `range ${shown(text)} is not a range; accepted: ${RANGE_HELP}`, id);
  if (points !== undefined && !(Number.isInteger(points) && points >= least && points <= most)) {
    return refuse(
      'bad_range',
      `points ${shown(points)} is out of range; accepted: whole numbers from ${least} to ${most}`,
      id,
    );
  }
  if (bucketMs !== undefined) {
    const buckets = range.kind === 'window' ? Math.ceil(range.ms / bucketMs) : 1;
    if (!(Number.isFinite(bucketMs) && bucketMs >= 1 && buckets <= most)) {
      return refuse(
        'bad_range',
        `bucket_ms ${shown(bucketMs)} is out of range; accepted: at least 1, for at most ${most} buckets`,
        id,
      );
    }
  }
  if (points !== undefined && bucketMs !== undefined && range.kind === 'window') {
    const coveredMs = points * bucketMs;
    if (!(coveredMs >= range.ms && coveredMs <= range.ms * (1 + WIDENING) + bucketMs)) {
      return refuse(
        'bad_range',
        `points ${points} x bucket_ms ${bucketMs} are ${coveredMs} ms; accepted: as long as the range of ${range.ms} ms, or up to a tenth longer`,
        id,
      );
    }
  }
  const buckets =
    range.kind === 'latest'
      ? 1
      : bucketMs === undefined
        ? (points ?? usual)
        : (points ?? Math.ceil(range.ms / bucketMs));
  if (buckets * keys > limits.points) {
    return refuse('limit', `${keys} keys x ${buckets} points; at most ${limits.points} points a subscription`, id);
  }
  if (bucketMs === undefined) return { range, resolution: { points: points ?? usual } };
  return { range, resolution: points === undefined ? { bucketMs } : { bucketMs, columns: points } };
}

/**
 * The subscriptions of a query string: `streams`, `keys`, `range`, `points`, `detail`, `since` (F2), each with its stream's
 * name for an id; and subscribe frames as they are, one a `subscribe`, so that whoever wants each stream in another way need
 * not wait for the connection to be open.
 */
export function parseQuery(query: URLSearchParams, limits: FeedLimits): (SubscriptionRequest | Refusal)[] {
  const frames = query.getAll('subscribe');
  if (frames.length > limits.subscriptions)
    return [refuse('limit', `${frames.length} subscriptions; at most ${limits.subscriptions} a connection`, undefined)];
  return [...parseStreams(query, limits), ...frames.map((text) => parseQueryFrame(text, limits))];
}

function parseQueryFrame(text: string, limits: FeedLimits): SubscriptionRequest | Refusal {
  const parsed = parseClientFrame(text, limits);
  if ('refused' in parsed) return parsed;
  if (parsed.type === 'subscribe') return parsed.request;
  return refuse('bad_frame', `type ${shown(parsed.type)} in the query string; accepted: subscribe`, parsed.id);
}

function parseStreams(query: URLSearchParams, limits: FeedLimits): (SubscriptionRequest | Refusal)[] {
  const listed = (name: string): string[] => (query.get(name) ?? '').split(',').filter((part) => part !== '');
  const keys = listed('keys');
  const streams = listed('streams');
  if (streams.length > STREAM_NAMES.length) {
    return [refuse('limit', `${streams.length} streams; there are ${STREAM_NAMES.length}`, undefined)];
  }
  return streams.map((stream) => {
    const frame = {
      type: 'subscribe',
      id: stream.slice(0, BOUNDS.idLength),
      stream,
      ...(keys.length > 0 ? { keys } : {}),
      ...optional(query, 'range'),
      ...optional(query, 'since'),
      ...optional(query, 'detail'),
      ...(query.has('points') ? { points: Number(query.get('points')) } : {}),
    };
    const parsed = parseSubscribe(frame, frame.id, limits);
    return 'refused' in parsed
      ? parsed
      : parsed.type === 'subscribe'
        ? parsed.request
        : refuse('bad_frame', stream, frame.id);
  });
}

function optional(query: URLSearchParams, name: string): Record<string, string> {
  const value = query.get(name);
  return value === null ? {} : { [name]: value };
}
