/** Anomalies: points whose size and colour say how far from the norm they are, solid where above their own threshold. */
import { compact, fixed } from '../format.ts';
import type { StreamView } from '../model.ts';
import { isAbove, scatterRows } from '../painters/scatter.ts';
import type { Guide, Pane, PaneLine } from '../painters/scene.ts';
import { lowerBound } from '../painters/spans.ts';
import { at, column, type NamedLine, namedLines, newestRow, paneLine, rememberedSlots } from './lines.ts';
import type { CardContent, Picture, Recipe, RecipeContext } from './recipe.ts';

const zText = (z: number): string => `${fixed(z, 1, 'plus')}σ`;

/** The usual threshold on both sides of the norm. */
const THRESHOLDS: readonly Guide[] = [
  { side: 'left', value: 0, label: null, tone: 'zero' },
  { side: 'left', value: 3, label: null, tone: 'guide' },
  { side: 'left', value: -3, label: null, tone: 'guide' },
];

function picture(view: StreamView, context: RecipeContext): Picture {
  const lines = namedLines(view);
  const only = lines.length === 1 ? lines[0] : undefined;
  const slots = rememberedSlots(
    view.stream,
    lines.map(({ name }) => name),
  );
  const pane: Pane = {
    id: 'z',
    title: null,
    left: only === undefined ? { style: 'signed', keep: [-3.5, 3.5] } : { style: 'plain', keep: [] },
    right: null,
    guides: only === undefined ? THRESHOLDS : [{ side: 'left', value: 0, label: null, tone: 'zero' }],
    lines: lines.map((named) => {
      const z = column(named.line, 'z_score');
      return paneLine(view, named, context, {
        // Values of several types have no common scale; their deviations have.
        values: only === undefined ? z : column(named.line, 'value'),
        side: 'left',
        shape: { kind: 'scatter', z, threshold: column(named.line, 'threshold'), thinned: named.channel.reduced },
        slot: slots.get(named.name) ?? 0,
        format: only === undefined ? zText : (value) => compact(value),
        labelled: false,
        polled: false,
      });
    }),
    weight: 1,
  };
  const stale = pane.lines.flatMap(({ name, staleFor }) => (staleFor === null ? [] : [`${name} stale ${staleFor}`]));
  // Dots have no label at a line's end that could say it.
  const notes = [subtitle(lines, only), ...thinned(view, pane.lines, context), ...stale];
  return { subtitle: notes.join(' · '), panes: [pane], refusal: null };
}

/** How many rows are drawn of how many, where not all are: those above their threshold, and the strongest of the others. */
function thinned(view: StreamView, lines: readonly PaneLine[], { from, bucketMs }: RecipeContext): string[] {
  if (!view.channels.some(({ reduced }) => reduced)) return [];
  const span = { from, to: Number.POSITIVE_INFINITY, bucketMs };
  let drawn = 0;
  for (const line of lines) if (line.shape.kind === 'scatter') drawn += scatterRows(line, line.shape, span).length;
  const total = view.channels.reduce((sum, { rowsTotal }) => sum + (rowsTotal ?? Number.NaN), 0);
  const of = total >= drawn ? ` of ${fixed(total, 0)}` : '';
  return [`${fixed(drawn, 0)}${of} rows drawn`];
}

function subtitle(lines: readonly NamedLine[], only: NamedLine | undefined): string {
  if (only !== undefined) return `${only.name}, its value`;
  return lines.length === 0
    ? 'deviation from the norm, σ'
    : `deviation from the norm, σ, of ${lines.length} data types`;
}

function card(view: StreamView, context: RecipeContext): CardContent | null {
  const lines = namedLines(view);
  const newest = newestRow(lines);
  if (newest === null) return null;
  const { of, index } = newest;
  const z = column(of.line, 'z_score');
  const above = countAbove(lines, context.now - context.rangeMs);
  return {
    label: 'Anomaly',
    source: of.name,
    value: zText(at(z, index)),
    tone: 'plain',
    change: null,
    notes: [`${above} above threshold`, `value ${compact(at(column(of.line, 'value'), index))}`],
    spark: { times: of.line.times, values: z, kind: 'dots' },
  };
}

/** Rows since a time that deviate by at least their own threshold. */
function countAbove(lines: readonly NamedLine[], from: number): number {
  let count = 0;
  for (const { line } of lines) {
    const z = column(line, 'z_score');
    const threshold = column(line, 'threshold');
    for (let i = lowerBound(line.times, from); i < line.times.length; i += 1)
      if (isAbove(at(z, i), at(threshold, i))) count += 1;
  }
  return count;
}

export const anomaliesRecipe: Recipe = {
  stream: 'anomalies',
  title: 'Anomalies',
  variants: [],
  columns: 1,
  heatLegend: true,
  picture,
  card,
};
