/** System metrics: one pane for each unit, so that no axis carries two; metrics without a unit stand apart. */
import { changeOverWindow } from '../derive.ts';
import { compact, type Sign, unitSuffix } from '../format.ts';
import type { StreamView } from '../model.ts';
import type { Pane } from '../painters/scene.ts';
import { at, column, leadingLine, type NamedLine, namedLines, paneLine, rememberedSlots } from './lines.ts';
import type { CardContent, Picture, Recipe, RecipeContext } from './recipe.ts';

const VALUE = 'metric_value';

function unitOf({ line }: NamedLine): string | null {
  const unit = line.texts.metric_unit?.trim();
  return unit === undefined || unit === '' ? null : unit;
}

/** The lines of each pane, by unit; a metric without a unit shares its axis with nobody. */
export function byUnit(lines: readonly NamedLine[]): readonly { unit: string | null; lines: readonly NamedLine[] }[] {
  const groups = new Map<string, NamedLine[]>();
  const apart: { unit: string | null; lines: readonly NamedLine[] }[] = [];
  for (const named of lines) {
    const unit = unitOf(named);
    if (unit === null) {
      apart.push({ unit, lines: [named] });
      continue;
    }
    const group = groups.get(unit);
    if (group === undefined) groups.set(unit, [named]);
    else group.push(named);
  }
  const shared = [...groups].map(([unit, members]) => ({ unit, lines: members }));
  shared.sort((a, b) => b.lines.length - a.lines.length || ((a.unit ?? '') < (b.unit ?? '') ? -1 : 1));
  return [...shared, ...apart];
}

const text = (value: number, unit: string | null, sign: Sign = 'plain'): string =>
  compact(value, sign) + unitSuffix(unit);

/** A difference of two values; of percentages it is in percentage points. */
const changeText = (change: number, unit: string | null): string => text(change, unit === '%' ? 'pp' : unit, 'plus');

function picture(view: StreamView, context: RecipeContext): Picture {
  const groups = byUnit(namedLines(view));
  const panes = groups.map(({ unit, lines }): Pane => {
    const id = unit === null ? `name:${lines[0]?.name ?? ''}` : `unit:${unit}`;
    const slots = rememberedSlots(
      `${view.stream}/${id}`,
      lines.map(({ name }) => name),
    );
    const [only] = lines.length === 1 ? lines : [];
    return {
      id,
      title: only === undefined ? unit : [only.name, ...(unit === null ? [] : [unit])].join(', '),
      left: { style: 'plain', keep: [] },
      right: null,
      guides: [],
      lines: lines.map((named) =>
        paneLine(view, named, context, {
          values: column(named.line, VALUE),
          side: 'left',
          shape: { kind: 'line' },
          slot: slots.get(named.name) ?? 0,
          format: (value) => text(value, unit),
          labelled: true,
          polled: true,
        }),
      ),
      weight: 1,
    };
  });
  return { subtitle: 'one axis for each unit', panes, refusal: null };
}

function card(view: StreamView, context: RecipeContext): CardContent | null {
  const [first, ...others] = byUnit(namedLines(view)).flatMap((group) => leadingLine(group.lines) ?? []);
  if (first === undefined) return null;
  const values = column(first.line, VALUE);
  const newest = (named: NamedLine): number => at(column(named.line, VALUE), named.line.times.length - 1);
  const change = changeOverWindow(first.line.times, values, context.from);
  return {
    label: 'System',
    source: first.name,
    value: text(newest(first), unitOf(first)),
    tone: 'plain',
    change:
      change === null ? null : { text: `${changeText(change, unitOf(first))} in ${context.range}`, tone: 'plain' },
    notes: others.slice(0, 2).map((named) => `${named.name} ${text(newest(named), unitOf(named))}`),
    spark: { times: first.line.times, values, kind: 'line' },
  };
}

export const systemRecipe: Recipe = {
  stream: 'system_metrics',
  title: 'System',
  variants: [],
  columns: 2,
  heatLegend: false,
  picture,
  card,
};
