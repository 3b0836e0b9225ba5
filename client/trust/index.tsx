/** How far the page may be trusted, on the page: each chart's age with where its time went, and the panel of all of it. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StreamName } from '../../shared/streams.ts';
import { age } from '../format.ts';
import { RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import sheet from '../style/trust.css?url';
import { Dialog } from '../ui/dialog.tsx';
import { onKey } from '../ui/laterkeys.ts';
import { Legs } from './legstable.tsx';
import { PartNotYet, partOf } from './part.tsx';
import { sheetOf } from './sheet.ts';
import { trustOf } from './watch.ts';

const panel = partOf(() => import('./panel.tsx'));

/** Hosts what is gathered while the page runs, and the panel. */
export function Trust({ store }: { store: Store }) {
  const trust = trustOf(store);
  const { isOpen } = trust;
  const isStyled = sheetOf(sheet).value;
  useEffect(() => {
    const open = (): void => {
      isOpen.value = true;
    };
    const stops = [trust.start(), onKey('i', 'where the time went, what was missed, what was checked', open)];
    return () => {
      for (const stop of stops) stop();
    };
  }, [trust]);
  useSignalEffect(() => {
    if (isOpen.value) panel.fetch();
  });
  const body = panel.loaded.value;
  return (
    <Dialog label="Trust" class="trust-dialog" testId="trust" isOpen={isOpen}>
      {body === null || !isStyled ? <PartNotYet part={panel} /> : <body.TrustPanel store={store} trust={trust} />}
    </Dialog>
  );
}

/** How old a chart's newest row is; pointed at, it tells where that row's time went, and pressed it opens the panel. */
export function ChartAge({ store, stream }: { store: Store; stream: StreamName }) {
  const trust = trustOf(store);
  const view = store.stream(stream);
  const isStyled = sheetOf(sheet).value;
  const isTelling = useSignal(false);
  const isStale = useComputed(() => view.value.state === 'stale');
  const text = useComputed(() => {
    const { arrivedAt, state } = view.value;
    return arrivedAt === null || state === 'off' ? '' : age(store.now.value - arrivedAt);
  });
  if (!isStyled) return <span class="chart-age" />;
  const tell = (told: boolean) => (): void => {
    isTelling.value = told;
  };
  const { title } = RECIPES[stream];
  return (
    <span
      class="chart-age"
      data-testid={`age-${stream}`}
      {...(isStale.value ? { 'data-stale': '' } : {})}
      onPointerEnter={(event) => {
        // A finger presses; it does not point.
        if (event.pointerType === 'mouse') isTelling.value = true;
      }}
      onPointerLeave={tell(false)}
    >
      <button
        type="button"
        aria-label={`${title}: newest row ${text.value === '' ? 'not known' : `${text.value} ago`}. Where the time went`}
        onClick={() => {
          isTelling.value = false;
          trust.isOpen.value = true;
        }}
        onFocus={(event) => {
          isTelling.value = event.currentTarget.matches(':focus-visible');
        }}
        onBlur={tell(false)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') isTelling.value = false;
        }}
      >
        {text}
      </button>
      {isTelling.value && (
        <div class="chart-age-told" role="tooltip" data-testid={`legs-${stream}`}>
          <Legs store={store} trust={trust} stream={stream} />
        </div>
      )}
    </span>
  );
}
