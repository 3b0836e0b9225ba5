/** The row under the pointer, exactly: its time with the zone, its line, every value; and the other lines at that time. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { STREAMS } from '../../shared/streams.ts';
import { dateTime, rowFigures } from '../exact.ts';
import { words, type Zone } from '../format.ts';
import type { Palette, PaneLine } from '../painters/scene.ts';
import { slotColor } from '../painters/scene.ts';
import type { PanePointer } from '../panes.ts';
import { indexAt } from '../reading/lookup.ts';
import { placeBeside } from '../reading/placing.ts';
import { pinned, windowOf } from '../reading/state.ts';

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
    if (own.current !== null) placeBeside(own.current, { x, y, outer, plot: box });
  });
  // A row of this chart that is pinned is told by its own card, which this one would cover.
  if (hit === null || pinned.value?.stream === within.dataset.stream) return null;
  const { line, index } = hit;
  return (
    <div class="tooltip" ref={own} data-testid="tooltip">
      <div class="tooltip-time">{dateTime(line.times[index] ?? Number.NaN, zone)}</div>
      <div class="tooltip-name">
        {line.shape.kind !== 'scatter' && <i style={{ background: slotColor(palette, line.slot) }} />}
        {line.name}
        <small>{kindOf(line)}</small>
      </div>
      <dl>
        {rowFigures(line.source, index, zone).map((figure) => (
          <Figure key={figure.label} {...figure} />
        ))}
      </dl>
      <Others lines={pane.lines} line={line} time={line.times[index] ?? Number.NaN} palette={palette} host={host} />
    </div>
  );
}

/** What a line's name is a name of: `exchange`, `data type`. */
function kindOf({ source: { stream } }: PaneLine): string {
  const { series, key } = STREAMS[stream];
  return words(series?.name ?? key.name);
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
  host,
}: {
  lines: readonly PaneLine[];
  line: PaneLine;
  time: number;
  palette: Palette;
  host: HTMLElement;
}) {
  const over = host.querySelector<HTMLElement>('.u-over');
  const window = over === null ? null : windowOf(over);
  const others = lines.filter(({ name, shape, side }) => {
    return name !== line.name && side === line.side && shape.kind !== 'scatter' && shape.kind !== 'dots';
  });
  if (others.length === 0 || over === null || window === null) return null;
  const columns = { bucketMs: (window.to - window.from) / over.clientWidth, from: window.from };
  return (
    <dl>
      {others.slice(0, MOST_OTHERS).map((other) => (
        <>
          <dt>
            <i style={{ background: slotColor(palette, other.slot) }} />
            {other.name}
          </dt>
          <dd>{other.format(other.values[indexAt(other, time, columns)] ?? Number.NaN)}</dd>
        </>
      ))}
    </dl>
  );
}
