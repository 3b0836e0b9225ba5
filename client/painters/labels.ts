/** Labels at the ends of lines: each value beside its line, in its colour, none on top of another. */
import { DIM_ALPHA } from './lines.ts';
import type { Extra } from './pane.ts';
import { type Band, type PaneLine, type Side, type Surface, slotColor } from './scene.ts';
import { columnOf } from './span.ts';

/** A label before and after it has found its place (centre, in the same units). */
export interface Placed<T> {
  readonly item: T;
  y: number;
}

/**
 * Moves labels apart to at least `spacing` while keeping them within [top, bottom] and in order; where not all fit, the
 * last of the list are left out. After D3's one-dimensional dodge: push down, then push the overflow up again.
 *
 * @returns the labels that fit, from top to bottom
 */
export function dodge<T>(
  wanted: readonly { readonly item: T; readonly y: number }[],
  spacing: number,
  top: number,
  bottom: number,
): Placed<T>[] {
  const capacity = Math.max(1, Math.floor((bottom - top) / spacing) + 1);
  const placed = wanted.slice(0, capacity).map(({ item, y }) => ({ item, y: Math.min(bottom, Math.max(top, y)) }));
  placed.sort((a, b) => a.y - b.y);
  let floor = Number.NEGATIVE_INFINITY;
  for (const label of placed) {
    label.y = Math.max(label.y, floor + spacing);
    floor = label.y;
  }
  let ceiling = bottom;
  for (const label of placed.toReversed()) {
    label.y = Math.min(label.y, ceiling);
    ceiling = label.y - spacing;
  }
  return placed;
}

/** Index of the newest row in the window with a finite value, -1 where there is none. */
export function newestFinite(line: Pick<PaneLine, 'values' | 'end'>): number {
  for (let i = (line.end ?? line.values.length) - 1; i >= 0; i -= 1) if (Number.isFinite(line.values[i])) return i;
  return -1;
}

/** The texts of a label: the value, then the name, then how long the line has been stale. */
function textsOf(line: PaneLine, withName: boolean): { value: string; name: string; stale: string } {
  return {
    value: line.endText ?? '',
    name: withName ? line.name : '',
    stale: line.staleFor === null ? '' : `stale ${line.staleFor}`.trimEnd(),
  };
}

const GAP = 5;

function fontOf(surface: Pick<Surface, 'palette' | 'ratio'>, weight: number): string {
  return `${weight} ${surface.palette.textSize * surface.ratio}px ${surface.palette.font}`;
}

/** Texts that were measured last, by font. Values change all the time, names do not. */
const MOST_MEASURED = 400;
const measured = new Map<string, number>();

/** Forgets what was measured, as when another font has come. */
export function measureAnew(): void {
  measured.clear();
}

function widthOf(ctx: CanvasRenderingContext2D, font: string, text: string): number {
  // A canvas in the page has the page's figures, all of one width; one outside measures others.
  const key = `${ctx.canvas.isConnected} ${font} ${text}`;
  const known = measured.get(key);
  if (known !== undefined) return known;
  if (measured.size >= MOST_MEASURED) measured.clear();
  ctx.font = font;
  const { width } = ctx.measureText(text);
  measured.set(key, width);
  return width;
}

/** Width that the labels of a pane need beside the plot, in device pixels; 0 without labels. */
export function labelsWidth(
  surface: Pick<Surface, 'ctx' | 'palette' | 'ratio'>,
  lines: readonly PaneLine[],
  withName: boolean,
): number {
  const { ctx, ratio } = surface;
  const [bold, plain] = [fontOf(surface, 600), fontOf(surface, 450)];
  let widest = 0;
  for (const line of lines) {
    if (line.endText === null || newestFinite(line) < 0) continue;
    const { value, name, stale } = textsOf(line, withName);
    let width = widthOf(ctx, bold, value);
    for (const text of [name, stale]) if (text !== '') width += GAP * ratio + widthOf(ctx, plain, text);
    widest = Math.max(widest, width);
  }
  return widest;
}

/**
 * The lines that have a label and its value, the weightiest first: the hovered one, those that are stale, then on each
 * side by the size of their newest value.
 */
