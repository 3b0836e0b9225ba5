/** One stream's finer rows for what a zoomed page shows: asked for when they are missing, followed while they are shown. */
import { chartNumber } from '../../shared/columns.ts';
import type { Frame } from '../../shared/protocol.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import type { StreamView } from '../model.ts';
import type { Span } from '../painters/span.ts';
import { Channel, type Window } from '../series/channel.ts';
import type { ChartAnswer, ChartQuestion } from './chart-api.ts';
import { compose } from './compose.ts';
import { type LoadState, Loads, type LoadsDeps } from './loads.ts';

/** What is asked for. */
export interface DetailQuestion extends ChartQuestion {
  /** Whether it ends at the present, so that rows of any later time belong to it. */
  readonly follows: boolean;
  /** Length in ms of the window that is shown, with what is loaded before it: what is kept as the window slides. */
  readonly windowMs: number;
}

/** What a page shows of the stream. */
export interface Shown {
  readonly span: Span;
  /** Null for a stream that has no symbols. */
  readonly symbol: string | null;
  readonly follows: boolean;
}

/** From outside; `onRows`: there are other rows to see. */
export type DetailDeps = Omit<LoadsDeps<DetailQuestion, ChartAnswer>, 'onLeave' | 'onAnswer'> & { onRows(): void };

/** What the server answers at most, in one request. */
const LONGEST_MS = 8 * 86_400_000;
/** A chart whose buckets differ by less than this factor is waited for, until it has had its width for so long. */
const NEAR = 1.25;
const SETTLE_MS = 300;
/** As a share of the window: so much beside it is loaded too, so that a small step shows at once. */
const BESIDE = 0.25;

/** What a request has brought, and what came after it. */
interface Held {
  readonly question: DetailQuestion;
  readonly channels: Map<string, Channel>;
  /** From here on all rows are there, epoch ms; moves on with a window that slides. */
  from: number;
}

/** The finer rows of one stream. */
export class Detail {
  readonly #stream: StreamName;
  readonly #loads: Loads<DetailQuestion, ChartAnswer>;
  readonly #now: () => number;
  readonly #onRows: () => void;
  readonly #after: DetailDeps['after'];
  #asked: DetailQuestion | null = null;
  #held: Held | null = null;
  /** What came since the request left. Some of it may be in the answer too. */
  #since: Frame<'delta'>[] = [];
  /** Whether rows were missed, so that what is held has to be loaded again when the feed is whole. */
  #isBroken = false;
  #version = 0;
  /** What was drawn last, while it is not asked for yet. */
  #wanted: Shown | null = null;
  #cancel: (() => void) | null = null;
  #isPatient = false;

