/**
 * The whole market as the page holds it: of every symbol the latest funding rate on each exchange, and the anomalies of the
 * last hour. Frames of the feed come in, rows go out; constant memory, and work only for the rows that come. Pure.
 */
import { wireNumber } from '../../shared/columns.ts';
import type { Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { fundingIntervalHours } from '../derive.ts';
import { isAbove } from '../painters/scatter.ts';
import { staleAfterMs } from '../series/channel.ts';
import { HourMarks, type HourSummary, NO_ANOMALIES } from './marks.ts';

/** The latest funding rate of a symbol on one exchange. All times are epoch ms, on the server's clock. */
export interface Quote {
  readonly exchange: string;
  /** A fraction per funding interval; NaN where the row holds no number. */
  readonly rate: number;
  /** The row's own time. */
  readonly time: number;
  /** When the row came; null where nobody knows. */
  readonly arrivedAt: number | null;
  /** When the rate came to be what it is, as far as this page has seen it; when the row came where it has not. */
  readonly changedAt: number | null;
  /** Usual time between two rows in ms; null where unknown. */
  readonly spacingMs: number | null;
  readonly nextFundingTime: number;
  /** Hours between two payments; null where neither the rows nor the exchange's habit tells, and nothing may be annualised. */
  readonly intervalHours: number | null;
}

/** One symbol. The object stays the same while the symbol is held, and what it says is as of now. */
export interface MarketRow {
  readonly symbol: string;
  /** By exchange, in order of name. */
  readonly quotes: readonly Quote[];
  /** Grows with every change of this row. */
  readonly version: number;
  /** When the newest anomaly above its threshold came to this page while it watched; null before the first. */
  readonly flashedAt: number | null;
  /** The time of the newest anomaly above its threshold; null where the hour has none. */
  readonly anomalyTime: number | null;
  anomalies(now: number): HourSummary;
}

/** Streams that the market is made of. */
export const MARKET_STREAMS = ['funding_rates', 'anomalies'] as const;
export type MarketStream = (typeof MARKET_STREAMS)[number];

/** Rows of a stream with series whose rows name none. */
const UNNAMED = 'no name';
/** By this part a line's usual spacing follows each gap that was longer or shorter. */
const SPACING_STEP = 0.03;
const MINUTE_MS = 60_000;

type Row = Frame<'delta'>['rows'][number];
type Series = Frame<'snapshot'>['series'][number];

class HeldRow implements MarketRow {
  readonly symbol: string;
  quotes: readonly Quote[] = [];
  version = 0;
  flashedAt: number | null = null;
  anomalyTime: number | null = null;
  marks: HourMarks | null = null;
  /** Which history of each stream it was last part of. */
  readonly generations: Record<MarketStream, number> = { funding_rates: 0, anomalies: 0 };

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  anomalies(now: number): HourSummary {
    return this.marks?.summary(now) ?? NO_ANOMALIES;
  }

  get isEmpty(): boolean {
    return this.quotes.length === 0 && this.marks === null;
  }
}

/** The market. */
export class Market {
  readonly #rows = new Map<string, HeldRow>();
  readonly #generations: Record<MarketStream, number> = { funding_rates: 0, anomalies: 0 };
  #version = 0;
  #members = 0;

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Grows when a symbol or one of its exchanges comes or goes. */
  get members(): number {
    return this.#members;
  }

  get size(): number {
    return this.#rows.size;
  }

  row(symbol: string): MarketRow | undefined {
    return this.#rows.get(symbol);
  }

  rows(): IterableIterator<MarketRow> {
    return this.#rows.values();
  }

  /** History of every channel of a stream follows; what it does not bring is gone once it is finished. */
  restart(stream: StreamName): void {
    if (isMarketStream(stream)) this.#generations[stream] += 1;
  }

  /** Takes a channel's history in. `now`: server clock, epoch ms. */
  load(frame: Frame<'snapshot'>, now: number): void {
    if (!isMarketStream(frame.stream)) return;
    const row = this.#row(frame.key);
    row.generations[frame.stream] = this.#generations[frame.stream];
    if (frame.stream === 'funding_rates') this.#loadQuotes(row, frame.series);
    else loadMarks(row, frame, now);
    this.#touch(row);
  }

  /** All history of a stream has come. */
  finish(stream: StreamName): void {
    if (!isMarketStream(stream)) return;
    const generation = this.#generations[stream];
    for (const row of this.#rows.values()) {
      if (row.generations[stream] === generation) continue;
      row.generations[stream] = generation;
      if (stream === 'funding_rates') {
        if (row.quotes.length > 0) this.#members += 1;
        row.quotes = [];
      } else {
        row.marks = null;
        row.anomalyTime = null;
      }
      this.#touch(row);
      if (row.isEmpty) {
        this.#rows.delete(row.symbol);
        this.#members += 1;
      }
    }
  }

  /** Takes a delta's rows in. */
  append(frame: Frame<'delta'>): void {
    if (!isMarketStream(frame.stream) || frame.rows.length === 0) return;
    const row = this.#row(frame.key);
    row.generations[frame.stream] = this.#generations[frame.stream];
    for (const one of frame.rows) {
      if (frame.stream === 'funding_rates') this.#appendRate(row, one, frame);
      else appendAnomaly(row, one, frame);
    }
    this.#touch(row);
  }

  #row(symbol: string): HeldRow {
    const known = this.#rows.get(symbol);
    if (known !== undefined) return known;
    const row = new HeldRow(symbol);
    this.#rows.set(symbol, row);
    this.#members += 1;
    return row;
  }

  #touch(row: HeldRow): void {
    this.#version += 1;
    row.version = this.#version;
  }

  #loadQuotes(row: HeldRow, series: readonly Series[]): void {
    const before = row.quotes;
    const loaded = series.map((one) => quoteOf(one, before)).filter((quote) => quote !== null);
    row.quotes = loaded.sort(byExchange);
    const isSame =
      before.length === loaded.length && loaded.every((quote, i) => quote.exchange === before[i]?.exchange);
    if (!isSame) this.#members += 1;
  }

  #appendRate(row: HeldRow, one: Row, frame: Frame<'delta'>): void {
    const exchange = nameOf(one.exchange);
    const index = row.quotes.findIndex((quote) => quote.exchange === exchange);
    const before = row.quotes[index];
    const quote = followed(before, exchange, one, frame);
    if (before === undefined) {
      row.quotes = [...row.quotes, quote].sort(byExchange);
      this.#members += 1;
    } else {
      row.quotes = row.quotes.with(index, quote);
    }
  }
}

