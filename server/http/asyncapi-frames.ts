/** What the feed's documentation says of each frame: words for every field, and an example that the frame's own schema accepts. */
import type { BundleFrame } from '../../shared/bundle.ts';
import type {
  CLOSE,
  ErrorCode,
  Frame,
  PingFrame,
  ServerFrame,
  SubscribeFrame,
  UnsubscribeFrame,
} from '../../shared/protocol.ts';

/** A frame as it is documented. The compiler holds `fields` complete: a field without words does not build. */
export interface FrameWords<T extends { readonly type: string }> {
  readonly summary: string;
  readonly fields: { readonly [K in Exclude<keyof T, 'type'>]-?: string };
  readonly example: T;
}

/** A cursor as the examples have it. It is opaque: nobody is to read anything into it. */
const CURSOR = '23f454a044~hoeir4vh2q-ml!mn.mn-ml!mm.mm-mm.2.mm.2.0';
const EARLIER = '23f454a044~hoeir4vh2q-ml!mm.mm-mk!ml.ml-ml.1.ml.1.0';
const POSITION = '23f454a044~hoeir4vh2q-ml!mm.mm';
/** 2026-11-22T12:00:00Z. */
const NOON = 1_795_348_800_000;

const CURSOR_WORDS = 'A position in the stream. Opaque: only equality and handing it back as `since` mean anything.';
const ID_WORDS = "The subscription's id, as the client gave it.";

/** The frames that a client sends. */
export const CLIENT_FRAME_WORDS: {
  readonly subscribe: FrameWords<SubscribeFrame>;
  readonly unsubscribe: FrameWords<UnsubscribeFrame>;
  readonly ping: FrameWords<PingFrame>;
} = {
  subscribe: {
    summary: 'Start receiving. The same id again replaces the earlier subscription in one step (F2).',
    fields: {
      id: "The client's own name for the subscription.",
      stream: 'The stream to follow.',
      keys: 'The keys to follow; absent: every key.',
      range:
        'The history to begin with: `latest` (the newest row of each series), or `15m` to `7d` in m, h or d. Absent: none.',
      points: 'Buckets, that is pixel columns, of the range; each has at most four rows a value. 1200 where absent.',
      bucket_ms:
        'The width of a bucket in ms, instead of `points`; or with it: the history then is as long as `points` such buckets.',
      since:
        'The cursor to go on from: the newest of a `synced`, or of a `delta` after it with no gap outstanding (F6).',
      detail: '`full`: every column. `values`: without documents and `created_at` (F9). `full` where absent.',
    },
    example: {
      type: 'subscribe',
      id: 'rates',
      stream: 'funding_rates',
      keys: ['BTC/USDT'],
      range: '24h',
      detail: 'values',
    },
  },
  unsubscribe: {
    summary: 'Stop receiving. Nothing that only this subscription matched comes after the answer, `unsubscribed`.',
    fields: { id: ID_WORDS },
    example: { type: 'unsubscribe', id: 'rates' },
  },
  ping: {
    summary: 'Ask for a `pong`.',
    fields: {
      id: 'Comes back in the pong.',
      screen:
        'What a page says of itself every half minute: `page` (desk or wall), `build`, `symbol`, `painted` (when it last was, on the clock of the server, epoch ms) and `visible`. `/api/metrics` lists it.',
    },
    example: {
      type: 'ping',
      id: '7',
      screen: { page: 'wall', build: '5f0c2a9d41e7b386', symbol: 'BTC/USDT', painted: NOON, visible: true },
    },
  },
};

