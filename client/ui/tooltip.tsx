/** The row under the pointer, exactly: its time with the zone, its line, every value; and the other lines at that time. */
import { dateTime, words, type Zone } from '../format.ts';
import type { Palette, PaneLine } from '../painters/scene.ts';
import { slotColor } from '../painters/scene.ts';
import { nearestIndex } from '../painters/spans.ts';
import type { PanePointer } from '../panes.ts';

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
  if (hit === null) return null;
  const { line, index } = hit;
  const box = host.getBoundingClientRect();
  const outer = within.getBoundingClientRect();
  const x = box.left - outer.left + pointer.x;
  const y = box.top - outer.top + pointer.y;
  const isLeft = x > outer.width * 0.55;
  const isAbove = y > outer.height * 0.55;
  // Placed by the side that it grows away from, so that its own size need not be known.
  const style = {
    ...(isLeft ? { right: `${Math.min(outer.width - x + 16, outer.width - 120)}px` } : { left: `${x + 16}px` }),
    ...(isAbove ? { bottom: `${outer.height - y + 12}px` } : { top: `${y + 12}px` }),
  };
  return (
    <div class="tooltip" style={style} data-testid="tooltip">
      <div class="tooltip-time">{dateTime(line.times[index] ?? Number.NaN, zone)}</div>
      <div class="tooltip-name">
        {line.shape.kind !== 'scatter' && <i style={{ background: slotColor(palette, line.slot) }} />}
        {words(line.name)}
      </div>
      <dl>
        {line.row(index).map((figure) => (
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
            {words(other.name)}
          </dt>
          <dd>{other.format(other.values[nearestIndex(other.times, time)] ?? Number.NaN)}</dd>
        </>
      ))}
    </dl>
  );
}
