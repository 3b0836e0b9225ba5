/**
 * Performance: PnL above, win rate and drawdown below, a line for each strategy. Nobody can know from a row whether it is
 * one trade or a running figure, so that rows are shown as stored, and summed only when the visitor says so.
 */

import type { ValueColumn } from '../../shared/streams.ts';
import { cumulativePnl, TRAILING_ROWS, trailingWinRate } from '../derive.ts';
import { compact, fixed, percent, quoteOf } from '../format.ts';
import type { StreamView } from '../model.ts';
import type { AxisSpec, Guide, Pane, PaneLine, Shape } from '../painters/scene.ts';
import { extent, lowerBound } from '../painters/spans.ts';
import { at, column, kept, type NamedLine, namedLines, newestRow, paneLine, rememberedSlots, toneOf } from './lines.ts';
import type { CardContent, Picture, Recipe, RecipeContext } from './recipe.ts';

const ZERO: Guide = { side: 'left', value: 0, label: null, tone: 'zero' };

/** One of the three panes. */
interface Part {
  readonly id: string;
  readonly title: string;
  readonly left: AxisSpec;
  readonly guides: readonly Guide[];
  readonly shape: Shape;
  readonly weight: number;
  readonly unit: ValueColumn['unit'];
  values(line: NamedLine['line']): Float64Array;
  format(value: number): string;
}

/** A column without the rows before the window: what is computed over the range begins where it is shown. */
function since(line: NamedLine['line'], name: string, from: number): Float64Array {
  const start = lowerBound(line.times, from);
  return column(line, name).map((value, index) => (index < start ? Number.NaN : value));
}

function parts(isRunning: boolean, quote: string, from: number): readonly Part[] {
  return [
    {
      id: 'pnl',
      title: isRunning ? `Cumulative PnL, ${quote}` : `PnL, ${quote}`,
      left: { style: 'signed', keep: [0] },
      guides: [ZERO],
      shape: { kind: 'line' },
      weight: 1.5,
      unit: 'quote',
      values: (line) => (isRunning ? cumulativePnl(since(line, 'pnl', from)) : column(line, 'pnl')),
      format: (value) => compact(value, 'plus'),
    },
    {
      id: 'win_rate',
      title: isRunning ? `Win rate, trailing ${TRAILING_ROWS} rows, %` : 'Win rate, %',
      left: { style: 'percent', keep: [0.5], least: 0, most: 1 },
      guides: [{ side: 'left', value: 0.5, label: null, tone: 'guide' }],
      shape: { kind: 'line' },
      weight: 1,
      unit: 'fraction',
      values: (line) => (isRunning ? trailingWinRate(since(line, 'win_rate', from)) : column(line, 'win_rate')),
      format: (value) => percent(value, 1),
    },
    {
      id: 'drawdown',
      title: `Drawdown, ${quote}`,
      left: { style: 'plain', keep: [0], least: 0, inverted: true },
      guides: [ZERO],
      shape: { kind: 'area' },
      weight: 1,
      unit: 'quote',
      values: (line) => column(line, 'drawdown'),
      format: (value) => compact(value),
    },
  ];
}

/** Single trades were won or lost, and nothing lies in between: they are dots, wins solid and losses hollow. */
const OUTCOMES: Shape = { kind: 'dots', solidFrom: 1, spread: false };

/** Whether a win rate is that of single trades, 0 or 1 in every row that can be seen. */
function isOutcomes(line: NamedLine['line'], bucketMs: number): boolean {
  const isOutcome = (value: number): boolean => value === 0 || value === 1 || Number.isNaN(value);
  // What is kept is to be found out only where not all rows are outcomes.
  return column(line, 'win_rate').every(isOutcome) || kept(line, 'win_rate', bucketMs).every(isOutcome);
}

/** Lines whose greatest figures are this many times apart do not share an axis: the lesser ones would lie flat on zero. */
const UNLIKE = 8;

/**
 * Parts a pane where its lines are of two sizes, as where one strategy stores a running sum and another single trades.
 * Each part has its own axis and names its strategies, so that nobody compares heights.
 */