/** The frames that the server sends. */
export const SERVER_FRAME_WORDS: { readonly [T in ServerFrame['type']]: FrameWords<Frame<T>> } = {
  hello: {
    summary: 'The first frame of every connection (F1).',
    fields: {
      protocol: 'Version of the protocol.',
      version: 'Version of the software.',
      build: 'Build of the page; a page of another one reloads itself once idle (F14).',
      epoch: 'Identity of the history that cursors belong to; empty until the database was reached.',
      time: "The server's clock, epoch ms.",
      heartbeat_ms: 'Ms between heartbeats (F13).',
      tick_ms: 'Ms between looks at every table, whatever was notified (F5).',
      demo: 'Whether the rows are of a simulated market.',
      streams:
        'The streams: the column that selects, the column that makes a line within a key, and the values with their units.',
    },
    example: {
      type: 'hello',
      protocol: 1,
      version: '0.1.0',
      build: '5d1c0b7e',
      epoch: '23f454a044',
      time: NOON,
      heartbeat_ms: 5000,
      tick_ms: 10_000,
      demo: false,
      streams: [
        {
          name: 'system_metrics',
          key: 'metric_name',
          series: null,
          values: [
            { name: 'metric_value', unit: null },
            { name: 'metric_unit', unit: null },
          ],
        },
      ],
    },
  },
  subscribed: {
    summary: 'A subscription was taken; what it is owed follows, then `synced` (F2).',
    fields: {
      id: ID_WORDS,
      stream: 'The stream.',
      keys: 'The keys; null: every key.',
      cursor: CURSOR_WORDS,
      resumed: 'Whether the deltas missed since `since` follow; else history begins anew (F6).',
    },
    example: {
      type: 'subscribed',
      id: 'rates',
      stream: 'funding_rates',
      keys: ['BTC/USDT'],
      cursor: POSITION,
      resumed: false,
    },
  },
  snapshot: {
    summary: 'The history of one channel (F2). Replaces all that was known of the channel.',
    fields: {
      id: ID_WORDS,
      stream: 'The stream.',
      key: 'The key of the channel.',
      cursor: `The channel's head: the next delta's \`prev\` (F3). ${CURSOR_WORDS}`,
      from: 'Begin of the range, epoch ms; null for `latest`.',
      to: 'End of the range, epoch ms; rows dated later are in it all the same. Null for `latest`.',
      reduced: 'Whether rows were left out that make no difference to a line of this many pixel columns.',
      bucket_ms: 'Width of a bucket, where reduced.',
      rows_total: 'Rows in the range, before reduction.',
      series:
        'The lines: `columns` holds arrays of equal length, one a column. `arrived`: when its newest row was written, epoch ms. `spacing_ms`: the median time between its rows.',
      minutes:
        'Rows of the last hour by minute of their timestamp: `counts[i]` for the minute from `from` + i * 60000; a 61st where rows are dated in the minute after it.',
    },
    example: {
      type: 'snapshot',
      id: 'rates',
      stream: 'funding_rates',
      key: 'BTC/USDT',
      cursor: EARLIER,
      from: NOON - 86_400_000,
      to: NOON,
      reduced: false,
      bucket_ms: null,
      rows_total: 2,
      series: [
        {
          name: 'binance',
          columns: { timestamp: [NOON - 120_000, NOON - 60_000], funding_rate: [0.0001, 0.00012] },
          arrived: NOON - 59_998,
          spacing_ms: 60_000,
        },
      ],
      minutes: { from: NOON - 120_000, counts: [1, 1] },
    },
  },
  synced: {
    summary: 'All that was owed at the start is sent; from here the subscription is live (F2).',
    fields: { id: ID_WORDS, cursor: CURSOR_WORDS },
    example: { type: 'synced', id: 'rates', cursor: POSITION },
  },
  delta: {
    summary: 'Rows of one channel, the same bytes for all its subscribers (F4, F15).',
    fields: {
      stream: 'The stream.',
      key: 'The key of the channel.',
      prev: "The cursor of the channel's frame before this one (F3).",
      cursor: CURSOR_WORDS,
      time: "The server's clock when it was sent, epoch ms.",
      via: 'What brought it about: the notification, the tick, or a client that went on from a cursor (F5, F6).',
      rows: 'The rows, in the order in which they were inserted within their transaction. None: the chain moves on to the cursor, and nothing was missed.',
    },
    example: {
      type: 'delta',
      stream: 'funding_rates',
      key: 'BTC/USDT',
      prev: EARLIER,
      cursor: CURSOR,
      time: NOON + 3,
      via: 'notify',
      rows: [
        {
          id: 4711,
          timestamp: NOON,
          symbol: 'BTC/USDT',
          exchange: 'binance',
          funding_rate: 0.00012345,
          estimated_rate: null,
          next_funding_time: NOON + 14_400_000,
          metadata: { source: 'poll' },
          created_at: NOON + 1.234,
        },
      ],
    },
  },
  gap: {
    summary:
      'Rows were left out, and this is where. Fresh snapshots follow where the subscription has a range (F6, F7).',
    fields: {
      id: ID_WORDS,
      stream: 'The stream.',
      key: 'The key of the channel; null: every channel of the subscription.',
      cursor: CURSOR_WORDS,
      reason:
        '`slow_consumer`: the client did not keep up. `replay_exhausted`: more was missed than is replayed. `epoch_changed`: the cursor is of another, a restored or a rewound database.',
    },
    example: {
      type: 'gap',
      id: 'rates',
      stream: 'funding_rates',
      key: null,
      cursor: POSITION,
      reason: 'replay_exhausted',
    },
  },
  unsubscribed: {
    summary: 'A subscription ended as asked.',
    fields: { id: ID_WORDS },
    example: { type: 'unsubscribed', id: 'rates' },
  },
  heartbeat: {
    summary: 'Sent every `heartbeat_ms`, whatever else is sent. Who hears nothing for three of them reconnects (F13).',
    fields: {
      time: "The server's clock, epoch ms.",
      database: 'Whether the database answers.',
      doorbell: 'Whether notifications work; while they do not, rows come by the tick (F5).',
      freshness: 'Ms since the newest row of each stream arrived, null where none ever did.',
    },
    example: {
      type: 'heartbeat',
      time: NOON,
      database: 'up',
      doorbell: 'up',
      freshness: {
        funding_rates: 812,
        anomalies: 40_201,
        performance_metrics: 1650,
        signal_predictions: 977,
        system_metrics: null,
      },
    },
  },
  pong: {
    summary: 'The answer to a ping.',
    fields: { id: "The ping's.", time: "The server's clock, epoch ms." },
    example: { type: 'pong', id: '7', time: NOON },
  },
  error: {
    summary: 'A frame could not be taken, or a subscription came to an end (F10, F11).',
    fields: {
      id: 'The id that the frame came with, where it has one.',
      code: 'What kind of error.',
      message: 'The offending value, and what is accepted instead.',
    },
    example: {
      type: 'error',
      id: 'rates',
      code: 'bad_range',
      message: 'range "2w" is not a range; accepted: latest, or 15m to 7d in m, h or d (for instance 15m, 24h, 7d)',
    },
  },
  bye: {
    summary: 'The server will close; come back after `retry_after_ms`, which differs from client to client (F12).',
    fields: { reason: 'Why.', retry_after_ms: 'Ms to wait before reconnecting.' },
    example: { type: 'bye', reason: 'the server stops', retry_after_ms: 740 },
  },
};

