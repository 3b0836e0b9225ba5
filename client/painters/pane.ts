/** Paints a pane: what stands behind its lines, the lines, and the texts and dots upon them. */
import { paintDots, paintNotes } from './dots.ts';
import { paintLabels } from './labels.ts';
import { type Emphasis, paintLine } from './lines.ts';
import { paintGuideLabels, paintGuides, paintHatches, paintMarks, paintZone } from './marks.ts';
import { type Frame, type Pane, type Side, type Surface, WHOLE } from './scene.ts';

/** Something in the picture whose place the rows of a column do not tell, and where it begins (device pixels). */
export type Extra = readonly [left: number, what: unknown];

/** What of a pane's picture its lines do not say. */
export interface Look {
  /** Name of the line that stands out; null while all are equal. */
  readonly focus: string | null;
  readonly withNames: boolean;
  /** Where the labels of each side begin, in device pixels. */
  readonly labels: Readonly<Record<Side, number>>;
}

export function paintBehind(surface: Surface, pane: Pane, frame: Frame): void {
  paintHatches(surface, frame.hatches);
  paintMarks(surface, frame.marks);
  paintGuides(surface, pane.guides);
  if (frame.timeAxis) paintZone(surface, frame);
}

/** @returns what was painted beside the columns of the lines. */
export function paintPane(
  surface: Surface,
  { lines, guides, left, right }: Pane,
  { focus, withNames, labels }: Look,
): Extra[] {
  const { ctx, ratio } = surface;
  const slack = 3 * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(surface.left, surface.top - slack, surface.width + slack, surface.height + 2 * slack);
  ctx.clip();
  // The hovered line is painted last, on top of the others.
  for (const line of [...lines].sort((a, b) => Number(a.name === focus) - Number(b.name === focus))) {
    const emphasis: Emphasis = focus === null ? 'plain' : focus === line.name ? 'focus' : 'dim';
    const paint = line.shape.kind === 'dots' || line.shape.kind === 'scatter' ? paintDots : paintLine;
    paint(surface, line, emphasis);
  }
  ctx.restore();
  const notes = focus === null ? paintNotes(surface, lines) : [];
  paintGuideLabels(surface, guides);
  // Ticks of the other axis stand beside the part that is theirs.
  const bands = { left: left.band ?? WHOLE, right: right?.band ?? WHOLE };
  const ends = paintLabels(surface, lines, { x: labels, bands, withName: withNames && lines.length > 1, focus });
  return [...notes, ...ends];
}
