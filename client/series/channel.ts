/** One channel as the page holds it: its lines within the window, when they last arrived, and how many rows an hour has. */
import { chartNumber } from '../../shared/columns.ts';
import { bucketStart } from '../../shared/m4.ts';
import type { Frame } from '../../shared/protocol.ts';
import { isScatter, keeperOf } from '../../shared/reduce.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { ChannelView, LineView } from '../model.ts';
import type { Batch } from './columns.ts';
import { Columns } from './columns.ts';
import { Minutes } from './minutes.ts';
import { Reduction } from './reduction.ts';
import { Spacing } from './spacing.ts';
import { Total } from './total.ts';

/** A line is stale when nothing arrived for so many times its median spacing, and at least for STALE_LEAST_MS. */
export const STALE_SPACINGS = 3;
export const STALE_LEAST_MS = 30_000;
/** Rows that a line may hold for each bucket of its window and value column: twice what M4 keeps. */
const ROWS_A_BUCKET = 8;
/** Points that a line may hold that is drawn as such: no reduction leaves out one of those that stand out. */
const MOST_POINTS = 200_000;

interface Line {
  readonly columns: Columns;
  readonly reduction: Reduction;
  readonly texts: Record<string, string | null>;
  readonly spacing: Spacing;
  /** When the newest row arrived, on the server's clock; null where the server does not know. */
  arrivedAt: number | null;
  /** Since when this page would have seen a row arrive. */
  readonly watchedFrom: number;
}

/** Which range of time a channel's lines cover, and how finely. */
export interface Window {
  readonly rangeMs: number;
  /** Width of a bucket in ms, of which no more is kept than can be seen in a pixel column. */
  readonly bucketMs: number;
  /** So many buckets are shown, up to the newest, if that is more than the range. */
  readonly points: number;
  /** Where it begins (epoch ms) if it stays there; absent: it slides with the clock. */
  readonly from?: number;
}

/**
 * The rows of one stream and key within a window. However long the page is open, it holds what the server would send at
 * that moment: lines with more rows than the window has buckets are reduced, bucket by bucket.
 */
export class Channel {
  readonly key: string;
  readonly #stream: StreamDeclaration;
  readonly #numbers: readonly string[];
  readonly #textNames: readonly string[];
  readonly #window: Window;
  readonly #bucketMs: number;
  readonly #choose: (rows: Batch) => readonly number[];
  readonly #lines = new Map<string | null, Line>();
  readonly #minutes: Minutes;
  readonly #total: Total;
  /** Where the window begins, epoch ms. */
  #from: number;

