/** The page. */
import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { zoneLabel } from '../format.ts';
import { CHART_ORDER } from '../recipes.ts';
import { lostSince } from '../status.ts';
import type { Store } from '../store.ts';
import { Banner } from './banner.tsx';
import { Cards } from './cards.tsx';
import { ChartPanel } from './chartpanel.tsx';
import { Dialog } from './dialog.tsx';
import { Header } from './header.tsx';
import { listenToKeys } from './keys.ts';
import { extras, followExtras, NotYet } from './later.tsx';
import type { Search } from './picker.tsx';

export function App({ store }: { store: Store }) {
  const isPicking = useSignal(false);
  const search = useSearch(isPicking);
  const isHelping = useSignal(false);
  const lost = lostSince(store);
  const feed = store.feed.value;
  const symbol = store.view.symbol.value;
  const parts = extras();

  useEffect(() => followExtras(store), [store]);

  useEffect(() => listenToKeys(isPicking, isHelping), []);

  useEffect(() => {
    // The root element carries the state for machines, whichever element they take for the root.
    document.documentElement.dataset.feed = feed;
  }, [feed]);

  useEffect(() => {
    document.title = `${lost === null ? '' : 'DISCONNECTED · '}${symbol} · AlphaPulse`;
  }, [symbol, lost === null]);

  return (
    <div class="app" data-feed={feed} {...(lost === null ? {} : { 'data-lost': '' })}>
      {lost !== null && <Banner store={store} since={lost} />}
      <Header store={store} isPicking={isPicking} isHelping={isHelping} />
      <Cards store={store} />
      <main class="charts">
        {CHART_ORDER.map((stream) => (
          <ChartPanel key={stream} store={store} stream={stream} />
        ))}
      </main>
      {parts !== null && <parts.Desk store={store} />}
      <Footer store={store} />
      <Dialog
        label="Choose a symbol"
        class="picker"
        testId="symbol-picker"
        isOpen={isPicking}
        onEarlyKey={(key) => {
          if (key === 'Enter') search.isEntered.value = true;
          else if (key.length === 1) search.query.value += key;
          else return false;
          return true;
        }}
      >
        {parts === null ? <NotYet /> : <parts.PickerBody store={store} isOpen={isPicking} search={search} />}
      </Dialog>
      <Dialog label="Keys" class="keys" testId="keys" isOpen={isHelping}>
        {parts === null ? (
          <NotYet />
        ) : (
          <parts.KeyList
            onClose={() => {
              isHelping.value = false;
            }}
          />
        )}
      </Dialog>
    </div>
  );
}

/** What is searched for in the picker. It is the page's and not the picker's, so that who types at once loses no letter. */
function useSearch(isPicking: Signal<boolean>): Search {
  const query = useSignal('');
  const isEntered = useSignal(false);
  useSignalEffect(() => {
    if (isPicking.value) return;
    query.value = '';
    isEntered.value = false;
  });
  return { query, isEntered };
}

function Footer({ store }: { store: Store }) {
  const { view, now, version, demo } = store;
  const theme = view.theme.value;
  return (
    <footer class="footer">
      <span>
        AlphaPulse{version.value === null ? '' : ` ${version.value}`}
        {demo.value ? ' · demo data, made up' : ''}
      </span>
      <span>All times {zoneLabel(now.value, view.zone.value)}</span>
      <button
        type="button"
        class="link phone-only"
        onClick={() => view.setTheme(theme === 'system' ? 'dark' : theme === 'dark' ? 'light' : 'system')}
      >
        Theme: {theme}
      </button>
    </footer>
  );
}
