/** What a zoomed page has beside its charts: which stretch they show, ways on and back, and how the finer rows stand. */
import { useComputed } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { age, clock, timeParts, type Zone, zoneLabel } from '../format.ts';
import { listenToGestures, listenToZoomKeys, zoomOfKey } from '../gestures.ts';
import { RANGE_MS } from '../model.ts';
import type { Store } from '../store.ts';
import { type OpenLens, openLens } from '../zoom/lens.ts';
import { type Bounds, shownStretch } from '../zoom/moves.ts';
import { plotTimes } from './controller.ts';

function boundsOf(store: Store): Bounds {
  return { now: store.viewNow.peek(), rangeMs: RANGE_MS[store.view.range.peek()] };
}

/** Has the page zoom: lives as long as the page, and shows its bar while something is zoomed. */
export function Zooming({ store }: { store: Store }) {
  const [lens, setLens] = useState<OpenLens | null>(null);
  useEffect(() => {
    const opened = openLens(store);
    setLens(opened);
    const bounds = (): Bounds => boundsOf(store);
    const stops = [
      listenToGestures({ view: store.view, bounds, timesOf: (over) => plotTimes.get(over) }),
      listenToZoomKeys({ view: store.view, bounds }),
      opened.close,
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [store]);
  if (lens === null || store.view.zoom.value === null) return null;
  return <Bar store={store} lens={lens} />;
}

const BUTTONS = [
  { key: 'ArrowLeft', sign: '‹', label: 'Earlier' },
  { key: '-', sign: '−', label: 'Zoom out' },
  { key: '+', sign: '+', label: 'Zoom in' },
  { key: 'ArrowRight', sign: '›', label: 'Later' },
] as const;

function Bar({ store, lens }: { store: Store; lens: OpenLens }) {
  const { view } = store;
  const zoom = view.zoom.value;
  // The present goes on; to the second is near enough.
  const second = useComputed(() => Math.floor(store.viewNow.value / 1000) * 1000);
  const { from, to } = shownStretch(zoom, { now: second.value, rangeMs: RANGE_MS[view.range.value] });
  const state = lens.state();
  return (
    <section class="zoom" aria-label="Zoom" data-testid="zoom" data-detail={state.name}>
      {state.name === 'failed' && (
        <p role="alert">
          Drawn from coarser rows: the finer ones could not be loaded ({state.reason}). It is tried again.
        </p>
      )}
      <div>
        {BUTTONS.map(({ key, sign, label }) => (
          <button
            type="button"
            key={key}
            class="button"
            aria-label={label}
            title={label}
            // At the present there is nothing later.
            disabled={key === 'ArrowRight' && zoom?.to === null}
            onClick={() => view.setZoom(zoomOfKey(key, view.zoom.peek(), boundsOf(store)) ?? null)}
          >
            {sign}
          </button>
        ))}
        <span class="zoom-stretch" data-from={from} data-to={to}>
          {zoom?.to === null ? `Last ${age(to - from)}` : stretchText(from, to, view.zone.value)}
        </span>
        <button type="button" class="button" title="Show the whole range (0)" onClick={() => view.setZoom(null)}>
          Back to {view.range.value}
        </button>
      </div>
    </section>
  );
}

function stretchText(from: number, to: number, zone: Zone): string {
  const day = (time: number): string => {
    const { day: date, month } = timeParts(time, zone);
    return `${date} ${month}`;
  };
  const end = day(from) === day(to) ? '' : `${day(to)} `;
  return `${day(from)} ${clock(from, zone)} – ${end}${clock(to, zone)} ${zoneLabel(to, zone)}`;
}
