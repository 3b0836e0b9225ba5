/** Names of a pane's lines where there is no room for them at the lines' ends; and what the dots' sizes mean. */
import { heatRadius } from '../painters/dots.ts';
import { type Palette, slotColor, slotDash } from '../painters/scene.ts';
import type { LegendEntry } from './layout.ts';

export function Legend({ entries, palette }: { entries: readonly LegendEntry[]; palette: Palette }) {
  return (
    <div class="legend">
      {entries.map(({ name, slot, staleFor }) => (
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
    </div>
  );
}

const STEPS = [
  { z: 2, label: '2σ', className: 'heat-1' },
  { z: 3, label: '3', className: 'heat-2' },
  { z: 4, label: '4', className: 'heat-3' },
  { z: 5, label: '5+', className: 'heat-4' },
] as const;

export function HeatLegend() {
  return (
    <div class="heat">
      {STEPS.map(({ z, label, className }) => (
        <span key={z}>
          <svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">
            <circle class={className} r={heatRadius(z)} />
          </svg>
          {label}
        </span>
      ))}
      <span class="heat-note">
        <svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">
          <circle class="heat-hollow" r="3.5" />
        </svg>
        below threshold
      </span>
    </div>
  );
}
