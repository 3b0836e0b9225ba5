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

/** Draws what waits for the next frame. */
export function drawAll(): void {
  isRequested = false;
  const now = [...waiting];
  waiting.clear();
  for (const drawable of now) {
    try {
      drawable.draw();
    } catch (error) {
      // Told as every error of the page is; what else waits is drawn all the same.
      reportError(error);
    }
  }
}