/** Several frames in one message, for a client that asked for it. */
export const BUNDLE_WORDS: FrameWords<BundleFrame> = {
  summary: 'Several frames in one message, where the query string has `bundle=1` (F16).',
  fields: {
    frames:
      'The frames, whole and in the order in which they would have come one by one. Never a bundle, a `hello` or a `snapshot`.',
  },
  example: {
    type: 'bundle',
    frames: [SERVER_FRAME_WORDS.delta.example, SERVER_FRAME_WORDS.heartbeat.example],
  },
};

/** What each error code means (F11). */
export const ERROR_WORDS: { readonly [C in ErrorCode]: string } = {
  bad_frame: 'Not one JSON object in a text frame of the accepted size, or a field of another type or length.',
  unknown_type: 'The frame is of a type that clients do not send.',
  unknown_stream: 'There is no such stream.',
  bad_range: 'The range, points or bucket_ms are not accepted.',
  bad_cursor: 'The cursor is none that this feed sent.',
  limit: 'A limit would be exceeded; nothing of the frame was done.',
  unauthorized: 'The token does not allow it.',
  unavailable: 'The stream is off or the database is away; the message says which, and what mends it.',
};

/** What each close code means (F12). */
export const CLOSE_WORDS: { readonly [C in keyof typeof CLOSE]: string } = {
  goingAway: 'The server stops as planned; a bye came before.',
  abuse: 'Too many faulty frames in a minute.',
  unauthorized: 'No valid token; closed right after the handshake, without a frame.',
  forbiddenOrigin: 'A page of this origin may not connect; closed right after the handshake, without a frame.',
  slowConsumer: 'The client took nothing for too long.',
  protocolVersion: 'The protocol version asked for is not spoken; closed right after the handshake, without a frame.',
};

/** Close codes of WebSocket itself that the feed uses as RFC 6455 and its registry mean them. */
export const WEBSOCKET_CLOSE_WORDS = {
  1002: 'A breach of WebSocket.',
  1007: 'Text that is not UTF-8.',
  1009: 'A frame of more than a mebibyte.',
  1013: 'More connections from one address or with one token than the server takes, or too many wrong tokens; try later.',
} as const;
