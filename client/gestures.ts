/**
 * Zooming and panning by hand: drag to zoom, double click to return, Shift and drag (or Shift and the wheel) to pan, Ctrl
 * and the wheel or two fingers to zoom. Plain wheels and single fingers stay the page's: they scroll and they point.
 */

import type { View, Zoom } from './view.ts';
import { type Bounds, panBy, zoomBy, zoomOn } from './zoom/moves.ts';

/** What gestures act on. */
export interface GestureTargets {
  readonly view: View;
  bounds(): Bounds;
  /** What tells the time at a distance in CSS pixels from an element's left edge; undefined where it is no plot. */
  timesOf(over: EventTarget): ((x: number) => number) | undefined;
}

/** A press that moves no farther than this, in CSS pixels, is no drag. */
const DRAG_FROM = 6;
/** Zoom of a wheel's notch of 100 pixels: by a fifth. */
const WHEEL_FACTOR = 0.0018;
/** How long a wheel rests before where it came to is written into the URL. */
const SETTLE_MS = 250;

/** A pointer that is down on a plot, at a distance from its left edge in CSS pixels. */
interface Press {
  readonly over: HTMLElement;
  readonly kind: 'choose' | 'pan' | 'touch';
  readonly startX: number;
  readonly startZoom: Zoom | null;
  x: number;
}

/** Listens to the whole document, as plots come and go; the result stops that. */
export function listenToGestures({ view, bounds, timesOf }: GestureTargets): () => void {
  const presses = new Map<number, Press>();
  const band = document.createElement('div');
  band.className = 'zoom-band';
  let settle: ReturnType<typeof setTimeout> | undefined;
  let pinch: { readonly middle: number; readonly apart: number; readonly zoom: Zoom | null } | null = null;

  /** Until the last finger is lifted. */
  let isPinching = false;

  const plotAt = ({ target }: Event): HTMLElement | null =>
    target instanceof HTMLElement && timesOf(target) !== undefined ? target : null;
  const place = (over: HTMLElement, clientX: number): number => {
    const { left, width } = over.getBoundingClientRect();
    return Math.min(width, Math.max(0, clientX - left));
  };
  const pass = (zoom: Zoom | null): void => {
    view.setZoom(zoom, true);
    clearTimeout(settle);
    settle = setTimeout(() => view.setZoom(view.zoom.peek()), SETTLE_MS);
  };

  const onDown = (event: PointerEvent): void => {
    const over = plotAt(event);
    if (over === null || (event.pointerType === 'mouse' && event.button !== 0)) return;
    const kind = event.pointerType === 'touch' ? 'touch' : event.shiftKey ? 'pan' : 'choose';
    const x = place(over, event.clientX);
    presses.set(event.pointerId, { over, kind, startX: x, startZoom: view.zoom.peek(), x });
    pinch = null;
    // A drag must not mark the page's text; and whoever presses a chart means it with the next key.
    if (kind !== 'touch') event.preventDefault();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  };

  const onMove = (event: PointerEvent): void => {
    const press = presses.get(event.pointerId);
    if (press === undefined) return;
    press.x = place(press.over, event.clientX);
    const moved = press.x - press.startX;
    if (press.kind === 'touch') {
      onPinch();
      // Captured on its way to the plot, which would point at a row.
      if (isPinching) event.stopPropagation();
    } else if (press.kind === 'pan') pass(panBy(press.startZoom, -moved / press.over.clientWidth, bounds()));
    else if (Math.abs(moved) >= DRAG_FROM) {
      press.over.append(band);
      band.style.left = `${Math.min(press.x, press.startX)}px`;
      band.style.width = `${Math.abs(moved)}px`;
    } else band.remove();
  };

  const onPinch = (): void => {
    const [one, two] = [...presses.values()].filter(({ kind }) => kind === 'touch');
    if (one === undefined || two === undefined || one.over !== two.over) return;
    const width = one.over.clientWidth;
    const now = { middle: (one.x + two.x) / 2 / width, apart: Math.max(20, Math.abs(one.x - two.x)) };
    pinch ??= { ...now, zoom: view.zoom.peek() };
    isPinching = true;
    const zoomed = zoomBy(pinch.zoom, pinch.apart / now.apart, pinch.middle, bounds());
    pass(panBy(zoomed, pinch.middle - now.middle, bounds()));
  };

  const onUp = (event: PointerEvent): void => {
    const press = presses.get(event.pointerId);
    presses.delete(event.pointerId);
    pinch = null;
    if (presses.size === 0) isPinching = false;
    if (press?.kind !== 'choose') return;
    band.remove();
    if (event.type === 'pointercancel' || Math.abs(press.x - press.startX) < DRAG_FROM) return;
    const timeAt = timesOf(press.over);
    if (timeAt === undefined) return;
    const [from, to] = [timeAt(Math.min(press.x, press.startX)), timeAt(Math.max(press.x, press.startX))];
    view.setZoom(zoomOn({ from, to }, bounds()));
  };

  const onWheel = (event: WheelEvent): void => {
    const over = plotAt(event);
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const isPan = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (over === null || !(event.ctrlKey || isPan)) return;
    event.preventDefault();
    const share = place(over, event.clientX) / over.clientWidth;
    const current = view.zoom.peek();
    if (event.ctrlKey) pass(zoomBy(current, Math.exp(event.deltaY * WHEEL_FACTOR), share, bounds()));
    else pass(panBy(current, sideways / over.clientWidth, bounds()));
  };

  const onDouble = (event: MouseEvent): void => {
    if (plotAt(event) !== null) view.setZoom(null);
  };

  const listeners = new AbortController();
  const options = { signal: listeners.signal };
  document.addEventListener('pointerdown', onDown, options);
  document.addEventListener('pointermove', onMove, { ...options, capture: true });
  document.addEventListener('pointerup', onUp, options);
  document.addEventListener('pointercancel', onUp, options);
  document.addEventListener('dblclick', onDouble, options);
  document.addEventListener('wheel', onWheel, { ...options, passive: false });
  return () => {
    listeners.abort();
    clearTimeout(settle);
    band.remove();
  };
}

/** A keyboard's step, as a share of what is shown. */
const KEY_STEP = 0.25;
const KEY_FACTOR = 0.5;

/** What a key does to the zoom; undefined where nothing. */
export function zoomOfKey(key: string, zoom: Zoom | null, bounds: Bounds): Zoom | null | undefined {
  switch (key) {
    case '+':
    case '=':
      return zoomBy(zoom, KEY_FACTOR, 0.5, bounds);
    case '-':
      return zoomBy(zoom, 1 / KEY_FACTOR, 0.5, bounds);
    case 'ArrowLeft':
      return panBy(zoom, -KEY_STEP, bounds);
    case 'ArrowRight':
      return panBy(zoom, KEY_STEP, bounds);
    case '0':
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}

/** Zooming keys act wherever nothing is typed; arrows and Escape where the focus is on a chart, or on nothing. */
export function listenToZoomKeys({ view, bounds }: Omit<GestureTargets, 'timesOf'>): () => void {
  const onKey = (event: KeyboardEvent): void => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return;
    if (!(target instanceof HTMLElement) || target.closest('input, textarea, select') !== null) return;
    const isOnCharts = target === document.body || target.closest('.charts, .zoom') !== null;
    if (!isOnCharts && key.length > 1) return;
    const zoom = view.zoom.peek();
    const next = zoomOfKey(key, zoom, bounds());
    if (next === undefined || (next === null && zoom === null)) return;
    view.setZoom(next);
    event.preventDefault();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}
