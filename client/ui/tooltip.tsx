/** The row under the pointer, exactly: its time with the zone, its line, every value; and the other lines at that time. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { dateTime, rowFigures } from '../exact.ts';
import type { Zone } from '../format.ts';
import type { Palette, PaneLine } from '../painters/scene.ts';
import { slotColor } from '../painters/scene.ts';
import { nearestIndex } from '../painters/spans.ts';
import type { PanePointer } from '../panes.ts';

/** Between the row and the tooltip, and between that and the panel's edge, in CSS pixels. */
const GAP = 16;
const MARGIN = 8;

/** More lines than this are not listed beside the hovered one. */
const MOST_OTHERS = 8;

interface TooltipProps {
  readonly pointer: PanePointer;
  readonly zone: Zone;
  readonly palette: Palette;
  /** The chart's element, which the tooltip is placed in. */
  readonly within: HTMLElement;
}

export function Tooltip({ pointer, zone, palette, within }: TooltipProps) {
  const { hit, pane, host } = pointer;
  const own = useRef<HTMLDivElement>(null);
  const box = host.getBoundingClientRect();
  const outer = within.getBoundingClientRect();
  const x = box.left - outer.left + pointer.x;
  const y = box.top - outer.top + pointer.y;
  // Its size is known only after it has its text; it must neither leave the panel nor cover the row that it tells of.
  useLayoutEffect(() => {
    const element = own.current;
    if (element === null) return;
    const { offsetWidth, offsetHeight } = element;
    const right = x + GAP;
    const left = x - GAP - offsetWidth;
    const isRight = right + offsetWidth <= outer.width - MARGIN || left < MARGIN;
    const most = Math.max(MARGIN, outer.width - offsetWidth - MARGIN);
    element.style.left = `${Math.min(most, Math.max(MARGIN, isRight ? right : left))}px`;
    const fitsBeside = right + offsetWidth <= outer.width - MARGIN || left >= MARGIN;
    const beside = Math.min(y - offsetHeight / 3, innerHeight - outer.top - offsetHeight - MARGIN);
    // Where it is as wide as the panel it stands above or below the plot, and leaves all of that in sight.
    const isAbove = box.top - offsetHeight >= MARGIN;
    const apart = isAbove ? box.top - outer.top - offsetHeight : box.bottom - outer.top;
    element.style.top = `${fitsBeside ? beside : apart}px`;
  });
  if (hit === null) return null;
  const { line, index } = hit;
  return (
    <div class="tooltip" ref={own} data-testid="tooltip">
      <div class="tooltip-time">{dateTime(line.times[index] ?? Number.NaN, zone)}</div>
      <div class="tooltip-name">
        {line.shape.kind !== 'scatter' && <i style={{ background: slotColor(palette, line.slot) }} />}
        {line.name}
      </div>
      <dl>
        {rowFigures(line.source, index, zone).map((figure) => (
          <Figure key={figure.label} {...figure} />
        ))}
      </dl>
      <Others lines={pane.lines} line={line} time={line.times[index] ?? Number.NaN} palette={palette} />
    </div>
  );
}

function Figure({ label, text }: { label: string; text: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{text}</dd>
    </>
  );
}

/** The other lines of the pane at the same time; points have no value between two of them. */
function Others({
  lines,
  line,
  time,
  palette,
}: {
  lines: readonly PaneLine[];
  line: PaneLine;
  time: number;
  palette: Palette;
}) {
  const others = lines.filter(({ name, shape, side }) => {
    return name !== line.name && side === line.side && shape.kind !== 'scatter' && shape.kind !== 'dots';
  });
  if (others.length === 0) return null;
  return (
    <dl>
      {others.slice(0, MOST_OTHERS).map((other) => (
        <>
          <dt>
            <i style={{ background: slotColor(palette, other.slot) }} />
            {other.name}
          </dt>
          <dd>{other.format(other.values[nearestIndex(other.times, time)] ?? Number.NaN)}</dd>
        </>
      ))}
    </dl>
  );
}
