/** The wall's head: what is shown, what time it is, and whether any of it may be trusted; and the banner where it may not. */
import { type ReadonlySignal, useComputed } from '@preact/signals';
import { CLOSE } from '../../shared/protocol.ts';
import { age, clock, clockWithZone, timeParts, type Zone, zoneLabel } from '../format.ts';
import { newestArrival } from '../status.ts';
import type { Store } from '../store.ts';
import { OVERVIEW } from './parameters.ts';
import type { Show } from './show.ts';

/** So many turns are named; more are counted. */
const MOST_NAMED = 6;
/** From this age on a time of day alone does not say which day's. */
const OTHER_DAY_MS = 20 * 3_600_000;
/** The clock changes sides with the connection's state every so often, so that its digits do not burn in. */
const SIDE_MS = 3_600_000;

/** What is over within this time is not told. */
const BRIEF_MS = 8000;

const FEED_LABELS = {
  live: 'Live',
  syncing: 'Loading',
  connecting: 'Connecting',
  stale: 'Not live',
  offline: 'Offline',
} as const;

export function WallHead({ store, show }: { store: Store; show: Show }) {
  const { now, view, demo } = store;
  const current = show.current.value;
  const zone = view.zone.value;
  return (
    <header class="wall-head">
      <h1 data-testid="symbol">{current === OVERVIEW ? 'Overview' : (current ?? 'AlphaPulse')}</h1>
      {current !== OVERVIEW && <span class="wall-range">{view.range.value}</span>}
      <TurnList show={show} />
      <span class="spacer" />
      {demo.value && (
        <span class="demo" data-testid="demo">
          Demo data
        </span>
      )}
      <div class="wall-state" data-side={Math.floor(now.value / SIDE_MS) % 2}>
        <span class="wall-clock" data-testid="clock">
          {clock(now.value, zone)}
          <small>{zoneLabel(now.value, zone)}</small>
        </span>
        <Connection store={store} />
      </div>
    </header>
  );
}

/** Whose turn it is among which others. */
function TurnList({ show }: { show: Show }) {
  const { turns } = show.turns.value;
  const current = show.current.value;
  if (turns.length < 2) return null;
  if (turns.length > MOST_NAMED)
    return (
      <span class="wall-turns" data-testid="turns">
        {turns.indexOf(current ?? '') + 1} of {turns.length}
      </span>
    );
  return (
    <ol class="wall-turns" data-testid="turns">
      {turns.map((name) => (
        <li key={name} {...(name === current ? { 'aria-current': 'true' } : {})}>
          {name === OVERVIEW ? 'All' : name.split('/')[0]}
        </li>
      ))}
    </ol>
  );
}

/** The connection's state, and how old the newest data is. */
function Connection({ store }: { store: Store }) {
  const feed = store.feed.value;
  const since = store.since.value;
  const newest = useComputed(() => newestArrival(store)).value;
  const isAlarm = feed === 'offline' || feed === 'stale';
  // A history that comes anew in another fineness, behind a picture that is whole, is no event from afar.
  const isBrief = feed === 'syncing' && newest !== null && store.now.value - (since ?? 0) < BRIEF_MS;
  const from = isAlarm && since !== null ? since : newest;
  const ms = from === null ? null : Math.max(0, store.now.value - from);
  return (
    <span
      class="pill"
      role="status"
      data-testid="connection"
      data-feed={isBrief ? 'live' : feed}
      {...(isAlarm ? { 'data-alarm': '' } : {})}
    >
      <i />
      <b>{FEED_LABELS[isBrief ? 'live' : feed]}</b>
      {ms !== null && <span data-age={ms}>{age(ms)}</span>}
    </span>
  );
}

interface BannerProps {
  readonly store: Store;
  /** Since when, on the server's clock, epoch ms. */
  readonly since: number;
  /** The close code by which the server sends the wall away; null while it does not. */
  readonly refusal: ReadonlySignal<number | null>;
}

/** Says over the whole width that nothing of what is shown is live, since when, and what is done about it. */
export function WallBanner({ store, since, refusal }: BannerProps) {
  const isRefused = refusal.value === CLOSE.unauthorized;
  const title = isRefused ? 'NO ACCESS' : store.feed.value === 'stale' ? 'NOT LIVE' : 'DISCONNECTED';
  const silent = store.now.value - since;
  return (
    <div class="banner wall-banner" role="alert" data-testid="banner">
      <strong>{title}</strong>
      <span class="banner-since">{age(silent)} without data</span>
      <span class="wall-why">
        <span>Last update {timeOf(since, silent, store.view.zone.value)}</span>
        <span>
          {isRefused
            ? 'The server does not take this screen’s token. Open the wall by a link with a valid one.'
            : (store.trouble.value ?? 'Reconnecting by itself.')}
        </span>
      </span>
    </div>
  );
}

function timeOf(time: number, silent: number, zone: Zone): string {
  const { day, month } = timeParts(time, zone);
  return silent < OTHER_DAY_MS ? clockWithZone(time, zone) : `${day} ${month} ${clockWithZone(time, zone)}`;
}
