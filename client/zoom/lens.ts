/** What brings a zoomed page its finer rows: one `Detail` a stream and symbol, fed by the feed and by the charts' requests. */
import { computed, effect, type Signal, signal } from '@preact/signals';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import type { Lens, Store } from '../store.ts';
import { fetchChart } from './chart-api.ts';
import { Detail, type DetailDeps } from './detail.ts';

/** What one `Detail` is for; `symbol` null: a stream without symbols. */
interface Part {
  readonly stream: StreamName;
  readonly symbol: string | null;
  readonly detail: Detail;
}

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
  const parts = new Map<string, Part>();
  /** Versions of the parts that were let go: the sum of all must not come twice. */
  let past = 0;

  function detailOf(stream: StreamName, symbol: string | null): Detail {
    const name = `${stream} ${symbol ?? ''}`;
    const part = parts.get(name) ?? { stream, symbol, detail: new Detail(stream, deps) };
    parts.set(name, part);
    return part.detail;
  }
  function drop(isGone: (part: Part) => boolean): void {
    for (const [name, part] of parts) {
      if (!isGone(part)) continue;
      part.detail.clear();
      past += part.detail.version;
      parts.delete(name);
      // What stood here may have been what kept the whole from being loaded. Not within the effect that drops it.
      queueMicrotask(deps.onState);
    }
  }
  function of(stream: StreamName): Detail[] {
    return [...parts.values()].flatMap((part) => (part.stream === stream ? [part.detail] : []));
  }

  const isOff = (name: StreamName): boolean => store.stream(name).peek().state === 'off';
  const stops = [
    effect(() => {
      if (store.view.zoom.value === null) drop(() => true);
    }),
    effect(() => {
      const keys = store.view.keys.value;
      drop(({ symbol }) => symbol !== null && !keys.includes(symbol));
    }),
    store.listen((news) => {
      if (news.type === 'delta') for (const detail of of(news.frame.stream)) detail.append(news.frame);
      if (news.type === 'restart' || news.type === 'lost') for (const detail of of(news.stream)) detail.lose();
      if (news.type === 'synced') for (const detail of of(news.stream)) detail.mend();
    }),
  ];
  const state = computed((): DetailState => {
    stateVersion.value;
    const states = [...parts.values()].flatMap(({ stream, detail }) => (isOff(stream) ? [] : [detail.state]));
    for (const found of states) if (found.name === 'failed') return found;
    const isLoaded = states.length > 0 && states.every(({ name }) => name === 'loaded');
    return { name: isLoaded ? 'loaded' : 'loading', reason: null };
  });
  const lens: OpenLens = {
    version,
    state: () => state.value,
    refine(view, span) {
      const { zoom, keys } = store.view;
      if (view.state === 'off') return view;
      const follows = zoom.peek()?.to === null;
      if (STREAMS[view.stream].key.name !== 'symbol')
        return detailOf(view.stream, null).refine(view, { span, symbol: null, follows });
      const held = view.channels.map(({ key }) => key);
      // While another symbol loads, the old one's picture is shown.
      const isOld = held.some((key) => !keys.peek().includes(key));
      const symbols = isOld ? held : keys.peek();
      const finer = symbols.map((symbol) => {
        const coarse = { ...view, channels: view.channels.filter(({ key }) => key === symbol) };
        const refined = detailOf(view.stream, symbol).refine(coarse, { span, symbol, follows });
        return { isSame: refined === coarse, refined };
      });
      if (finer.every(({ isSame }) => isSame)) return view;
      return {
        ...view,
        channels: finer.flatMap(({ refined }) => refined.channels),
        version: finer.reduce((sum, { refined }) => sum + refined.version - view.version, view.version + past),
      };
    },
    close() {
      for (const stop of stops) stop();
      store.lens.value = null;
      drop(() => true);
    },
  };
  store.lens.value = lens;
  return lens;
}
