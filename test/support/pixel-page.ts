/**
 * Runs in a browser: draws lines with the page's own plots, once of all rows and once of what is kept of them, and counts
 * the pixels that differ. `pixels.ts` bundles it and calls it.
 */
import type { Pane } from '../../client/painters/scene.ts';
import { columnOf, edgeAfter, type Span, spanOf } from '../../client/painters/span.ts';
import { Channel } from '../../client/series/channel.ts';
import { bucketStart, m4 } from '../../shared/m4.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAMS } from '../../shared/streams.ts';
import { type PixelCase, pixelCases } from './pixel-cases.ts';
import {
  differing,
  NOW,
  PALETTE,
  Picture,
  type PixelRequest,
  paneOf,
  type Rows,
  rowsAt,
  windowOf,
} from './pixel-picture.ts';
import { seeded } from './random.ts';

export { grow } from './pixel-grow.ts';

/** What came of one line. */
export interface PixelResult {
  readonly name: string;
  /** Rows in all, and what was kept of them. */
  readonly rows: number;
  readonly kept: number;
  /** Pixels that are not the same of the kept rows as of all. */
  readonly differing: number;
  /** Pixels of the plot that are not empty. */
  readonly painted: number;
  /** Rows in the window whose place in the picture of the kept ones is empty. */
  readonly missed: number;
}

/** What came of all lines. */
export interface PixelResults {
  readonly lines: readonly PixelResult[];
  /** Pixels of the first line that differ where only the least and the greatest of each bucket are kept. */
  readonly differingOfExtremes: number;
}

/** What the reduction keeps of a line in buckets of a width. */
function keep({ shape, other }: PixelCase, rows: Rows, bucketMs: number): number[] {
  if (shape !== 'scatter')
    return m4({ times: rows.times, values: [rows.values, ...(other === undefined ? [] : [other])] }, bucketMs);
  const none = new Float64Array(rows.values.length).fill(Number.NaN);
  const column = (name: string): Float64Array => (name === 'z_score' ? rows.values : none);
  return keeperOf(STREAMS.anomalies)({ times: rows.times, column }, bucketMs);
}

/** Indexes of the least and the greatest value of each bucket alone. */
function extremesOf({ times, values }: Rows, bucketMs: number): number[] {
  const found = new Map<number, { least: number; most: number }>();
  for (const [index, value] of values.entries()) {
    if (Number.isNaN(value)) continue;
    const bucket = bucketStart(times[index] ?? 0, bucketMs);
    const known = found.get(bucket);
    if (known === undefined) found.set(bucket, { least: index, most: index });
    else if (value < (values[known.least] ?? 0)) known.least = index;
    else if (value > (values[known.most] ?? 0)) known.most = index;
  }
  return [...new Set([...found.values()].flatMap(({ least, most }) => [least, most]))].sort((a, b) => a - b);
}

/**
 * How many pixels of the plot are painted, and of how many rows the place is not. `reach`: so many pixels above and below
 * it count as its place.
 */
function look(
  { data, width }: ImageData,
  picture: Picture,
  rows: Rows,
  span: Span,
  reach: number,
  isDue: (value: number) => boolean,
): [number, number] {
  const { left, top, height, y } = picture.place();
  const isPainted = (column: number, line: number): boolean => (data[4 * (line * width + left + column) + 3] ?? 0) > 0;
  let painted = 0;
  for (let line = Math.ceil(top); line < Math.floor(top + height); line += 1)
    for (let column = 0; column < span.columns; column += 1) painted += Number(isPainted(column, line));
  let missed = 0;
  for (const [index, value] of rows.values.entries()) {
    const column = columnOf(rows.times[index] ?? 0, span);
    if (Number.isNaN(value) || !isDue(value) || column < 0 || column >= span.columns) continue;
    const line = Math.floor(y(value));
    const near = Array.from({ length: 2 * reach + 1 }, (_, i) => line - reach + i);
    if (!near.some((at) => isPainted(column, at))) missed += 1;
  }
  return [painted, missed];
}

/** Draws every line, all of its rows and what is kept of them. */
export function compare(request: PixelRequest): PixelResults {
  const pictures = [new Picture(request), new Picture(request)] as const;
  const [raw, reduced] = pictures;
  const span = windowOf(request, raw);
  const width = span.bucketMs / request.bucketsAPixel;
  let differingOfExtremes: number | null = null;
  const lines = pixelCases(seeded(request.seed), span).map((drawn): PixelResult => {
    const all: Rows = { times: Float64Array.from(drawn.times), values: Float64Array.from(drawn.values) };
    const gap = drawn.breakAfterMs ?? null;
    const indexes = keep(drawn, all, width);
    raw.draw(paneOf(all, drawn.shape, gap), span, { ...PALETTE });
    const whole = raw.pixels;
    reduced.draw(paneOf(rowsAt(all, indexes), drawn.shape, gap), span, { ...PALETTE });
    const found = reduced.pixels;
    const isDue = (value: number): boolean => drawn.shape !== 'scatter' || Math.abs(value) >= 3;
    // Hollow dots are empty within.
    const reach = drawn.shape === 'dots' ? Math.ceil(3 * devicePixelRatio) : 1;
    const [painted, missed] = look(found, reduced, all, span, reach, isDue);
    const difference = differing(whole, found);
    if (differingOfExtremes === null) {
      reduced.draw(paneOf(rowsAt(all, extremesOf(all, width)), drawn.shape, gap), span, { ...PALETTE });
      differingOfExtremes = differing(whole, reduced.pixels);
    }
    return {
      name: drawn.name,
      rows: all.times.length,
      kept: indexes.length,
      differing: difference,
      painted,
      missed,
    };
  });
  for (const picture of pictures) picture.remove();
  return { lines, differingOfExtremes: differingOfExtremes ?? 0 };
}