function isMarketStream(stream: StreamName): stream is MarketStream {
  return stream === 'funding_rates' || stream === 'anomalies';
}

const byExchange = (a: Quote, b: Quote): number => (a.exchange < b.exchange ? -1 : a.exchange > b.exchange ? 1 : 0);

const nameOf = (name: unknown): string => (typeof name === 'string' && name !== '' ? name : UNNAMED);

/** A number as it stands in a frame; NaN for what is none, or not finite. */
function numberOf(value: unknown): number {
  const number = wireNumber(value) ?? Number.NaN;
  return Number.isFinite(number) ? number : Number.NaN;
}

/** The habit of an exchange where the rows have not told the interval. */
function habit(exchange: string): number | null {
  return fundingIntervalHours({ name: exchange, times: new Float64Array(0), columns: {} });
}

function quoteOf({ name, columns, arrived, spacing_ms: spacing }: Series, before: readonly Quote[]): Quote | null {
  const { timestamp = [] } = columns;
  const last = timestamp.length - 1;
  const time = numberOf(timestamp[last]);
  if (Number.isNaN(time)) return null;
  const exchange = nameOf(name);
  const known = before.find((quote) => quote.exchange === exchange);
  const rate = numberOf(columns.funding_rate?.[last]);
  const arrivedAt = arrived ?? null;
  return {
    exchange,
    rate,
    time,
    arrivedAt,
    changedAt: known !== undefined && known.rate === rate ? known.changedAt : arrivedAt,
    spacingMs: spacing ?? null,
    nextFundingTime: numberOf(columns.next_funding_time?.[last]),
    intervalHours: known?.intervalHours ?? habit(exchange),
  };
}

