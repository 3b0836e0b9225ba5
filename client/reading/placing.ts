/** Where a card stands that tells of a row: beside it, within the chart's panel, never over the row itself. */

/** Between the row and the card, and between that and the panel's edge, in CSS pixels. */
const GAP = 16;
const MARGIN = 8;

/** Where the row is, in CSS pixels of the panel; and the panel's and the plot's places on the screen. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly outer: DOMRect;
  readonly plot: DOMRect;
}

/** Moves a card that has its text and so its size. */
export function placeBeside(element: HTMLElement, { x, y, outer, plot }: Place): void {
  const { offsetWidth, offsetHeight } = element;
  const right = x + GAP;
  const left = x - GAP - offsetWidth;
  const isRight = right + offsetWidth <= outer.width - MARGIN || left < MARGIN;
  const most = Math.max(MARGIN, outer.width - offsetWidth - MARGIN);
  element.style.left = `${Math.min(most, Math.max(MARGIN, isRight ? right : left))}px`;
  const fitsBeside = right + offsetWidth <= outer.width - MARGIN || left >= MARGIN;
  const beside = Math.max(
    MARGIN - outer.top,
    Math.min(y - offsetHeight / 3, innerHeight - outer.top - offsetHeight - MARGIN),
  );
  // Where it is as wide as the panel it stands above or below the plot, and leaves all of that in sight.
  const isAbove = plot.top - offsetHeight >= MARGIN;
  const apart = isAbove ? plot.top - outer.top - offsetHeight : plot.bottom - outer.top;
  element.style.top = `${fitsBeside ? beside : apart}px`;
}
