/** The part of a picture that stands in the page's elements and not on a canvas; changes seldom. */
import type { Pane } from '../painters/scene.ts';
import type { Picture } from '../recipes/recipe.ts';

/** A line's entry in a pane's legend. */
export interface LegendEntry {
  readonly name: string;
  readonly slot: number;
  readonly staleFor: string | null;
}

/** A pane's element: its share of the height and its head. */
export interface PaneLayout {
  readonly id: string;
  readonly title: string | null;
  readonly weight: number;
  readonly legend: readonly LegendEntry[];
}

/** A chart's elements. */
export interface ChartLayout {
  readonly subtitle: string;
  readonly refusal: string | null;
  readonly panes: readonly PaneLayout[];
}

/** The layout of a picture; legends are made either way, and shown where labels carry no names. */
export function layoutOf(picture: Picture): ChartLayout {
  const named = new Set<string>();
  return {
    subtitle: picture.subtitle,
    refusal: picture.refusal,
    panes: picture.panes.map((pane) => {
      // A line is named once, in the first pane that it is in.
      const legend = legendOf(pane).filter((entry) => !named.has(JSON.stringify(entry)));
      for (const entry of legend) named.add(JSON.stringify(entry));
      return { id: pane.id, title: pane.title, weight: pane.weight, legend };
    }),
  };
}

function legendOf({ lines }: Pane): LegendEntry[] {
  const byName = new Map<string, LegendEntry>();
  for (const { name, slot, staleFor, shape } of lines) {
    // The scatter's colours mean something else.
    if (shape.kind === 'scatter' || byName.has(name)) continue;
    byName.set(name, { name, slot, staleFor });
  }
  return [...byName.values()];
}

/** Whether two layouts make the same elements. */
export function sameLayout(a: ChartLayout, b: ChartLayout): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
