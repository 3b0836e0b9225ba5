/** Paints the right part of a canvas and leaves the rest as it is. */

/** Keeps a few columns of a canvas while they are painted over. */
const keeper = document.createElement('canvas').getContext('2d');

/**
 * Has a canvas painted from `x` on. What is painted may begin up to `margin` before it: a path that is cut off by the edge
 * of a clip is smoothed in another way there, so that the clip lies where nothing is seen of it. All in device pixels.
 */
export function paintRight(ctx: CanvasRenderingContext2D, x: number, margin: number, paint: () => void): void {
  const { canvas } = ctx;
  const { width, height } = canvas;
  const first = x - margin;
  const isKept = keeper !== null && margin > 0;
  if (isKept) {
    // To give it its size would make its memory anew.
    if (keeper.canvas.width < margin) keeper.canvas.width = margin;
    if (keeper.canvas.height < height) keeper.canvas.height = height;
    keeper.globalCompositeOperation = 'copy';
    keeper.drawImage(canvas, first, 0, margin, height, 0, 0, margin, height);
  }
  ctx.save();
  ctx.beginPath();
  ctx.rect(first, 0, width - first, height);
  ctx.clip();
  paint();
  ctx.restore();
  if (!isKept) return;
  ctx.clearRect(first, 0, margin, height);
  ctx.drawImage(keeper.canvas, 0, 0, margin, height, first, 0, margin, height);
}
