/**
 * The cursor in step: where one chart is pointed at, or a row is pinned, every other plot shows the same time, and in a
 * corner what each of its lines was then. Drawn by hand into the plots' own elements, once a frame.
 */
import { computed, effect } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import { type Drawable, drawNever, drawSoon } from '../draw.ts';
import { clockWithZone } from '../format.ts';
import { type Palette, slotColor } from '../painters/scene.ts';
import { CHART_ORDER } from '../recipes.ts';
import type { Store } from '../store.ts';
import { palette } from '../theme.ts';
import { controllers } from '../ui/controller.ts';
import { type Reading, readingsAt } from './lookup.ts';
import { mark, peekPicture, pictureVersion, pinned, plotsOf, windowOf } from './state.ts';

/** Where the cursor is. */
interface Cursor {
  readonly stream: StreamName;
  /** The pane that is pointed at, which shows the row itself. */
  readonly pane: string;
  /** Whether that pane draws the line through it by itself. */
  readonly isOwn: boolean;
  /** Epoch ms. */
  readonly time: number;
}

/** Height of a line of the read-out with its margins, in CSS pixels; and the least that a plot leaves beside it. */
const LINE = 17;
const BESIDE = 10;
/** More lines than this hide what they tell of. */
const MOST = 8;

function cursorNow(): Cursor | null {
  for (const stream of CHART_ORDER) {
    const pointer = controllers.get(stream)?.pointer.value ?? null;
    if (pointer !== null) return { stream, pane: pointer.pane.id, isOwn: pointer.hit !== null, time: pointer.time };
  }
  const row = pinned.value;
  if (row === null) return null;
  return { stream: row.stream, pane: row.pane, isOwn: false, time: row.line.times[row.index] ?? Number.NaN };
}

/** The overlay of one plot. */
interface Overlay {
  readonly line: HTMLElement;
  readonly box: HTMLElement;
  readonly marker: HTMLElement;
  text: string;
}

const overlays = new WeakMap<HTMLElement, Overlay>();

function overlayOf(over: HTMLElement): Overlay {
  const known = overlays.get(over);
  if (known !== undefined) return known;
  const make = (name: string): HTMLElement => {
    const element = document.createElement('div');
    element.className = name;
    element.hidden = true;
    // What it says is said by the tooltip, the table and the summary.
    element.setAttribute('aria-hidden', 'true');
    over.append(element);
    return element;
  };
  const made = { line: make('reading-line'), box: make('reading-box'), marker: make('reading-mark'), text: '' };
  overlays.set(over, made);
  return made;
}

/** Follows pointers, pins, pictures and the window; the result stops that. */
export function followCursor(store: Store): () => void {
  const cursor = computed(cursorNow);
  let isShown = false;
  const drawable: Drawable = {
    draw() {
      const now = cursor.peek();
      const at = mark.peek();
      if (now === null && at === null && !isShown) return;
      isShown = now !== null || at !== null;
      const colours = palette.peek();
      for (const stream of CHART_ORDER) {
        const panes = peekPicture(stream)?.shown.panes ?? [];
        for (const { pane, over } of plotsOf(stream)) {
          const overlay = overlayOf(over);
          placeMark(
            overlay,
            over,
            at === null ? null : { ...at, isNamed: stream === 'anomalies' && pane === panes[0]?.id },
            store,
          );
          const shown = panes.find(({ id }) => id === pane);
          const isPointed = now?.stream === stream && now.pane === pane;
          if (now === null || colours === null || shown === undefined) clear(overlay);
          else place(overlay, over, now, { isPointed, stream, panes: shown, colours });
        }
      }
    },
  };
  const stop = effect(() => {
    // Without them there is nothing that a picture could move: no frame of its own for each picture.
    if (cursor.value !== null || mark.value !== null) {
      [pictureVersion.value, palette.value, store.frame.value];
      [store.view.zoom.value, store.view.range.value, store.view.zone.value];
    }
    drawSoon(drawable);
  });
  const observer = new ResizeObserver(() => drawSoon(drawable));
  observer.observe(document.body);
  return () => {
    stop();
    observer.disconnect();
    drawNever(drawable);
    for (const stream of CHART_ORDER)
      for (const { over } of plotsOf(stream)) {
        const overlay = overlays.get(over);
        if (overlay === undefined) continue;
        clear(overlay);
        overlay.marker.hidden = true;
      }
  };
}

