/** The dialog in which a visitor types a stretch of time that is none of the four ranges. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { zoneLabel } from '../format.ts';
import { RANGE_MS, RANGES } from '../model.ts';
import type { Store } from '../store.ts';
import { askedStretch, fieldOfTime } from '../zoom/custom.ts';
import { shownStretch } from '../zoom/moves.ts';

export function CustomRange({ store, isOpen }: { store: Store; isOpen: Signal<boolean> }) {
  const { view } = store;
  const zone = view.zone.value;
  const first = useRef<HTMLInputElement>(null);
  const shown = shownStretch(view.zoom.peek(), { now: store.now.peek(), rangeMs: RANGE_MS[view.range.peek()] });
  const from = useSignal(fieldOfTime(shown.from, zone));
  const to = useSignal(view.zoom.peek()?.to == null ? '' : fieldOfTime(shown.to, zone));
  const mend = useSignal<string | null>(null);
  useEffect(() => first.current?.focus(), []);

  const onSubmit = (event: Event): void => {
    event.preventDefault();
    const asked = askedStretch(from.value, to.value, zone, store.now.peek());
    if ('mend' in asked) {
      mend.value = asked.mend;
      return;
    }
    const { spanMs } = asked.zoom;
    // A stretch is a part of a range: the shortest that is as long.
    if (spanMs > RANGE_MS[view.range.peek()]) view.setRange(RANGES.find((name) => RANGE_MS[name] >= spanMs) ?? '7d');
    view.setZoom(asked.zoom);
    isOpen.value = false;
  };
  const field = (label: string, value: Signal<string>, isFirst: boolean) => (
    <label>
      {label}
      <input
        type="datetime-local"
        step="1"
        value={value.value}
        {...(isFirst ? { ref: first, required: true } : {})}
        onInput={(event) => {
          value.value = event.currentTarget.value;
          mend.value = null;
        }}
      />
    </label>
  );
  return (
    <form class="custom-range" noValidate onSubmit={onSubmit}>
      <h2>Another range</h2>
      {field('From', from, true)}
      {field('To', to, false)}
      <p>Times are {zoneLabel(store.now.peek(), zone)}. Without an end it follows the present. At most 7 days.</p>
      {mend.value !== null && <p role="alert">{mend.value}</p>}
      <div>
        <button type="submit" class="button primary">
          Show
        </button>
        <button
          type="button"
          class="button"
          onClick={() => {
            isOpen.value = false;
          }}
        >
          Cancel
        </button>
      </div>
    </form>
  );
}