export function byWeight(lines: readonly PaneLine[], focus: string | null): { line: PaneLine; value: number }[] {
  const labelled = lines.flatMap((line) => {
    const value = line.values[newestFinite(line)];
    return line.endText === null || value === undefined ? [] : [{ line, value, size: Math.abs(value), place: 0 }];
  });
  labelled.sort((a, b) => b.size - a.size);
  const places = { left: 0, right: 0 };
  for (const entry of labelled) {
    const { name, staleFor, side } = entry.line;
    entry.place = name === focus ? -2 : staleFor !== null ? -1 : places[side]++;
  }
  return labelled.sort((a, b) => a.place - b.place);
}

/** Where labels are painted: each side's from its own `x` (device pixels), within the part of the height that is its axis'. */
interface LabelPlace {
  readonly x: Readonly<Record<Side, number>>;
  readonly bands: Readonly<Record<Side, Band>>;
  readonly withName: boolean;
  readonly focus: string | null;
}

/** Paints the labels and a dot at each line's end. Returns these. */
export function paintLabels(surface: Surface, lines: readonly PaneLine[], place: LabelPlace): Extra[] {
  const { ctx } = surface;
  const groups = new Map<string, { readonly band: Band; readonly lines: PaneLine[] }>();
  for (const line of lines) {
    const band = place.bands[line.side];
    const group = groups.get(band.join());
    if (group === undefined) groups.set(band.join(), { band, lines: [line] });
    else group.lines.push(line);
  }
  ctx.save();
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  const ends = [...groups.values()].flatMap((group) => paintGroup(surface, group.lines, group.band, place));
  ctx.restore();
  return ends;
}

/** The labels of one part of the height, none on top of another. */
function paintGroup(surface: Surface, lines: readonly PaneLine[], band: Band, place: LabelPlace): Extra[] {
  const { ctx, ratio, palette } = surface;
  const { focus, withName } = place;
  const wanted = byWeight(lines, focus).map(({ line, value }) => ({ item: line, y: surface.y(value, line.side) }));
  const size = palette.textSize * ratio;
  const spacing = size * 1.25;
  const top = surface.top + surface.height * (1 - band[1]) + size * 0.4;
  const bottom = surface.top + surface.height * (1 - band[0]) - size * 0.4;
  // Where not all fit, the last place says how many more there are.
  const isFull = top + (wanted.length - 1) * spacing > bottom;
  const labels = dodge(wanted, spacing, top, isFull ? bottom - spacing : bottom);
  const hidden = wanted.length - labels.length;
  const ends: Extra[] = [];
  for (const { item: line, y } of labels) {
    const isDim = focus !== null && focus !== line.name;
    ctx.globalAlpha = isDim ? DIM_ALPHA * 1.6 : 1;
    ends.push(paintEnd(surface, line));
    const { value, name, stale } = textsOf(line, withName);
    let x = place.x[line.side];
    const write = (text: string, weight: number, color: string): void => {
      if (text === '') return;
      const font = fontOf(surface, weight);
      ctx.font = font;
      ctx.fillStyle = color;
      ctx.fillText(text, x, y + ratio * 0.5);
      x += widthOf(ctx, font, text) + GAP * ratio;
    };
    write(value, 600, slotColor(palette, line.slot));
    write(name, 450, palette.second);
    write(stale, 600, palette.alarm);
  }
  if (hidden > 0) {
    ctx.globalAlpha = 1;
    ctx.font = fontOf(surface, 450);
    ctx.fillStyle = palette.third;
    ctx.fillText(`${hidden} more`, place.x[labels.at(-1)?.item.side ?? 'left'], bottom + ratio * 0.5);
  }
  return ends;
}

/** A dot where the line ends; hollow where the line is stale. */
function paintEnd(surface: Surface, line: PaneLine): Extra {
  const { ctx, ratio, palette } = surface;
  const newest = newestFinite(line);
  const x = surface.columnX(columnOf(line.times[newest] ?? 0, surface.span));
  const y = surface.y(line.values[newest] ?? 0, line.side);
  const end: Extra = [x - 4 * ratio, [line.name, x, y]];
  if (x < surface.left || x > surface.left + surface.width + 4 * ratio) return end;
  ctx.beginPath();
  ctx.arc(x, y, 3 * ratio, 0, 2 * Math.PI);
  ctx.fillStyle = line.staleFor === null ? slotColor(palette, line.slot) : palette.panel;
  ctx.fill();
  ctx.lineWidth = 1.5 * ratio;
  ctx.strokeStyle = line.staleFor === null ? palette.panel : palette.alarm;
  ctx.stroke();
  return end;
}