  constructor(stream: StreamName, deps: DetailDeps) {
    const { onRows, ...rest } = deps;
    this.#stream = stream;
    this.#onRows = onRows;
    this.#after = (ms, action) => rest.after(ms, action);
    this.#now = () => rest.now();
    this.#loads = new Loads({
      ...rest,
      onLeave: () => {
        this.#since = [];
      },
      onAnswer: (question, answer) => this.#take(question, answer),
    });
  }

  /** Grows whenever it holds other rows. */
  get version(): number {
    return this.#version;
  }

  get state(): LoadState {
    return this.#loads.state;
  }

  /** The view with the finest rows that are held; asks for finer ones where they do not cover what is shown. */
  refine(view: StreamView, shown: Shown): StreamView {
    const { span, symbol } = shown;
    this.#want(shown);
    const held = this.#held;
    if (held === null || held.question.symbol !== symbol) return view;
    const { question, channels } = held;
    if (question.follows) {
      for (const channel of channels.values()) channel.slide(span.to);
      held.from = Math.max(held.from, span.to - question.windowMs);
    }
    const fine = [...channels.values()].map((channel) => channel.view(this.#now()));
    const within = { from: held.from, to: question.follows ? Number.POSITIVE_INFINITY : question.to };
    // Both only grow, so that no sum comes twice.
    const version = view.version + this.#version;
    return { ...view, channels: compose(view, fine, within, span), version };
  }

  /** The page shows the whole range again. */
  clear(): void {
    this.#forget();
    this.#loads.ask(null);
    this.#asked = null;
    this.#held = null;
    this.#since = [];
  }

  /** Rows came. */
  append(frame: Frame<'delta'>): void {
    if (this.#asked === null) return;
    if (this.#loads.state.name !== 'loaded') this.#since.push(frame);
    if (this.#held !== null) append(this.#held, this.#stream, frame);
  }

  /** Rows will be missing. */
  lose(): void {
    this.#isBroken = true;
  }

  /** The feed is whole again: what was missed has to be loaded. */
  mend(): void {
    if (!this.#isBroken) return;
    this.#isBroken = false;
    if (this.#asked !== null) this.#loads.ask(this.#asked);
  }

  /**
   * Notes what is drawn. A draw may lay a chart out in several passes, whose last one counts; and a chart whose width
   * changes with its labels is waited for, as what is there shows the same stretch nearly as fine.
   */
  #want(shown: Shown): void {
    if (this.#covers(this.#asked, shown)) {
      this.#forget();
      return;
    }
    this.#wanted = shown;
    const isNear = this.#covers(this.#asked, shown, NEAR);
    if (this.#cancel !== null && (isNear || !this.#isPatient)) return;
    this.#cancel?.();
    this.#isPatient = isNear;
    this.#cancel = this.#after(isNear ? SETTLE_MS : 0, () => {
      const wanted = this.#wanted;
      this.#forget();
      if (wanted === null) return;
      this.#asked = questionOf(this.#stream, wanted);
      this.#loads.ask(this.#asked);
    });
  }

  #forget(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#wanted = null;
  }

  /** @param factor by how much the buckets may differ in width. */
  #covers(question: DetailQuestion | null, { span, symbol, follows }: Shown, factor = 1): boolean {
    if (question === null || question.symbol !== symbol || question.follows !== follows) return false;
    const ratio = question.bucketMs / bucketOf(this.#stream, span);
    if (ratio > factor || ratio < 1 / factor) return false;
    if (follows) return question.windowMs >= Math.min(span.to - span.from, LONGEST_MS);
    return question.from <= Math.max(span.from, span.to - LONGEST_MS) && question.to >= span.to;
  }

  #take(question: DetailQuestion, answer: ChartAnswer): void {
    const now = this.#now();
    const { from, to } = question;
    const window = windowOf(question);
    const channels = new Map<string, Channel>();
    for (const [key, series] of byKey(question, answer)) {
      const frame: Frame<'snapshot'> = {
        type: 'snapshot',
        id: '',
        stream: this.#stream,
        key,
        cursor: '',
        from,
        to,
        reduced: answer.reduced,
        bucket_ms: answer.bucket_ms,
        rows_total: 0,
        series,
      };
      channels.set(key, new Channel(STREAMS[this.#stream], key, window, now, frame));
    }
    this.#held = { question, channels, from };
    for (const frame of this.#since) {
      const rows = frame.rows.filter((row) => !isIn(answer, question, this.#stream, frame.key, row));
      if (rows.length > 0) append(this.#held, this.#stream, { ...frame, rows });
    }
    this.#since = [];
    this.#version += 1;
    this.#onRows();
  }
}

/** As in the store, rows that are summed up are loaded in two buckets a pixel. */
function bucketOf(stream: StreamName, { bucketMs }: Span): number {
  return stream === 'performance_metrics' && bucketMs % 2 === 0 ? bucketMs / 2 : bucketMs;
}

/** The question whose answer covers what is shown, and as much beside it as the server gives. */
function questionOf(stream: StreamName, { span, symbol, follows }: Shown): DetailQuestion {
  const length = Math.min(span.to - span.from, Math.floor(LONGEST_MS / span.bucketMs) * span.bucketMs);
  const room = Math.floor((LONGEST_MS - length) / 2 / span.bucketMs);
  const beside = Math.max(0, Math.min(Math.ceil((length / span.bucketMs) * BESIDE), room)) * span.bucketMs;
  const bucketMs = bucketOf(stream, span);
  const [from, to] = [span.to - length - beside, span.to + beside];
  return { stream, symbol, from, to, bucketMs, follows, windowMs: length + beside };
}

/** The window of what is held: it slides with the present or stays. */
function windowOf({ from, to, bucketMs, follows, windowMs }: DetailQuestion): Window {
  const rangeMs = follows ? windowMs : to - from;
  const window = { rangeMs, bucketMs, points: Math.ceil(rangeMs / bucketMs) };
  return follows ? window : { ...window, from };
}

/** The answer's lines by key: a stream without symbols names its lines by them. */
function byKey(
  { symbol }: DetailQuestion,
  { data }: ChartAnswer,
): readonly (readonly [string, Frame<'snapshot'>['series']])[] {
  if (symbol !== null) return [[symbol, data]];
  return data.map(({ name, columns }) => [name ?? '', [{ name: null, columns }]] as const);
}

/** Takes the rows of a delta into what is held, as far as they belong to it. */
function append(held: Held, stream: StreamName, frame: Frame<'delta'>): void {
  const { question, channels } = held;
  if (question.symbol !== null && question.symbol !== frame.key) return;
  const { from, to, follows, windowMs } = question;
  const rows = follows ? frame.rows : frame.rows.filter(({ timestamp }) => timestamp >= from && timestamp < to);
  if (rows.length === 0) return;
  let channel = channels.get(frame.key);
  if (channel === undefined) {
    channel = new Channel(STREAMS[stream], frame.key, windowOf(question), frame.time, null);
    channels.set(frame.key, channel);
  }
  channel.append({ ...frame, rows });
  if (follows) held.from = Math.max(held.from, frame.time - windowMs);
}

/**
 * Whether a row that came while the request was under way is in the answer. Charts carry no ids, so that it is told by its
 * line, its time and its numbers.
 */
function isIn(
  { data }: ChartAnswer,
  { symbol }: DetailQuestion,
  stream: StreamName,
  key: string,
  row: Frame<'delta'>['rows'][number],
): boolean {
  const { series, values } = STREAMS[stream];
  const name = symbol === null ? key : series === null ? null : (row[series.name] ?? null);
  const line = data.find((candidate) => candidate.name === name);
  const times = line?.columns.timestamp ?? [];
  for (let index = times.length - 1; index >= 0; index -= 1) {
    const time = chartNumber(times[index]) ?? Number.NaN;
    if (time < row.timestamp) return false;
    if (time > row.timestamp) continue;
    const isSame = values.every(
      ({ name: column, kind }) =>
        kind === 'text' || chartNumber(line?.columns[column]?.[index]) === chartNumber(row[column]),
    );
    if (isSame) return true;
  }
  return false;
}
