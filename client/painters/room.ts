/** How much room is had for what changes its width all the time: another width of a plot is another history to load. */

/** Below this width of a pane, in CSS pixels, labels carry values only and the names stand in a legend. */
export const NAMES_FROM_WIDTH = 400;

/** Who needs less than before by no more than this, in CSS pixels, keeps what was had. */
const SLACK = 24;
/** For so long (ms); then only what was needed meanwhile is kept, so that a page comes to look as one that is opened anew. */
const KEPT_MS = 600_000;

/** Room for labels or an axis. What it returns takes the width that is needed at a time (ms), and returns the one to have. */
export function createRoom(): (needed: number, at?: number) => number {
  let [width, most, since] = [0, 0, 0];
  return (needed, at = performance.now()) => {
    most = Math.max(most, needed);
    const isOther = needed > width || width - needed > SLACK;
    if (isOther || at - since > KEPT_MS) {
      width = isOther ? needed : most;
      most = needed;
      since = at;
    }
    return width;
  };
}