/** The quote after a further row. A row that is older than the newest says only that the line is alive. */
function followed(before: Quote | undefined, exchange: string, row: Row, frame: Frame<'delta'>): Quote {
  const arrivedAt = arrivalOf(before, row, frame);
  if (before !== undefined && row.timestamp < before.time) return { ...before, arrivedAt };
  const rate = numberOf(row.funding_rate);
  const next = numberOf(row.next_funding_time);
  return {
    exchange,
    rate,
    time: row.timestamp,
    arrivedAt,
    changedAt: before !== undefined && before.rate === rate ? before.changedAt : arrivedAt,
    spacingMs: frame.via === 'replay' ? (before?.spacingMs ?? null) : spacingAfter(before, arrivedAt),
    nextFundingTime: next,
    intervalHours: intervalAfter(before, next) ?? habit(exchange),
  };
}

/**
 * When a row came. One that this page missed came as long after its own time as the one before it, so that what was silent
 * meanwhile does not look fresh.
 */
function arrivalOf(before: Quote | undefined, row: Row, { via, time }: Frame<'delta'>): number {
  const arrivedAt = before?.arrivedAt ?? null;
  if (before === undefined || arrivedAt === null) return time;
  if (via !== 'replay') return Math.max(arrivedAt, time);
  return Math.min(time, Math.max(arrivedAt, row.timestamp + arrivedAt - before.time));
}

/**
 * The usual spacing after a further arrival: it goes up by a step for a longer gap and down for a shorter one, and so comes to
 * rest where both are as frequent, which is the median; one number, where the exact one would need all gaps.
 */
function spacingAfter(before: Quote | undefined, arrivedAt: number): number | null {
  if (before === undefined || before.arrivedAt === null) return null;
  const gap = Math.max(0, arrivedAt - before.arrivedAt);
  const { spacingMs } = before;
  if (spacingMs === null) return gap;
  if (gap === spacingMs) return spacingMs;
  return Math.max(1, gap > spacingMs ? spacingMs * (1 + SPACING_STEP) : spacingMs / (1 + SPACING_STEP));
}

/** The interval that two announced payments lie apart; of several, the shortest: rows that are missing make it longer. */
function intervalAfter(before: Quote | undefined, next: number): number | null {
  if (before === undefined) return null;
  const minutes = Math.round((next - before.nextFundingTime) / MINUTE_MS);
  if (!(minutes >= 30 && minutes <= 24 * 60)) return before.intervalHours;
  const said = minutes / 60;
  return before.intervalHours === null || said < before.intervalHours ? said : before.intervalHours;
}

function loadMarks(row: HeldRow, { series, minutes }: Frame<'snapshot'>, now: number): void {
  const marks = new HourMarks();
  row.anomalyTime = null;
  for (const { columns } of series) {
    for (const [index, cell] of (columns.timestamp ?? []).entries()) {
      const time = numberOf(cell);
      const z = numberOf(columns.z_score?.[index]);
      const isMark = isAbove(z, numberOf(columns.threshold?.[index]));
      marks.note(time, z, isMark, now);
      if (isMark) row.anomalyTime = Math.max(row.anomalyTime ?? time, time);
    }
  }
  // Weak rows were left out of the history, but were counted.
  for (const [index, count] of (minutes?.counts ?? []).entries())
    if (count > 0) marks.noteTotal((minutes?.from ?? now) + index * MINUTE_MS, count, now);
  row.marks = marks;
}

function appendAnomaly(row: HeldRow, one: Row, { via, time: sentAt }: Frame<'delta'>): void {
  row.marks ??= new HourMarks();
  const z = numberOf(one.z_score);
  const isMark = isAbove(z, numberOf(one.threshold));
  row.marks.note(one.timestamp, z, isMark, sentAt);
  if (!isMark) return;
  row.anomalyTime = Math.max(row.anomalyTime ?? one.timestamp, one.timestamp);
  // What was missed is marked, and does not flash as if it came now.
  if (via !== 'replay') row.flashedAt = Math.max(row.flashedAt ?? 0, sentAt);
}

/** Whether nothing came on a line for three times its usual spacing, and at least 30 s; by the rule of the charts' lines. */
export function isStale({ arrivedAt, spacingMs }: Pick<Quote, 'arrivedAt' | 'spacingMs'>, now: number): boolean {
  return arrivedAt !== null && now - arrivedAt > staleAfterMs(spacingMs);
}

/** A symbol that the market knows nothing of. */
export function blankRow(symbol: string): MarketRow {
  return { symbol, quotes: [], version: 0, flashedAt: null, anomalyTime: null, anomalies: () => NO_ANOMALIES };
}