export function bySize(pane: Pane): Pane[] {
  const sized = pane.lines
    .map((line) => {
      const [low, high] = extent(line.values, 0, line.values.length) ?? [0, 0];
      return { line, size: Math.max(Math.abs(low), Math.abs(high)) };
    })
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size);
  let cut = 0;
  let widest = UNLIKE;
  for (let i = 1; i < sized.length; i += 1) {
    const times = (sized[i - 1]?.size ?? 0) / (sized[i]?.size ?? 1);
    if (times < widest) continue;
    widest = times;
    cut = i;
  }
  if (cut === 0) return [pane];
  const great = new Set(sized.slice(0, cut).map(({ line }) => line));
  return [true, false].map((isGreat) => {
    const lines = pane.lines.filter((line) => great.has(line) === isGreat);
    const names = lines.length > 2 ? `${lines.length} strategies` : lines.map(({ name }) => name).join(', ');
    return {
      ...pane,
      id: isGreat ? pane.id : `${pane.id}-lesser`,
      title: `${pane.title} · ${names}`,
      lines,
      weight: 1,
    };
  });
}

function picture(view: StreamView, context: RecipeContext): Picture {
  const lines = namedLines(view);
  const isRunning = context.variant === 'running';
  const slots = rememberedSlots(
    view.stream,
    lines.map(({ name }) => name),
  );
  const quote = quoteOf(context.symbol);
  const isDots = (line: NamedLine['line']): boolean => !isRunning && isOutcomes(line, context.bucketMs);
  const panes = parts(isRunning, quote, context.from).flatMap((part): Pane[] => {
    const drawn = lines.map((named): PaneLine => {
      const values = part.values(named.line);
      const made = paneLine(view, named, context, {
        values,
        side: 'left',
        shape: part.id === 'win_rate' && isDots(named.line) ? OUTCOMES : part.shape,
        slot: slots.get(named.name) ?? 0,
        format: part.format,
        labelled: true,
        polled: false,
      });
      if (!isRunning) return made;
      // The row is told as it is stored, and what is drawn of it beside that.
      const { title: label, unit } = part;
      const derived = [{ label, unit, value: (index: number) => at(values, index) }];
      return { ...made, source: { ...made.source, derived } };
    });
    const { id, title, left, guides, weight } = part;
    const pane: Pane = { id, title, left, right: null, guides, lines: drawn, weight };
    return part.id === 'pnl' ? bySize(pane) : [pane];
  });
  return {
    subtitle: isRunning ? 'summed over the range shown' : 'rows as stored, by strategy',
    panes,
    refusal:
      isRunning && lines.some(({ channel }) => channel.reduced)
        ? 'There are more rows in this range than are loaded, so that they cannot be summed here. Choose a shorter range, or show the rows as stored.'
        : null,
  };
}

function card(view: StreamView, context: RecipeContext): CardContent | null {
  const newest = newestRow(namedLines(view));
  if (newest === null) return null;
  const { of, index } = newest;
  const pnl = at(column(of.line, 'pnl'), index);
  const trades = at(column(of.line, 'trade_count'), index);
  return {
    label: `PnL, ${quoteOf(context.symbol)}`,
    source: of.name,
    value: fixed(pnl, Math.abs(pnl) >= 10_000 ? 0 : 2, 'plus'),
    tone: toneOf(pnl),
    change: null,
    notes: [
      `win rate ${percent(at(column(of.line, 'win_rate'), index), 1)}`,
      `drawdown ${compact(at(column(of.line, 'drawdown'), index))}`,
      ...(trades > 1 ? [`${fixed(trades, 0)} trades`] : []),
    ],
    spark: { times: of.line.times, values: column(of.line, 'pnl'), kind: 'line' },
  };
}

export const performanceRecipe: Recipe = {
  stream: 'performance_metrics',
  title: 'Performance',
  variants: [
    { id: 'stored', label: 'As stored' },
    { id: 'running', label: 'Cumulative' },
  ],
  columns: 1,
  heatLegend: false,
  picture,
  card,
};
