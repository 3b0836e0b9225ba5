/** What all recipes do with a stream's lines: name them, give each its colour, write their rows out. Pure. */
import { m4 } from '../../shared/m4.ts';
import { STREAMS } from '../../shared/streams.ts';
import { age, words } from '../format.ts';
import type { ChannelView, LineView, StreamView } from '../model.ts';
import { newestFinite } from '../painters/labels.ts';
import type { PaneLine } from '../painters/scene.ts';
import { lowerBound } from '../painters/spans.ts';
import type { RecipeContext, Tone } from './recipe.ts';

/** Whether a stream's keys are symbols. */
function hasSymbol(view: StreamView): boolean {
  return STREAMS[view.stream].key.name === 'symbol';
}

/** A line with the name that the page calls it by. */
export interface NamedLine {
  readonly name: string;
  readonly line: LineView;
  readonly channel: ChannelView;
}

/** A line of a stream with series whose rows name none. */
const UNNAMED = 'no name';

/**
 * All lines of a stream that have rows, by name. A stream without series calls its lines by their key. Names are written
 * as words; a strategy's is an identifier, and stays as it is. Where several symbols are compared each name says whose it is.
 */
export function namedLines(view: StreamView): readonly NamedLine[] {
  const hasSeries = STREAMS[view.stream].series !== null;
  const isCompared = hasSeries && view.channels.length > 1;
  return view.channels
    .flatMap((channel) =>
      channel.lines.map((line): NamedLine => {
        const name = hasSeries ? (line.name ?? UNNAMED) : channel.key;
        const plain = view.stream === 'performance_metrics' ? name : words(name);
        return { name: isCompared ? `${channel.key} ${plain}` : plain, line, channel };
      }),
    )
    .filter(({ line }) => line.times.length > 0)
    .sort((a, b) => order(a.name, b.name));
}

/**
 * Names as people count, `node 2` before `node 10`. Not by `localeCompare`, which takes a fresh browser 20 ms to learn a
 * language's rules, before the first chart.
 */
function order(a: string, b: string): number {
  const [first, second] = [ranked(a), ranked(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function ranked(name: string): string {
  return name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(20, '0'));
}

/** A column of a line; all gaps where the line has none of that name. */
export function column(line: LineView, name: string): Float64Array {
  return line.columns[name] ?? new Float64Array(line.times.length).fill(Number.NaN);
}

/**
 * A column with only what the reduction keeps of it: the same whether all rows are held or only what is kept. What is
 * computed from it, and is no matter of least and greatest alone, is then the same too.
 */
export function kept(line: LineView, name: string, bucketMs: number): Float64Array {
  const values = column(line, name);
  const seen = new Float64Array(values.length).fill(Number.NaN);
  for (const index of m4({ times: line.times, values: [values] }, bucketMs)) seen[index] = at(values, index);
  return seen;
}

/**
 * Gives names colour slots: a name keeps the slot that it had before where no other of these names has it, so that an
 * exchange keeps its colour from symbol to symbol. The memory is changed.
 */
export function slotsOf(names: readonly string[], memory: Map<string, number>): ReadonlyMap<string, number> {
  const slots = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of names) {
    const before = memory.get(name);
    if (before === undefined || taken.has(before)) continue;
    slots.set(name, before);
    taken.add(before);
  }
  for (const name of names) {
    if (slots.has(name)) continue;
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    slots.set(name, slot);
    taken.add(slot);
    memory.set(name, slot);
  }
  return slots;
}

const memories = new Map<string, Map<string, number>>();

/** The slots of lines within one group (a stream, or a pane that has colours of its own), kept while the page lives. */
export function rememberedSlots(group: string, names: readonly string[]): ReadonlyMap<string, number> {
  const memory = memories.get(group) ?? new Map<string, number>();
  memories.set(group, memory);
  return slotsOf(names, memory);
}

/** How long nothing arrived on a line that is stale among others that are not; null where that needs no mark. */
export function staleMark(view: StreamView, line: LineView, now: number): string | null {
  // Where the whole stream is stale its frame says so, once and larger.
  if (!line.stale || view.state !== 'live') return null;
  return line.arrivedAt === null ? '' : age(now - line.arrivedAt);
}

/**
 * Rows of a polled line that are farther apart than this are not joined: a dozen times their usual spacing, and at least
 * three pixels of history. Lines of events have no spacing to judge by; they are joined whatever lies between.
 */
function breakAfter(line: LineView, rangeMs: number): number | null {
  if (line.spacingMs === null) return null;
  return Math.max(120_000, 12 * line.spacingMs, rangeMs / 300);
}

/** What a pane's line takes over from its stream. */
export function paneLine(
  view: StreamView,
  { name, line, channel }: NamedLine,
  context: RecipeContext,
  drawn: Pick<PaneLine, 'values' | 'side' | 'shape' | 'slot' | 'format'> & {
    readonly labelled: boolean;
    readonly polled: boolean;
  },
): PaneLine {
  const { labelled, polled, ...rest } = drawn;
  const base = {
    ...rest,
    name,
    times: line.times,
    breakAfterMs: polled ? breakAfter(line, context.rangeMs) : null,
    staleFor: staleMark(view, line, context.now),
    source: { stream: view.stream, line, symbol: hasSymbol(view) ? channel.key : context.symbol, derived: [] },
  };
  const end = lowerBound(line.times, context.to ?? Number.POSITIVE_INFINITY);
  const newest = newestFinite({ ...drawn, end });
  const text = labelled && newest >= 0 ? drawn.format(drawn.values[newest] ?? Number.NaN) : null;
  return { ...base, end, endText: text };
}

/** The line that a card speaks of where none is the newest: the first one that is not stale. */
export function leadingLine(lines: readonly NamedLine[]): NamedLine | undefined {
  return lines.find(({ line }) => !line.stale) ?? lines[0];
}

/** The line that has the newest row, and that row's index; null without rows. */
export function newestRow(lines: readonly NamedLine[]): { readonly of: NamedLine; readonly index: number } | null {
  let best: { readonly of: NamedLine; readonly index: number; readonly time: number } | null = null;
  for (const of of lines) {
    const index = of.line.times.length - 1;
    const time = of.line.times[index];
    if (time !== undefined && (best === null || time > best.time)) best = { of, index, time };
  }
  return best;
}

/** The value at an index, NaN beyond the column. */
export function at(values: Float64Array, index: number): number {
  return values[index] ?? Number.NaN;
}

/** Gain for what is above zero, loss for what is below. */
export function toneOf(value: number): Tone {
  if (value > 0) return 'gain';
  return value < 0 ? 'loss' : 'plain';
}
