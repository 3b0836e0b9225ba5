/** The one store of a wall: it watches every symbol of the rotation at once, so that no turn has to wait for its rows. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { fetchSymbols } from '../api.ts';
import { inFrame } from '../draw.ts';
import { favourites } from '../market/remembered.ts';
import { pageBuild } from '../socket.ts';
import { createStore, type Store } from '../store.ts';
import { createView, DEFAULT_SYMBOL, type View } from '../view.ts';
import type { WatchedEdge } from './edge.ts';
import { OVERVIEW, type Turns, turnsFor, type WallParameters } from './parameters.ts';

/** A wall's store, and what it has to show. */
export interface WallStore {
  readonly store: Store;
  readonly turns: ReadonlySignal<Turns>;
}

/** A clock that nobody can set: the machine's, as it was when the page was loaded, and what has passed since. Epoch ms. */
const steadyNow = (): number => performance.timeOrigin + performance.now();

/** Builds it; it is not started yet. */
export function createWallStore(parameters: WallParameters, edge: WatchedEdge): WallStore {
  const listed = signal<readonly string[]>([]);
  const turns = computed(() => turnsFor(parameters, listed.value, favourites.value));
  let before: readonly string[] = [];
  const keys = computed(() => {
    const asked = parameters.turns === null ? turns.value.turns : [...turns.value.turns, ...turns.value.unknown];
    const symbols = [...new Set(asked.filter((name) => name !== OVERVIEW))];
    const next = symbols.length > 0 ? symbols : [listed.value[0] ?? DEFAULT_SYMBOL];
    // The same symbols in another order are the same rows: another list would have them loaded anew.
    if (next.length === before.length && next.every((name) => before.includes(name))) return before;
    before = next;
    return next;
  });
  const base = createView({
    query: () => `range=${parameters.range}`,
    replaceQuery: () => {},
    onNavigate: () => () => {},
    // What a desk on the same machine remembers is the desk's.
    recall: (name) => (name === 'theme' ? parameters.theme : name === 'zone' ? parameters.zone : null),
    remember: () => {},
  });
  const view: View = {
    ...base,
    symbol: computed(() => keys.value[0] ?? DEFAULT_SYMBOL),
    keys,
    offerSymbols: (symbols) => {
      listed.value = symbols;
    },
  };
  const store = createStore({
    view,
    timers: {
      after(ms, action) {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      every(ms, action) {
        const timer = setInterval(action, ms);
        return () => clearInterval(timer);
      },
      frame: inFrame,
    },
    now: steadyNow,
    random: () => Math.random(),
    build: pageBuild(),
    openEdge: (hear) => edge.open(hear),
    fetchSymbols,
    isHidden: () => document.visibilityState === 'hidden',
    onVisibility(listener) {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
  });
  return { store, turns };
}
