/**
 * What the page shows, as plain data: the border between the feed logic (which fills it) and the charts and panels
 * (which only read it). No DOM, no signals, no uPlot.
 */
import type { StreamName } from '../shared/streams.ts';

/** The page's connection state, carried by the root element as `data-feed`. */
export type FeedState = 'offline' | 'connecting' | 'syncing' | 'live' | 'stale';

/** A chart's state, carried by its element as `data-state`. */
export type ChartState = 'loading' | 'live' | 'stale' | 'off' | 'empty';

/** Ranges of the page, in the order of keys 1 to 4. */
export const RANGES = ['1h', '6h', '24h', '7d'] as const;
export type RangeName = (typeof RANGES)[number];
export const RANGE_MS: Readonly<Record<RangeName, number>> = {
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
  '7d': 604_800_000,
};

/** How often the picture follows the data. The data itself always streams; `paused` holds the picture still. */
export const REFRESHES = ['live', '10s', '30s', '1m', 'paused'] as const;
export type RefreshName = (typeof REFRESHES)[number];

/** One line: typed columns in order of time. The views are valid until the next change of the channel. */
export interface LineView {
  /** The series' name within its key, null where the stream has no series. */
  readonly name: string | null;
  /** Epoch ms, ascending; equal times stand in order of arrival. */
  readonly times: Float64Array;
  /** Value columns by name, as long as `times`; NaN where the row has null or no finite number. */
  readonly columns: Readonly<Record<string, Float64Array>>;
  /** Text columns (such as metric_unit): the newest row's value. */
  readonly texts: Readonly<Record<string, string | null>>;
  /** When the newest row arrived (server clock, epoch ms); null where unknown. */
  readonly arrivedAt: number | null;
  /** Median time between rows over the last 24 h in ms; null where unknown. */
  readonly spacingMs: number | null;
  /** Nothing arrived for three times the median spacing, and at least 30 s. */
  readonly stale: boolean;
}

/** One channel: a stream's rows for one key. */
export interface ChannelView {
  readonly stream: StreamName;
  readonly key: string;
  readonly lines: readonly LineView[];
  /** Rows whose timestamp lies within the last hour, counted by the server and kept up by deltas. */
  readonly rowsLastHour: number;
  /** True where the columns hold only what can be seen of the rows (M4): sums over them are not sums over the rows. */
  readonly reduced: boolean;
  /** How many rows that are, those left out included: as counted by the server, and about as many as the window slides. */
  readonly rowsTotal?: number;
}

/** What a chart shows: all channels of one stream that the page watches (one symbol; or every metric name). */
export interface StreamView {
  readonly stream: StreamName;
  readonly state: ChartState;
  /** Why the stream is off and what mends it; null unless `state` is `off`. */
  readonly off: { readonly reason: string } | null;
  readonly channels: readonly ChannelView[];
  /** The range that the channels were loaded for; behind the chosen one while `state` is `loading`. */
  readonly range: RangeName;
  /**
   * Time of a pixel column in ms that the rows were loaded for. Where a channel is reduced, they are what M4 keeps of
   * buckets that divide it, with edges at multiples since the epoch.
   */
  readonly bucketMs: number;
  /**
   * Since when rows may be missing (server clock, epoch ms), because there is no connection, or the server cannot send
   * them; null while none are. Charts hatch the time from there on, until all that was missed has come.
   */
  readonly lostFrom: number | null;
  /** When anything last arrived on any of them (server clock, epoch ms); null before that. */
  readonly arrivedAt: number | null;
  /** Grows with every change, so that a chart can tell cheaply whether it has to draw. */
  readonly version: number;
}
