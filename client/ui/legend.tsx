/** Names of a pane's lines where there is no room for them at the lines' ends; and what the dots' sizes mean. */
import { type Palette, slotColor, slotDash } from '../painters/scene.ts';
import type { LegendEntry } from './layout.ts';

/** More names than this would leave no room for what they name; the others are told where a line is touched. */
const MOST_NAMES = 6;

export function Legend({ entries, palette }: { entries: readonly LegendEntry[]; palette: Palette }) {
  return (
    <div class="legend">
      {entries.slice(0, MOST_NAMES).map(({ name, slot, staleFor }) => (
        <span key={name}>
          <svg viewBox="0 0 16 6" aria-hidden="true">
            <path
              d="M0 3h16"
              style={{ stroke: slotColor(palette, slot) }}
              stroke-dasharray={slotDash(slot).join(' ')}
            />
          </svg>
          {name}
          {staleFor !== null && <em>stale {staleFor}</em>}
        </span>
      ))}
      {entries.length > MOST_NAMES && <span>{entries.length - MOST_NAMES} more</span>}
    </div>
  );
}

/** What size and colour of a dot say; the dots themselves are the style sheet's. */
export function HeatLegend() {
  return (
    <div class="heat">
      {['2σ', '3', '4', '5+', 'below threshold'].map((label) => (
        <span key={label}>{label}</span>
      ))}
    </div>
  );
}
