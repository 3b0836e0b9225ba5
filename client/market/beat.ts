/** The pace at which figures on the page follow the market. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { MarketLink } from './connection.ts';

/** Figures follow the data at this pace; eyes do not read faster. */
const LEAST_PAUSE_MS = 200;

/** A signal that grows when the market changed, at an eye's pace. */
export function useBeat(link: MarketLink): ReadonlySignal<number> {
  const beat = useSignal(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let shown = -1;
    const stop = link.onChange(() => {
      if (timer !== undefined || link.market.version === shown) return;
      timer = setTimeout(() => {
        timer = undefined;
        if (document.visibilityState === 'hidden') return;
        shown = link.market.version;
        beat.value += 1;
      }, LEAST_PAUSE_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [link]);
  return beat;
}
