/** How much of what the overview shows may be trusted: connection, streams that are off, nothing to show. */
import { useComputed } from '@preact/signals';
import { age, clockWithZone } from '../format.ts';
import type { Store } from '../store.ts';
import type { MarketLink } from './connection.ts';
import { MARKET_STREAMS } from './model.ts';

/** A connection that comes back within this time is no event: the pill tells of it, the cells stay as they are. */
const PATIENCE_MS = 1500;

interface ConditionProps {
  readonly store: Store;
  readonly link: MarketLink;
}

/** Since when the overview shows old data because it has no connection to new ones; null while it has, or nearly. */
export function lostFrom(store: Store, link: MarketLink): number | null {
  const since = link.since.value;
  const feed = link.feed.value;
  if (since === null || feed === 'live' || feed === 'syncing') return null;
  if (feed === 'connecting' && !link.loaded.value && link.trouble.value === null) return null;
  return store.now.value - since >= PATIENCE_MS ? since : null;
}

/** Says over the whole width that nothing new comes. */
export function Lost({ store, link, since }: ConditionProps & { since: number }) {
  return (
    <div class="banner" role="alert" data-testid="market-banner">
      <strong>{link.feed.value === 'stale' ? 'NOT LIVE' : 'DISCONNECTED'}</strong>
      <span class="banner-since">{age(store.now.value - since)} without data</span>
      <span>Last update {clockWithZone(since, store.view.zone.value)}</span>
      <span>{link.trouble.value ?? 'Reconnecting by itself'}</span>
    </div>
  );
}

const LABELS = {
  live: 'Live',
  syncing: 'Loading',
  connecting: 'Connecting',
  stale: 'Not live',
  offline: 'Offline',
} as const;

/** The state of the overview's own connection. */
export function StatePill({ store, link }: ConditionProps) {
  const feed = link.feed.value;
  const since = link.since.value;
  const isAlarm = (feed === 'offline' || feed === 'stale') && lostFrom(store, link) !== null;
  return (
    <span
      class="pill"
      role="status"
      data-testid="market-connection"
      data-feed={feed}
      {...(isAlarm ? { 'data-alarm': '' } : {})}
    >
      <i />
      <b>{LABELS[feed]}</b>
      {isAlarm && since !== null && <span>{age(store.now.value - since)}</span>}
    </span>
  );
}

const NAMES = { funding_rates: 'Funding rates', anomalies: 'Anomalies' } as const;

/** Streams of the two that the server refuses, and why. */
export function OffStreams({ link }: Pick<ConditionProps, 'link'>) {
  const off = useComputed(() =>
    MARKET_STREAMS.flatMap((stream) => {
      const reason = link.off[stream].value;
      return reason === null ? [] : [{ stream, reason }];
    }),
  );
  return (
    <>
      {off.value.map(({ stream, reason }) => (
        <p class="market-off" role="status" key={stream} data-testid="market-off">
          <strong>{NAMES[stream]} are off</strong> {reason}
        </p>
      ))}
    </>
  );
}

/** What stands in place of cells. */
export function Nothing({ link, find, total }: Pick<ConditionProps, 'link'> & { find: string; total: number }) {
  return (
    <div class="message" data-testid="market-nothing">
      <strong>
        {total > 0
          ? `No symbol matches “${find}”`
          : link.loaded.value
            ? 'No funding rates and no anomalies yet'
            : 'Loading'}
      </strong>
      {total > 0 && <p>Clear the search to see all {total.toLocaleString('en-US')}.</p>}
      {total === 0 && link.loaded.value && <p>New rows appear here by themselves.</p>}
    </div>
  );
}
