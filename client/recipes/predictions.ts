/** Predictions: confidence on the left axis with the line of high confidence, predicted PnL on the right. */
import { compact, fixed, quoteOf } from '../format.ts';
import type { StreamView } from '../model.ts';
import type { AxisSpec, Guide, Pane, PaneLine } from '../painters/scene.ts';
import { at, column, kept, type NamedLine, namedLines, newestRow, paneLine, rememberedSlots } from './lines.ts';
import type { CardContent, Picture, Recipe, RecipeContext } from './recipe.ts';

/** From here on a prediction is one of high confidence. */
export const HIGH_CONFIDENCE = 0.7;

/** Ticks that the line of high confidence is one of. */
const CONFIDENCE_TICKS = [0.1, 0.3, 0.5, 0.7, 0.9] as const;

/** The two axes share the pane and not its space: confidence has the upper part, predicted PnL the lower. */
const UPPER = [0.48, 1] as const;
const LOWER = [0, 0.4] as const;

/** Predicted PnL without its placeholders: a prediction of exactly nothing stands for one that is not known yet. */
export function knownPnl(predicted: Float64Array): Float64Array {
  return predicted.map((value) => (value === 0 ? Number.NaN : value));
}

function picture(view: StreamView, context: RecipeContext): Picture {
  const lines = namedLines(view);
  const slots = rememberedSlots(
    view.stream,
    lines.map(({ name }) => name),
  );
  // The reduction takes placeholders for values: of what it leaves out nothing else is known, so that none of it is drawn.
  const pnl = new Map(
    lines.map((named) => [named.name, knownPnl(kept(named.line, 'predicted_pnl', context.bucketMs))]),
  );
  const hasPnl = [...pnl.values()].some((values) => values.some((value) => Number.isFinite(value)));
  const quote = quoteOf(context.symbol);
  const drawn = lines.flatMap((named): PaneLine[] => {
    const slot = slots.get(named.name) ?? 0;
    const confidence = paneLine(view, named, context, {
      values: column(named.line, 'confidence'),
      side: 'left',
      shape: { kind: 'dots', solidFrom: HIGH_CONFIDENCE, spread: true },
      slot,
      format: (value) => fixed(value, 2),
      labelled: true,
      polled: false,
    });
    const expected = paneLine(view, named, context, {
      values: pnl.get(named.name) ?? new Float64Array(0),
      side: 'right',
      shape: { kind: 'dots', solidFrom: null, spread: true },
      slot,
      format: (value) => compact(value, 'plus'),
      labelled: true,
      polled: false,
    });
    // Staleness is said once a line.
    return hasPnl ? [confidence, { ...expected, staleFor: null }] : [confidence];
  });
  const left: AxisSpec = { style: 'plain', keep: [0.3, 0.9], least: 0, most: 1, ticks: CONFIDENCE_TICKS };
  const guides: Guide[] = [{ side: 'left', value: HIGH_CONFIDENCE, label: 'high confidence', tone: 'guide' }];
  const pane: Pane = {
    id: hasPnl ? 'both' : 'confidence',
    title: null,
    left: hasPnl ? { ...left, band: UPPER } : left,
    right: hasPnl ? { style: 'signed', keep: [0], band: LOWER } : null,
    guides: hasPnl ? [...guides, { side: 'right', value: 0, label: null, tone: 'zero' }] : guides,
    lines: drawn,
    weight: 1,
  };
  return {
    subtitle: hasPnl ? `confidence, 0 to 1 · predicted PnL, ${quote}, right` : 'confidence, 0 to 1',
    panes: [pane],
    refusal: null,
  };
}

function card(view: StreamView, context: RecipeContext): CardContent | null {
  const lines = namedLines(view);
  const newest = newestRow(lines);
  if (newest === null) return null;
  const { of, index } = newest;
  const confidences = column(of.line, 'confidence');
  const expected = at(knownPnl(column(of.line, 'predicted_pnl')), index);
  const confidence = at(confidences, index);
  return {
    label: 'Prediction',
    source: of.name,
    value: fixed(confidence, 2),
    tone: 'plain',
    change: null,
    notes: [
      confidence >= HIGH_CONFIDENCE ? 'high confidence' : `below ${HIGH_CONFIDENCE}`,
      ...(Number.isFinite(expected) ? [`${compact(expected, 'plus')} ${quoteOf(context.symbol)} expected`] : []),
      ...shareOfHigh(lines),
    ],
    spark: { times: of.line.times, values: confidences, kind: 'dots' },
  };
}

function shareOfHigh(lines: readonly NamedLine[]): string[] {
  // A share of the rows that the reduction keeps would be none of the rows.
  if (lines.some(({ channel }) => channel.reduced)) return [];
  let high = 0;
  let all = 0;
  for (const { line } of lines) {
    for (const value of column(line, 'confidence')) {
      all += 1;
      if (value >= HIGH_CONFIDENCE) high += 1;
    }
  }
  return all < 10 ? [] : [`${Math.round((100 * high) / all)}% of the range high`];
}

export const predictionsRecipe: Recipe = {
  stream: 'signal_predictions',
  title: 'Predictions',
  variants: [],
  columns: 1,
  heatLegend: false,
  picture,
  card,
};
