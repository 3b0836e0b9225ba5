/** The alerts of one page at work: the engine, fed by the store and the clock, and what is announced. */
import { effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { STREAM_NAMES } from '../../shared/streams.ts';
import type { News } from '../feed.ts';
import type { ChannelView } from '../model.ts';
import type { Store } from '../store.ts';
import { type BookStorage, openBook, type RuleBook } from './book.ts';
import { AlertEngine, type Announcement, type Seen, type Standings } from './engine.ts';
import { jumpTo } from './jump.ts';
import { conditionText, valueText } from './rules.ts';
import { type Chime, createChime, notify } from './signals.ts';

export interface Alerts {
  readonly book: RuleBook;
  readonly chime: Chime;
  /** How the rules stand that are on; at every announcement, and once a second. */
  readonly standings: ReadonlySignal<readonly Standings[]>;
  /** What is read out: the last announcement. */
  readonly spoken: ReadonlySignal<string>;
  readonly isOpen: Signal<boolean>;
  /** Begins; the result stops it. */
  start(): () => void;
}

const STORAGE_NAME = 'alphapulse.alerts';
const SEEN_NAME = 'alphapulse.alerts.seen';
/** What was acknowledged on a page that was loaded again within this time stays acknowledged. */
const SEEN_MS = 3_600_000;

const local: BookStorage = {
  read: () => localStorage.getItem(STORAGE_NAME),
  write: (text) => localStorage.setItem(STORAGE_NAME, text),
  onChange(listener) {
    const onStorage = ({ key }: StorageEvent): void => {
      if (key === STORAGE_NAME || key === null) listener();
    };
    addEventListener('storage', onStorage);
    return () => removeEventListener('storage', onStorage);
  },
};

const made = new WeakMap<Store, Alerts>();

/** The alerts of a store: the same for everybody who asks. */
export function alertsOf(store: Store): Alerts {
  const known = made.get(store);
  if (known !== undefined) return known;
  const alerts = create(store);
  made.set(store, alerts);
  return alerts;
}

function create(store: Store): Alerts {
  const book = openBook(local);
  const chime = createChime();
  const engine = new AlertEngine(recallSeen());
  const standings = signal<readonly Standings[]>([]);
  const spoken = signal('');
  const isOpen = signal(false);
  const now = (): number => Date.now() + store.serverClockOffset.peek();

  function take(said: readonly Announcement[]): void {
    for (const one of said) announce(one);
    if (said.length > 0) standings.value = engine.standings;
  }

  function announce({ rule, reading }: Announcement): void {
    const { sound, notify: isNotifying } = book.kept.peek();
    const what = announcementText({ rule, reading });
    // The same words twice would not be read out twice.
    spoken.value = spoken.peek() === what ? `${what}\u00a0` : what;
    if (sound) chime.play();
    if (isNotifying && document.visibilityState === 'hidden')
      notify(rule.id, conditionText(rule), what, () => jumpTo(store, rule, reading));
  }

  function start(): () => void {
    const stops = [
      effect(() => {
        const keys = store.view.keys.value;
        untracked(() => {
          for (const stream of STREAM_NAMES)
            take(engine.setWatched(stream, stream === 'system_metrics' ? null : keys, now()));
        });
      }),
      effect(() => {
        const { rules } = book.kept.value;
        untracked(() => {
          take(engine.setRules(rules, now()));
          standings.value = engine.standings;
        });
      }),
      store.listen((news) => take(engine.hear(news, now()))),
    ];
    // The page had its history before this part of it came.
    for (const stream of STREAM_NAMES)
      for (const channel of store.stream(stream).peek().channels) take(engine.hear(newestOf(channel), now()));
    const timer = setInterval(() => {
      take(engine.tick(now()));
      standings.value = engine.standings;
    }, 1000);
    const onHide = (): void => rememberSeen(engine.seen);
    addEventListener('pagehide', onHide);
    return () => {
      clearInterval(timer);
      removeEventListener('pagehide', onHide);
      for (const stop of stops) stop();
    };
  }

  return { book, chime, standings, spoken, isOpen, start };
}

/** What an alert says: `BTC/USDT binance +0.0512%`. */
export function announcementText({ rule, reading }: Announcement): string {
  const of = [reading.key, reading.series].filter((name) => name !== null && name !== '').join(' ');
  return `${conditionText(rule)}: ${of === '' ? '' : `${of} `}${valueText(rule, reading.value, reading.key)}`;
}

/** A channel's newest rows, as a history would bring them. */
function newestOf({ stream, key, lines }: ChannelView): News {
  const series = lines.map(({ name, times, columns, arrivedAt }) => {
    const last = times.length - 1;
    const cells = Object.entries(columns).map(([column, values]) => [column, last < 0 ? [] : [values[last]]] as const);
    return {
      name,
      columns: { timestamp: last < 0 ? [] : [times[last]], ...Object.fromEntries(cells) },
      arrived: arrivedAt,
    };
  });
  const rest = { from: null, to: null, reduced: true, bucket_ms: null, rows_total: 0 };
  return { type: 'snapshot', frame: { type: 'snapshot', id: '', stream, key, cursor: '', ...rest, series } };
}

function rememberSeen(seen: Seen): void {
  try {
    sessionStorage.setItem(SEEN_NAME, JSON.stringify({ at: Date.now(), seen }));
  } catch {
    // Storage is forbidden: what still stands comes up again.
  }
}

function recallSeen(): Seen {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(SEEN_NAME) ?? 'null');
    if (typeof stored !== 'object' || stored === null || !('at' in stored) || !('seen' in stored)) return {};
    if (typeof stored.at !== 'number' || !(Math.abs(Date.now() - stored.at) < SEEN_MS)) return {};
    if (typeof stored.seen !== 'object' || stored.seen === null) return {};
    return Object.fromEntries(
      Object.entries(stored.seen).map(([id, lines]) => [id, Array.isArray(lines) ? lines.map(String) : []]),
    );
  } catch {
    return {};
  }
}