/** What came of a window that slid. */
export interface SlidResult {
  readonly steps: number;
  /** Pixels that differ from a window loaded anew, and from one with all rows. */
  readonly differingFromFresh: number;
  readonly differingFromRaw: number;
  readonly painted: number;
}

const STEPS = 60;
const SLID_ROWS = 60_000;

/**
 * Opens a window, lets it slide by half its length while rows come, some of them late, and draws every step; then draws
 * what a page would that is opened at the end.
 */
export function slide(request: PixelRequest): SlidResult {
  const pictures = [new Picture(request), new Picture(request), new Picture(request)] as const;
  const [slid, fresh, raw] = pictures;
  const random = seeded(request.seed);
  const { bucketMs, columns } = windowOf(request, slid);
  const rangeMs = columns * bucketMs;
  const start = NOW - rangeMs / 2;
  let value = 0;
  // Rows by when they come; a tenth of them is dated up to a fifth of the window before.
  const rows = Array.from({ length: SLID_ROWS }, (_, i) => {
    const at = NOW - 1.5 * rangeMs + (1.5 * rangeMs * i) / SLID_ROWS;
    value = random() < 0.001 ? 0 : value + random() - 0.5;
    return { at, timestamp: random() < 0.1 ? at - (random() * rangeMs) / 5 : at, value };
  });
  const edge = (right: number): number => bucketStart(right - rangeMs, bucketMs);
  const held = (right: number): Rows => {
    const inside = rows.filter(({ at, timestamp }) => at < right && timestamp >= edge(right));
    inside.sort((a, b) => a.timestamp - b.timestamp);
    return {
      times: Float64Array.from(inside, ({ timestamp }) => timestamp),
      values: Float64Array.from(inside, (row) => row.value),
    };
  };
  const load = (right: number): Channel => {
    const all = held(right);
    const { times, values } = rowsAt(all, m4({ times: all.times, values: [all.values] }, bucketMs));
    return new Channel(STREAMS.system_metrics, 'cpu', { rangeMs, bucketMs, points: columns }, right, {
      type: 'snapshot',
      id: 'a',
      stream: 'system_metrics',
      key: 'cpu',
      cursor: '1',
      from: edge(right),
      to: right,
      reduced: true,
      bucket_ms: bucketMs,
      rows_total: all.times.length,
      series: [{ name: null, columns: { timestamp: [...times], metric_value: [...values] } }],
    });
  };
  const paneOfChannel = (channel: Channel, right: number): Pane => {
    const [line] = channel.view(right).lines;
    const none = new Float64Array(0);
    return paneOf({ times: line?.times ?? none, values: line?.columns.metric_value ?? none }, 'line', null);
  };
  const channel = load(start);
  let sent = rows.findIndex(({ at }) => at >= start);
  for (let step = 1; step <= STEPS; step += 1) {
    const now = start + ((NOW - start) * step) / STEPS;
    const next = rows.findIndex(({ at }) => at >= now);
    const come = rows.slice(sent, next < 0 ? undefined : next);
    sent = next < 0 ? rows.length : next;
    channel.append({
      type: 'delta',
      stream: 'system_metrics',
      key: 'cpu',
      prev: `${step}`,
      cursor: `${step + 1}`,
      time: now,
      via: 'notify',
      rows: come.map(({ timestamp, value: metric_value }, i) => ({ id: sent + i, timestamp, metric_value })),
    });
    channel.slide(now);
    slid.draw(paneOfChannel(channel, now), { to: edgeAfter(now, bucketMs), bucketMs });
  }
  const span = spanOf(edgeAfter(NOW, bucketMs), bucketMs, columns);
  fresh.draw(paneOfChannel(load(NOW), NOW), span);
  raw.draw(paneOf(held(NOW), 'line', null), span);
  const found = slid.pixels;
  const [painted] = look(found, slid, held(NOW), span, 1, () => true);
  const result = {
    steps: STEPS,
    differingFromFresh: differing(found, fresh.pixels),
    differingFromRaw: differing(found, raw.pixels),
    painted,
  };
  for (const picture of pictures) picture.remove();
  return result;
}
