/** Keeps what a reader has done to the charts in the page's address, and takes it from there: at the start, and going back. */
import { effect } from '@preact/signals';
import { RECIPES } from '../recipes.ts';
import { controllers } from '../ui/controller.ts';
import { formatReading, parseReading } from './query.ts';
import { choices, full } from './state.ts';
import { readingNow } from './takeaway.ts';

function take(): void {
  const asked = parseReading(location.search);
  choices.value = asked.lines;
  full.value = asked.full;
  for (const [stream, { variant }] of controllers) {
    const { variants } = RECIPES[stream];
    const id = asked.variants.get(stream);
    // A link may name a variant that there is no more.
    const found = variants.find((known) => known.id === id) ?? variants[0];
    if (found !== undefined) variant.value = found.id;
  }
}

/** Follows both ways; the result stops that. */
export function followAddress(): () => void {
  take();
  const stop = effect(() => {
    const now = readingNow();
    const query = formatReading(location.search, now);
    if (query === formatReading(location.search, parseReading(location.search))) return;
    history.replaceState(history.state, '', `${location.pathname}${query === '' ? '' : `?${query}`}${location.hash}`);
  });
  addEventListener('popstate', take);
  return () => {
    stop();
    removeEventListener('popstate', take);
  };
}
