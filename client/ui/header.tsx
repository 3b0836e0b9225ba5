/** The page's head: which symbol and range is shown, how it follows the data, and whether it may be trusted. */
import { type Signal, useComputed } from '@preact/signals';
import { age, clock, fixed, zoneLabel } from '../format.ts';
import { RANGES, type RefreshName } from '../model.ts';
import { newestArrival } from '../status.ts';
import type { Store } from '../store.ts';
import { Icon } from './icons.tsx';
import { extras, fetchExtras, isTypingRange } from './later.tsx';
import { Menu } from './menu.tsx';
import type { Choice } from './menulist.tsx';

const REFRESH_CHOICES: readonly Choice<RefreshName>[] = [
  { id: 'live', label: 'Live' },
  { id: '10s', label: 'Every 10 s' },
  { id: '30s', label: 'Every 30 s' },
  { id: '1m', label: 'Every minute' },
  { id: 'paused', label: 'Paused', hint: 'space' },
];

const REFRESH_LABELS: Readonly<Record<RefreshName, string>> = {
  live: 'Live',
  '10s': '10 s',
  '30s': '30 s',
  '1m': '1 min',
  paused: 'Paused',
};

interface HeaderProps {
  readonly store: Store;
  readonly isPicking: Signal<boolean>;
  readonly isHelping: Signal<boolean>;
}

export function Header({ store, isPicking, isHelping }: HeaderProps) {
  const { view } = store;
  const refresh = view.refresh.value;
  const parts = extras();
  return (
    <header class="header">
      <SymbolButton store={store} isPicking={isPicking} />
      <fieldset class="ranges" aria-label="Range">
        {RANGES.map((range) => (
          <button
            type="button"
            key={range}
            aria-pressed={view.range.value === range && view.zoom.value === null}
            data-range={range}
            onClick={() => view.setRange(range)}
          >
            {range}
          </button>
        ))}
        <button
          type="button"
          aria-haspopup="dialog"
          aria-pressed={view.zoom.value !== null}
          data-range="custom"
          onClick={() => {
            isTypingRange.value = true;
            fetchExtras();
          }}
        >
          Custom
        </button>
      </fieldset>
      <Menu
        label="Refresh"
        testId="refresh"
        choices={REFRESH_CHOICES}
        chosen={refresh}
        isPaused={refresh === 'paused'}
        onChoose={(name) => view.setRefresh(name)}
      >
        {refresh === 'paused' && <Icon name="pause" />}
        {REFRESH_LABELS[refresh]}
      </Menu>
      {store.demo.value && (
        <span class="demo" data-testid="demo">
          Demo data
        </span>
      )}
      <span class="spacer" />
      <Clock store={store} />
      <Pill store={store} />
      <span class="header-tools">{parts !== null && <parts.HeaderTools store={store} isHelping={isHelping} />}</span>
    </header>
  );
}

function SymbolButton({ store, isPicking }: Omit<HeaderProps, 'isHelping'>) {
  const symbol = store.view.symbol.value;
  const symbols = store.symbols.value;
  const place = symbols.indexOf(symbol);
  return (
    <h1 class="symbol">
      <button
        type="button"
        class="symbol-button"
        aria-haspopup="dialog"
        data-testid="symbol"
        onClick={() => {
          isPicking.value = true;
        }}
      >
        <span class="symbol-name" {...(symbol.length > 10 ? { 'data-long': '' } : {})}>
          {symbol}
        </span>
        <Icon name="caret" />
        <kbd class="desk-only">/</kbd>
        <span class="symbol-count desk-only">{place < 0 ? '' : `${place + 1} of ${fixed(symbols.length, 0)}`}</span>
      </button>
    </h1>
  );
}

/** The server's clock, in the zone of the whole page; a tap changes that. */
function Clock({ store }: { store: Store }) {
  const { now, view } = store;
  const zone = view.zone.value;
  return (
    <button
      type="button"
      class="button clock"
      data-testid="clock"
      title="Switch between UTC and local time"
      onClick={() => view.setZone(zone === 'utc' ? 'local' : 'utc')}
    >
      <span>
        {clock(now.value, zone)}
        <small>{zoneLabel(now.value, zone)}</small>
      </span>
    </button>
  );
}

const FEED_LABELS = {
  live: 'Live',
  syncing: 'Loading',
  connecting: 'Connecting',
  stale: 'Not live',
  offline: 'Offline',
} as const;

/** The connection's state, and how old the newest data is. */
function Pill({ store }: { store: Store }) {
  const feed = store.feed.value;
  const since = store.since.value;
  const newest = useComputed(() => newestArrival(store));
  const isAlarm = feed === 'offline' || feed === 'stale';
  const from = isAlarm && since !== null ? since : newest.value;
  return (
    <span
      class="pill"
      role="status"
      data-testid="connection"
      data-feed={feed}
      title="Connection, and time since the newest data"
      {...(isAlarm ? { 'data-alarm': '' } : {})}
    >
      <i />
      <b>{FEED_LABELS[feed]}</b>
      {from !== null && <span data-age={Math.max(0, store.now.value - from)}>{age(store.now.value - from)}</span>}
    </span>
  );
}
