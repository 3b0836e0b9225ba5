/** Which lines of a chart are shown: all but some that were hidden, or only some that were isolated. Pure. */
import type { Pane, PaneLine } from '../painters/scene.ts';
import type { Picture } from '../recipes/recipe.ts';

/** `hide`: all lines but these, so that a line that comes later is seen. `only`: these and no other. */
export interface LineChoice {
  readonly kind: 'hide' | 'only';
  readonly names: readonly string[];
}

export const ALL_LINES: LineChoice = { kind: 'hide', names: [] };

/** A line of a chart as a list names it, once for all panes that it is in. */
export interface ListedLine {
  readonly name: string;
  readonly slot: number;
  /** Whether its colour in the chart is its own; a scatter's says how far a row is from the norm. */
  readonly isColoured: boolean;
}

export function isHidden({ kind, names }: LineChoice, name: string): boolean {
  return names.includes(name) === (kind === 'hide');
}

/** The choice with one line turned on or off. Where all of the chart's lines are on again, all are meant. */
export function toggleLine(choice: LineChoice, name: string, all: readonly string[]): LineChoice {
  const names = choice.names.includes(name) ? choice.names.filter((other) => other !== name) : [...choice.names, name];
  return settled({ ...choice, names }, all);
}

/** The choice that shows one line alone; all of them, where it is the only one already. */
export function isolateLine(choice: LineChoice, name: string, all: readonly string[]): LineChoice {
  const isAlone = all.every((other) => isHidden(choice, other) === (other !== name));
  return isAlone ? ALL_LINES : { kind: 'only', names: [name] };
}

function settled(choice: LineChoice, all: readonly string[]): LineChoice {
  // A chart with a single line that is off is not one with all of them on.
  return choice.kind === 'only' && all.every((name) => choice.names.includes(name)) ? ALL_LINES : choice;
}

/** How many of these lines are hidden. */
export function hiddenCount(choice: LineChoice, all: readonly string[]): number {
  return all.filter((name) => isHidden(choice, name)).length;
}

/** The lines of a picture in the order in which it has them, each once. */
export function linesOf({ panes }: Pick<Picture, 'panes'>): readonly ListedLine[] {
  const byName = new Map<string, ListedLine>();
  for (const { lines } of panes) {
    for (const { name, slot, shape } of lines)
      if (!byName.has(name)) byName.set(name, { name, slot, isColoured: shape.kind !== 'scatter' });
  }
  return [...byName.values()];
}

/** The picture without the hidden lines, and without panes that have none left; the same one where nothing is hidden. */
export function withoutHidden(picture: Picture, choice: LineChoice): Picture {
  const names = linesOf(picture).map(({ name }) => name);
  const hidden = hiddenCount(choice, names);
  if (hidden === 0) return picture;
  const panes = picture.panes.flatMap((pane): Pane[] => {
    const lines = pane.lines.filter(({ name }: PaneLine) => !isHidden(choice, name));
    if (lines.length === pane.lines.length) return [pane];
    return lines.length === 0 ? [] : [{ ...pane, lines }];
  });
  return {
    subtitle: picture.subtitle,
    panes,
    refusal:
      picture.refusal ??
      (hidden === names.length ? 'All lines of this chart are hidden. Choose “All” in its list of lines.' : null),
  };
}
