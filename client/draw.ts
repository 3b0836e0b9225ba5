/** One draw a frame over everything on the page that draws: who asks twice is drawn once. A hidden tab draws nothing. */

/** Something that can be brought up to date on the screen. */
export interface Drawable {
  draw(): void;
}

const waiting = new Set<Drawable>();
let isRequested = false;

/** Draws on the next animation frame. */
export function drawSoon(drawable: Drawable): void {
  waiting.add(drawable);
  if (isRequested) return;
  isRequested = true;
  requestAnimationFrame(drawAll);
}

/** Takes back what `drawSoon` promised. */
export function drawNever(drawable: Drawable): void {
  waiting.delete(drawable);
}

/** Draws what waits, and what comes to wait meanwhile; each once. */
export function drawAll(): void {
  const drawn = new Set<Drawable>();
  isRequested = true;
  for (const drawable of waiting) {
    // What asks for itself again while it is drawn waits for the next frame.
    if (drawn.has(drawable)) continue;
    drawn.add(drawable);
    drawOne(drawable);
  }
  isRequested = waiting.size > 0;
  if (isRequested) requestAnimationFrame(drawAll);
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

/** A drawable that took longer than this, in ms, had something to draw. */
const SOMETHING_MS = 4;

/** Draws the first thing that has something to draw, at once, and nothing else before the browser has shown it. */
export function drawFirst(): void {
  isRequested = true;
  const until = performance.now() + SOMETHING_MS;
  for (const drawable of waiting) {
    drawOne(drawable);
    if (performance.now() > until) break;
  }
  requestAnimationFrame(() => requestAnimationFrame(drawAll));
}

/** Calls back in the next frame, before what draws in it; the result takes that back. */
export function inFrame(action: () => void): () => void {
  const drawable = { draw: action };
  drawSoon(drawable);
  return () => drawNever(drawable);
}
