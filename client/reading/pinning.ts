/** Pinning a row: by a click or a tap on a plot, or by a key on a chart that has the focus; and stepping from row to row. */
import type { StreamName } from '../../shared/streams.ts';
import type { PaneLine } from '../painters/scene.ts';
import { lowerBound } from '../painters/spans.ts';
import { CHART_ORDER } from '../recipes.ts';
import { controllers, plotTimes } from '../ui/controller.ts';
import { type Pinned, panelOf, peekPicture, pinned, plotsOf, windowOf } from './state.ts';

/** A press that moves no farther than this, in CSS pixels, is a click and no drag; as the gestures have it. */
const STILL = 6;

/** Whether two pins are of the same row. */
function isSame(a: Pinned | null, b: Pinned): boolean {
  return (
    a?.stream === b.stream &&
    a.line.name === b.line.name &&
    a.line.times[a.index] === b.line.times[b.index] &&
    a.line.values[a.index] === b.line.values[b.index]
  );
}

/** Pins what is pointed at in a chart, or puts it away where it is pinned already, or where nothing is meant. */
export function pinPointed(stream: StreamName): void {
  const pointer = controllers.get(stream)?.pointer.peek() ?? null;
  const panel = panelOf(stream);
  if (pointer === null || pointer.hit === null || panel === null) {
    pinned.value = null;
    return;
  }
  const [inner, outer] = [pointer.host.getBoundingClientRect(), panel.getBoundingClientRect()];
  const { line, index } = pointer.hit;
  const next: Pinned = {
    stream,
    pane: pointer.pane.id,
    line,
    index,
    x: inner.left - outer.left + pointer.x,
    y: inner.top - outer.top + pointer.y,
  };
  pinned.value = isSame(pinned.peek(), next) ? null : next;
}

/** Pins the newest row that a chart shows. */
export function pinNewest(stream: StreamName): void {
  let best: { readonly pane: string; readonly line: PaneLine; readonly index: number; readonly time: number } | null =
    null;
  for (const { pane, over } of plotsOf(stream)) {
    const window = windowOf(over);
    const lines = peekPicture(stream)?.shown.panes.find(({ id }) => id === pane)?.lines ?? [];
    for (const line of lines) {
      const index = window === null ? -1 : lastFinite(line, lowerBound(line.times, window.to));
      const time = line.times[index];
      if (time !== undefined && (best === null || time > best.time)) best = { pane, line, index, time };
    }
  }
  if (best !== null) pinAt(stream, best.pane, best.line, best.index);
}

function lastFinite({ values }: PaneLine, end: number): number {
  let index = end - 1;
  while (index >= 0 && !Number.isFinite(values[index])) index -= 1;
  return index;
}

function pinAt(stream: StreamName, pane: string, line: PaneLine, index: number): void {
  const panel = panelOf(stream);
  const over = plotsOf(stream).find((plot) => plot.pane === pane)?.over;
  const window = over === undefined ? null : windowOf(over);
  const time = line.times[index];
  if (panel === null || over === undefined || window === null || time === undefined) return;
  const [inner, outer] = [over.getBoundingClientRect(), panel.getBoundingClientRect()];
  const share = Math.min(1, Math.max(0, (time - window.from) / (window.to - window.from)));
  pinned.value = {
    stream,
    pane,
    line,
    index,
    x: inner.left - outer.left + share * inner.width,
    y: inner.top - outer.top + inner.height / 2,
  };
}

/** The line that is pinned as it is drawn now; rows may have come and gone since. */
function present({ stream, pane, line }: Pinned): PaneLine {
  const lines = peekPicture(stream)?.shown.panes.find(({ id }) => id === pane)?.lines ?? [];
  return lines.find(({ name, side }) => name === line.name && side === line.side) ?? line;
}

/** Pins the row before or after the pinned one on its line; nothing where there is none. */
export function step(by: 1 | -1): void {
  const now = pinned.peek();
  if (now === null) return;
  const line = present(now);
  const time = now.line.times[now.index] ?? Number.NaN;
  // Rows of equal time stand in order of arrival, in the old columns as in the new ones.
  let index = lowerBound(line.times, time) + (now.index - lowerBound(now.line.times, time)) + by;
  while (index >= 0 && index < line.times.length && !Number.isFinite(line.values[index])) index += by;
  if (index >= 0 && index < line.times.length) pinAt(now.stream, now.pane, line, index);
}

/** Pins the row of the next line of the chart that is nearest in time. */
export function otherLine(by: 1 | -1): void {
  const now = pinned.peek();
  if (now === null) return;
  const panes = peekPicture(now.stream)?.shown.panes ?? [];
  const all = panes.flatMap((pane) => pane.lines.map((line) => ({ pane: pane.id, line })));
  const at = all.findIndex(
    ({ pane, line }) => pane === now.pane && line.name === now.line.name && line.side === now.line.side,
  );
  const next = all[(at + by + all.length) % all.length];
  if (next === undefined) return;
  const time = now.line.times[now.index] ?? Number.NaN;
  const after = lowerBound(next.line.times, time);
  const index = lastFinite(next.line, Math.min(next.line.times.length, after + 1));
  if (index >= 0) pinAt(now.stream, next.pane, next.line, index);
}

/** Listens for clicks on plots and for presses elsewhere; the result stops that. */
export function listenToPins(): () => void {
  let press: { readonly x: number; readonly y: number } | null = null;
  const streamOf = (target: EventTarget | null): StreamName | undefined => {
    if (!(target instanceof HTMLElement) || !plotTimes.has(target)) return undefined;
    const panel = target.closest<HTMLElement>('[data-stream]');
    return CHART_ORDER.find((stream) => stream === panel?.dataset.stream);
  };
  const onDown = (event: PointerEvent): void => {
    press = { x: event.clientX, y: event.clientY };
    const { target } = event;
    if (streamOf(target) !== undefined) return;
    if (target instanceof Element && target.closest('[data-testid="pin"]') !== null) return;
    pinned.value = null;
    // A finger that was lifted has left its row on show; in the chart's own head it means something else.
    for (const { panes } of controllers.values()) if (event.pointerType === 'touch') panes.leave();
  };
  const onClick = (event: MouseEvent): void => {
    const stream = streamOf(event.target);
    if (stream === undefined || event.shiftKey || press === null) return;
    if (Math.hypot(event.clientX - press.x, event.clientY - press.y) >= STILL) return;
    pinPointed(stream);
  };
  const onDouble = (event: MouseEvent): void => {
    // It returns to the whole range; what its first click pinned was not meant.
    if (streamOf(event.target) !== undefined) pinned.value = null;
  };
  document.addEventListener('pointerdown', onDown);
  document.addEventListener('click', onClick);
  document.addEventListener('dblclick', onDouble);
  return () => {
    document.removeEventListener('pointerdown', onDown);
    document.removeEventListener('click', onClick);
    document.removeEventListener('dblclick', onDouble);
  };
}