function clear({ line, box }: Overlay): void {
  line.hidden = true;
  box.hidden = true;
}

interface Placing {
  readonly isPointed: boolean;
  readonly stream: StreamName;
  readonly panes: Parameters<typeof readingsAt>[0];
  readonly colours: Palette;
}

function place(
  overlay: Overlay,
  over: HTMLElement,
  cursor: Cursor,
  { isPointed, stream, panes, colours }: Placing,
): void {
  const { line, box } = overlay;
  const window = windowOf(over);
  const { clientWidth, clientHeight } = over;
  if (window === null || cursor.time < window.from || cursor.time > window.to) {
    clear(overlay);
    return;
  }
  const x = ((cursor.time - window.from) / (window.to - window.from)) * clientWidth;
  // Panes of the chart that is pointed at draw the line themselves where it goes through a row.
  line.hidden = cursor.isOwn && cursor.stream === stream;
  line.style.transform = `translateX(${Math.round(x)}px)`;
  const bucketMs = (window.to - window.from) / Math.max(1, clientWidth);
  const readings = isPointed ? [] : readingsAt(panes, cursor.time, { bucketMs, from: window.from });
  const room = Math.min(MOST, Math.floor((clientHeight - 6) / LINE));
  box.hidden = readings.length === 0 || room < 1;
  if (box.hidden) return;
  const isLeft = x > clientWidth / 2;
  box.dataset.side = isLeft ? 'left' : 'right';
  box.style.maxWidth = `${Math.max(90, (isLeft ? x : clientWidth - x) - BESIDE)}px`;
  write(overlay, readings, room, colours);
}

/** The list, rewritten only where it says something else. */
function write(overlay: Overlay, readings: readonly Reading[], room: number, colours: Palette): void {
  const shown = readings.length > room ? readings.slice(0, Math.max(1, room - 1)) : readings;
  const text = JSON.stringify([shown, readings.length, colours.series]);
  if (text === overlay.text) return;
  overlay.text = text;
  const rows = shown.map(({ name, slot, isColoured, texts }) => {
    const row = document.createElement('div');
    const swatch = document.createElement('i');
    swatch.style.background = isColoured ? slotColor(colours, slot) : colours.third;
    const label = document.createElement('span');
    label.className = 'reading-name';
    label.textContent = name;
    // Where there is one line, the pane's title says which it is.
    if (readings.length === 1) label.hidden = true;
    const value = document.createElement('b');
    value.textContent = texts.every((one) => one === null) ? '–' : texts.map((one) => one ?? '–').join(' · ');
    row.append(swatch, label, value);
    return row;
  });
  const rest = readings.length - shown.length;
  if (rest > 0) {
    const more = document.createElement('div');
    more.textContent = `${rest} more`;
    rows.push(more);
  }
  overlay.box.replaceChildren(...rows);
}

function placeMark(
  { marker }: Overlay,
  over: HTMLElement,
  at: { readonly time: number; readonly text: string; readonly isNamed: boolean } | null,
  store: Store,
): void {
  const window = windowOf(over);
  marker.hidden = at === null || window === null || at.time < window.from || at.time > window.to;
  if (marker.hidden || at === null || window === null) return;
  const x = ((at.time - window.from) / (window.to - window.from)) * over.clientWidth;
  marker.style.transform = `translateX(${Math.round(x)}px)`;
  const isLeft = x > over.clientWidth / 2;
  marker.dataset.side = isLeft ? 'left' : 'right';
  marker.style.setProperty('--room', `${Math.round(isLeft ? x : over.clientWidth - x) - BESIDE}px`);
  const text = at.isNamed ? `${at.text}, ${clockWithZone(at.time, store.view.zone.peek())}` : '';
  if (marker.dataset.text !== text) marker.dataset.text = text;
}
