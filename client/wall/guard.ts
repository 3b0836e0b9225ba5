/** Keeps the wall going without a hand: looks once a second whether it is painted, whether time leapt, whether it fails. */
import { effect } from '@preact/signals';
import { type Drawable, drawSoon } from '../draw.ts';
import type { Store } from '../store.ts';
import { reloadWhenServed } from './reload.ts';
import { Leaps, Watchdog } from './watchdog.ts';

const LOOK_MS = 1000;

/** What the guard watches with. */
export interface Guard {
  /** Something came from the server. */
  heard(): void;
  /** Follows what is painted, from now on. `isThere`: whether there is anything to be seen; `onLeap`: time has leapt. */
  follow(store: Store, isThere: () => boolean, onLeap: () => void): void;
}

/** Begins to watch: errors at once, the rest with `follow`. */
export function startGuard(): Guard {
  const now = (): number => performance.now();
  const dog = new Watchdog(now());
  const leaps = new Leaps();
  const failed = (): void => dog.failed(now());
  addEventListener('error', failed);
  addEventListener('unhandledrejection', failed);
  let leapt: () => void = () => {};

  setInterval(() => {
    if (leaps.look(Date.now(), now())) leapt();
    const ailment = dog.look(now(), document.visibilityState === 'hidden');
    if (ailment !== null) reloadWhenServed(ailment);
  }, LOOK_MS);

  return {
    heard: () => dog.heard(now()),
    follow(store, isThere, onLeap) {
      leapt = onLeap;
      // Drawn after the charts of the same frame, and like them not at all where the browser paints nothing.
      const beacon: Drawable = {
        draw() {
          if (isThere()) dog.painted(now());
        },
      };
      effect(() => {
        store.now.value;
        store.frame.value;
        drawSoon(beacon);
      });
    },
  };
}
