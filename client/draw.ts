/** One draw a frame over everything on the page that draws: who asks twice is drawn once. A hidden tab draws nothing. */

/** Something that can be brought up to date on the screen. */
export interface Drawable {
  draw(): void;
}

const waiting = new Set<Drawable>();
/** The frame that is asked for, by the browser's number; 0 while one is drawn, null where there is none. */
let frame: number | null = null;

/** Draws on the next animation frame. */
export function drawSoon(drawable: Drawable): void {
  waiting.add(drawable);
  frame ??= requestAnimationFrame(drawAll);
}

/** Takes back what `drawSoon` promised. */
export function drawNever(drawable: Drawable): void {
  waiting.delete(drawable);
}

/** Draws what waits, and what comes to wait meanwhile; each once. */
export function drawAll(): void {
  const drawn = new Set<Drawable>();
  begin();
  for (const drawable of waiting) {
    // What asks for itself again while it is drawn waits for the next frame.
    if (drawn.has(drawable)) continue;
    drawn.add(drawable);
    drawOne(drawable);
  }
  frame = waiting.size > 0 ? requestAnimationFrame(drawAll) : null;
}

/** A drawable that took longer than this, in ms, had something to draw. */
const SOMETHING_MS = 4;

/** Draws the first thing that has something to draw, at once, and nothing else before the browser has shown it. */
export function drawFirst(): void {
  begin();
  const until = performance.now() + SOMETHING_MS;
  for (const drawable of waiting) {
    drawOne(drawable);
    if (performance.now() > until) break;
  }
  frame = requestAnimationFrame(() => {
    frame = requestAnimationFrame(drawAll);
  });
}

/** Whatever was asked for is drawn now. */
function begin(): void {
  cancelAnimationFrame(frame ?? 0);
  frame = 0;
}

function drawOne(drawable: Drawable): void {
  waiting.delete(drawable);
  try {
    drawable.draw();
  } catch (error) {
    // Told as every error of the page is; what else waits is drawn all the same.
    reportError(error);
  }
}

/** Calls back in the next frame, before what draws in it; the result takes that back. */
export function inFrame(action: () => void): () => void {
  const drawable = { draw: action };
  drawSoon(drawable);
  return () => drawNever(drawable);
}
