/** The market on the desk page: the button that opens the overview, and the overview over the page. Its body is a part of its own. */
import { signal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Store } from '../store.ts';
import sheet from '../style/market-sheet.css?url';
import { Dialog } from '../ui/dialog.tsx';
import { onKey } from '../ui/laterkeys.ts';
import { noteUse } from './remembered.ts';
import { followAddress, isOpen, writeAddress } from './state.ts';

type Body = typeof import('./overview.tsx');

const body = signal<Body | null>(null);
const hasFailed = signal(false);
const isStyled = signal(false);

function fetchBody(): void {
  if (body.peek() !== null) return;
  hasFailed.value = false;
  import('./overview.tsx').then(
    (loaded) => {
      body.value = loaded;
    },
    () => {
      hasFailed.value = true;
    },
  );
}

/** Brings the style sheet in, once; the overview is drawn when it is there. */
export function fetchStyle(): void {
  if (document.querySelector('link[data-part="market"]') !== null) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = sheet;
  link.dataset.part = 'market';
  link.onload = link.onerror = () => {
    isStyled.value = true;
  };
  document.head.append(link);
}

/** Opens the overview. */
export function OverviewButton(_props: { store: Store }) {
  return (
    <button
      type="button"
      class="button"
      aria-label="Market overview"
      title="Market overview (o)"
      aria-haspopup="dialog"
      data-testid="overview-button"
      onClick={() => {
        isOpen.value = true;
      }}
    >
      <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
        <path d="M2.5 3h5v5h-5zM10.5 3h5v5h-5zM2.5 10.5h5v5h-5zM10.5 10.5h5v5h-5z" />
      </svg>
    </button>
  );
}

/** Hosts the overview over the desk page, and what the page remembers of the symbols that it showed. */
export function MarketDesk({ store }: { store: Store }) {
  useEffect(() => {
    fetchStyle();
    const stops = [
      followAddress(),
      onKey('o', 'overview of all symbols', () => {
        isOpen.value = true;
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  useSignalEffect(() => noteUse(store.view.symbol.value));
  useSignalEffect(() => {
    if (isOpen.value) fetchBody();
    writeAddress();
  });
  const parts = body.value;
  return (
    <Dialog label="Market overview" class="market-dialog" testId="overview" isOpen={isOpen}>
      {parts === null || !isStyled.value ? (
        <p class="not-yet" role={hasFailed.value ? 'alert' : 'status'}>
          {hasFailed.value ? 'The server did not send this part of the page.' : 'Loading'}
          {hasFailed.value && (
            <button type="button" class="button" onClick={fetchBody}>
              Try again
            </button>
          )}
        </p>
      ) : (
        <parts.Overview store={store} />
      )}
    </Dialog>
  );
}
