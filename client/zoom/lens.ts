/** What brings a zoomed page its finer rows: one `Detail` a stream, fed by the feed and by the charts' requests. */
import { computed, effect, type Signal, signal } from '@preact/signals';
import { STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';
import type { Lens, Store } from '../store.ts';
import { fetchChart } from './chart-api.ts';
import { Detail, type DetailDeps } from './detail.ts';

/** How the finer rows stand, over all streams. */
export interface DetailState {
  readonly name: 'loading' | 'loaded' | 'failed';
  /** Why they could not be had; null unless failed. */
  readonly reason: string | null;
}

export interface OpenLens extends Lens {
  readonly state: () => DetailState;
  close(): void;
}

/** What a lens needs from outside. */
export type World = Omit<DetailDeps, 'onRows' | 'onState'>;

/** The world of a real page. */
const BROWSER: World = {
  fetch: fetchChart,
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
  now: () => Date.now(),
  random: () => Math.random(),
};

/** Opens a store's lens. */
export function openLens(store: Store, world: World = BROWSER): OpenLens {
  const version = signal(0);
  const stateVersion = signal(0);
  const grow = (counter: Signal<number>) => (): void => {
    counter.value = counter.peek() + 1;
  };
  const deps = { ...world, onRows: grow(version), onState: grow(stateVersion) };
  const details = new Map(STREAM_NAMES.map((name) => [name, new Detail(name, deps)] as const));
  const isOff = (name: StreamName): boolean => store.stream(name).peek().state === 'off';
  const stop = effect(() => {
    if (store.view.zoom.value === null) for (const detail of details.values()) detail.clear();
  });
  const state = computed((): DetailState => {
    stateVersion.value;
    const states = [...details].flatMap(([name, detail]) => (isOff(name) ? [] : [detail.state]));
    for (const found of states) if (found.name === 'failed') return found;
    return { name: states.every(({ name }) => name === 'loaded') ? 'loaded' : 'loading', reason: null };
  });
  const lens: OpenLens = {
    version,
    state: () => state.value,
    refine(view, span) {
      const { zoom, symbol } = store.view;
      const shown = {
        span,
        // While another symbol loads, the old one's picture is shown.
        symbol: STREAMS[view.stream].key.name === 'symbol' ? (view.channels[0]?.key ?? symbol.peek()) : null,
        follows: zoom.peek()?.to === null,
      };
      return view.state === 'off' ? view : (details.get(view.stream)?.refine(view, shown) ?? view);
    },
    hear(news) {
      if (news.type === 'delta') details.get(news.frame.stream)?.append(news.frame);
      if (news.type === 'restart' || news.type === 'lost') details.get(news.stream)?.lose();
      if (news.type === 'synced') details.get(news.stream)?.mend();
    },
    close() {
      stop();
      store.lens.value = null;
      for (const detail of details.values()) detail.clear();
    },
  };
  store.lens.value = lens;
  return lens;
}
