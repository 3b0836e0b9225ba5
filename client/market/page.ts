/** The market's link of a real page: what it has from outside is the browser. */
import { openSocketEdge, pageBuild } from '../socket.ts';
import type { Store } from '../store.ts';
import { createMarketLink, type MarketLink } from './connection.ts';

const links = new WeakMap<Store, MarketLink>();

/** The one link of a page's store. */
export function marketOf(store: Store): MarketLink {
  const known = links.get(store);
  if (known !== undefined) return known;
  const link = createMarketLink({
    timers: {
      after(ms, action) {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      every(ms, action) {
        const timer = setInterval(action, ms);
        return () => clearInterval(timer);
      },
    },
    now: () => Date.now(),
    random: () => Math.random(),
    build: pageBuild(),
    openEdge: openSocketEdge,
    symbolCount: () => store.symbols.peek().length,
  });
  links.set(store, link);
  return link;
}
