/** The store of a real page: what the store has from outside is the browser. */
import { fetchSymbols } from '../api.ts';
import { inFrame } from '../draw.ts';
import { openSocketEdge, pageBuild } from '../socket.ts';
import { createStore, type Store } from '../store.ts';
import { browserView, createView } from '../view.ts';

/** The store of a real page, not started yet. */
export function createPageStore(): Store {
  return createStore({
    view: createView(browserView()),
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
    now: () => Date.now(),
    random: () => Math.random(),
    build: pageBuild(),
    openEdge: openSocketEdge,
    fetchSymbols,
    isHidden: () => document.visibilityState === 'hidden',
    onVisibility(listener) {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
  });
}
