/** Says over the whole width that what the page shows is no longer live, since when, and what is done about it. */
import { age, clockWithZone } from '../format.ts';
import type { Store } from '../store.ts';

export function Banner({ store, since }: { store: Store; since: number }) {
  const isConnected = store.feed.value === 'stale';
  return (
    <div class="banner" role="alert" data-testid="banner">
      <strong>{isConnected ? 'NOT LIVE' : 'DISCONNECTED'}</strong>
      <span class="banner-since">{age(store.now.value - since)} without data</span>
      <span>Last update {clockWithZone(since, store.view.zone.value)}</span>
      <span>{store.trouble.value ?? 'Reconnecting by itself'}</span>
    </div>
  );
}
