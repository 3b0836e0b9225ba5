/** A chart's text for those who do not see it: described by it, and refreshed at a pace at which nobody is interrupted. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { chartWindow, choices, hiddenNow, peekPicture } from './state.ts';
import { summaryOf } from './summary.ts';

const PACE_MS = 15_000;
/** The first pictures come soon after the page. */
const FIRST_MS = 1500;

export function Summary({ store, stream, panel }: { store: Store; stream: StreamName; panel: HTMLElement }) {
  const text = useSignal('');
  const id = `summary-${stream}`;
  const { view } = store;
  // Whatever the visitor changes is told soon, what the data changes at its pace.
  const asked = [
    choices.value,
    view.symbol.value,
    view.range.value,
    view.zoom.value,
    view.compare.value,
    view.zone.value,
  ];
  useEffect(() => {
    panel.setAttribute('aria-describedby', id);
    const write = (): void => {
      const window = chartWindow(stream);
      const { state } = store.stream(stream).peek();
      const now = store.viewNow.peek();
      text.value = summaryOf({
        stream,
        title: RECIPES[stream].title,
        symbols: view.keys.peek(),
        state,
        picture: state === 'off' || state === 'empty' ? null : (peekPicture(stream)?.shown ?? null),
        hidden: hiddenNow(stream),
        window: window ?? { from: now, to: now },
        zone: view.zone.peek(),
        now,
      });
    };
    const first = setTimeout(write, FIRST_MS);
    const timer = setInterval(write, PACE_MS);
    return () => {
      clearTimeout(first);
      clearInterval(timer);
    };
  }, asked);
  return (
    <span class="reading-unseen" id={id} data-testid="summary">
      {text.value}
    </span>
  );
}
