/** Leaves out of a picture the panes that a wall has no height for: what is shown is to be read from afar. Pure. */
import type { Picture } from '../recipes/recipe.ts';

/** Height that a pane with its title needs to be read, in units of the wall's text. */
const PANE_UNITS = 6.2;

/**
 * The panes that fit, the first of them.
 *
 * @param height of all panes in CSS pixels. @param unit the wall's text size in CSS pixels.
 */
export function fitPanes(picture: Picture, height: number, unit: number, columns: 1 | 2): Picture {
  const rows = Math.max(1, Math.floor(height / (PANE_UNITS * unit)));
  const most = rows * columns;
  const { panes, subtitle } = picture;
  if (panes.length <= most) return picture;
  return { ...picture, panes: panes.slice(0, most), subtitle: `${most} of ${panes.length} · ${subtitle}` };
}