  /** @param now server clock, epoch ms. */
  constructor(stream: StreamDeclaration, key: string, window: Window, now: number, snapshot: Frame<'snapshot'> | null) {
    this.key = key;
    this.#stream = stream;
    this.#numbers = stream.values.filter(({ kind }) => kind !== 'text').map(({ name }) => name);
    this.#textNames = stream.values.filter(({ kind }) => kind === 'text').map(({ name }) => name);
    this.#window = window;
    this.#bucketMs = snapshot?.bucket_ms ?? window.bucketMs;
    this.#from = window.from ?? this.#start(now);
    const keep = keeperOf(stream);
    this.#choose = ({ times, columns }) =>
      keep({ times, column: (name) => columns[this.#numbers.indexOf(name)] ?? [] }, this.#bucketMs);
    this.#minutes = new Minutes(snapshot?.minutes?.from ?? now, snapshot?.minutes?.counts ?? []);
    this.#total = new Total(snapshot?.rows_total ?? 0, this.#from, now);
    for (const series of snapshot?.series ?? []) this.#load(series, now, snapshot?.reduced === true);
  }

  /** Takes a delta's rows in. */
  append(frame: Frame<'delta'>): void {
    // How many rows the window has decides whether they are reduced.
    this.slide(frame.time);
    const byLine = new Map<string | null, Frame<'delta'>['rows'][number][]>();
    for (const row of frame.rows) {
      this.#minutes.note(row.timestamp, frame.time);
      this.#total.note(row.timestamp);
      const series = this.#stream.series === null ? null : row[this.#stream.series.name];
      const name = typeof series === 'string' ? series : null;
      const rows = byLine.get(name);
      if (rows === undefined) byLine.set(name, [row]);
      else rows.push(row);
    }
    for (const [name, rows] of byLine) {
      const line = this.#line(name, frame.time);
      const before = line.columns.lastTime;
      line.columns.insert({
        times: Float64Array.from(rows, (row) => row.timestamp),
        columns: this.#numbers.map((column) =>
          Float64Array.from(rows, (row) => chartNumber(row[column]) ?? Number.NaN),
        ),
      });
      let newest = before ?? Number.NEGATIVE_INFINITY;
      for (const row of rows) {
        if (row.timestamp < newest) continue;
        newest = row.timestamp;
        for (const column of this.#textNames) line.texts[column] = textOf(row[column]);
      }
      if (frame.via === 'replay') {
        line.arrivedAt = missedArrival(line.arrivedAt, before, newest, frame.time);
      } else {
        if (line.arrivedAt !== null) line.spacing.note(Math.max(0, frame.time - line.arrivedAt), frame.time);
        line.arrivedAt = Math.max(line.arrivedAt ?? 0, frame.time);
      }
      let oldest = Number.POSITIVE_INFINITY;
      for (const row of rows) oldest = Math.min(oldest, row.timestamp);
      line.reduction.added(oldest);
    }
  }

  /**
   * Lets go the buckets before the window that ends at `right` (epoch ms), as whole ones; a line that was silent for two
   * windows goes whole.
   */
  slide(right: number): void {
    if (this.#window.from !== undefined) return;
    const from = this.#start(right);
    const silentFrom = from - this.#window.rangeMs;
    this.#from = from;
    for (const [name, line] of this.#lines) {
      line.reduction.slide(bucketStart(from, this.#bucketMs));
      const silent = line.arrivedAt === null || line.arrivedAt < silentFrom;
      if (silent && line.columns.length === 0) this.#lines.delete(name);
    }
  }

  /** When anything last arrived, on the server's clock; null where unknown. */
  get arrivedAt(): number | null {
    let newest: number | null = null;
    for (const { arrivedAt } of this.#lines.values()) {
      if (arrivedAt !== null && (newest === null || arrivedAt > newest)) newest = arrivedAt;
    }
    return newest;
  }

  get lineCount(): number {
    return this.#lines.size;
  }

  /** Rows that are held, and rows that there is room for. */
  get held(): { readonly points: number; readonly capacity: number } {
    let points = 0;
    let capacity = 0;
    for (const { columns } of this.#lines.values()) {
      points += columns.length;
      capacity += columns.capacity;
    }
    return { points, capacity };
  }

  rowsLastHour(now: number): number {
    return this.#minutes.total(now);
  }

  /** The names of the lines that are stale. A cheap question, asked every second. */
  staleLines(now: number): readonly (string | null)[] {
    const names: (string | null)[] = [];
    for (const [name, line] of this.#lines) if (isStale(line, now)) names.push(name);
    return names;
  }

  /** What a chart reads, as of `now` on the server's clock. */
  view(now: number): ChannelView {
    const reduced = this.#isReduced;
    const from = reduced ? Number.NEGATIVE_INFINITY : this.#from;
    return {
      stream: this.#stream.name,
      key: this.key,
      lines: [...this.#lines].map(([name, line]) => this.#lineView(name, line, from, now)),
      rowsLastHour: this.#minutes.total(now),
      reduced,
      rowsTotal: this.#total.count(this.#from),
    };
  }

  /** Where a window that ends at `right` begins (epoch ms), as the server has it. */
  #start(right: number): number {
    const { rangeMs, bucketMs, points } = this.#window;
    return Math.min(right - rangeMs, bucketStart(right, bucketMs) + bucketMs - points * bucketMs);
  }

  get #isReduced(): boolean {
    for (const { reduction } of this.#lines.values()) if (reduction.isReduced) return true;
    return false;
  }

  #lineView(name: string | null, line: Line, from: number, now: number): LineView {
    // A reduced channel begins with a whole bucket, which is one picture; any other exactly where its window does.
    const { times, columns } = line.columns.view(from);
    const named: Record<string, Float64Array> = {};
    for (const [index, column] of this.#numbers.entries())
      named[column] = columns[index] ?? new Float64Array(times.length);
    return {
      name,
      times,
      columns: named,
      texts: { ...line.texts },
      arrivedAt: line.arrivedAt,
      spacingMs: line.spacing.medianMs,
      stale: isStale(line, now),
    };
  }

  #load(series: Frame<'snapshot'>['series'][number], now: number, isReduced: boolean): void {
    const line = this.#line(series.name, now, series.spacing_ms ?? null);
    const { timestamp = [] } = series.columns;
    const count = timestamp.length;
    line.columns.insert({
      times: numbersOf(timestamp, count),
      columns: this.#numbers.map((column) => numbersOf(series.columns[column], count)),
    });
    for (const column of this.#textNames) line.texts[column] = textOf(series.columns[column]?.[count - 1]);
    line.arrivedAt = series.arrived ?? null;
    line.reduction.loaded(isReduced);
  }

  #line(name: string | null, now: number, spacingMs: number | null = null): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const columns = new Columns(this.#numbers.length);
    const { points } = this.#window;
    const most = isScatter(this.#stream) ? MOST_POINTS : ROWS_A_BUCKET * points * this.#numbers.length;
    const line: Line = {
      columns,
      reduction: new Reduction(columns, this.#choose, this.#bucketMs, points, most),
      texts: Object.fromEntries(this.#textNames.map((column) => [column, null])),
      spacing: new Spacing(spacingMs, now),
      arrivedAt: null,
      watchedFrom: now,
    };
    this.#lines.set(name, line);
    return line;
  }
}

/**
 * When a row arrived that this page missed and was sent later, at `sentAt`: as long after its own time as the line's last
 * row before it, so that what was silent meanwhile does not look fresh. All in epoch ms.
 */
function missedArrival(arrivedAt: number | null, timeBefore: number | null, time: number, sentAt: number): number {
  if (arrivedAt === null || timeBefore === null) return sentAt;
  return Math.min(sentAt, Math.max(arrivedAt, time + arrivedAt - timeBefore));
}

/** The silence after which a line of this spacing is stale, in ms. */
export function staleAfterMs(spacingMs: number | null): number {
  return Math.max(STALE_LEAST_MS, STALE_SPACINGS * (spacingMs ?? 0));
}

function isStale(line: Line, now: number): boolean {
  return now - (line.arrivedAt ?? line.watchedFrom) > staleAfterMs(line.spacing.medianMs);
}

/** A plain loop: a first visit reads tens of thousands of cells by code that is not compiled yet, where each call of a function is felt. */
function numbersOf(cells: readonly unknown[] = [], count: number): Float64Array {
  const numbers = new Float64Array(count);
  for (let at = 0; at < count; at += 1) {
    const cell = cells[at];
    // What is not finite is no zero when taken from itself.
    numbers[at] = typeof cell === 'number' && cell - cell === 0 ? cell : Number.NaN;
  }
  return numbers;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
