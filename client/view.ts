/** What the visitor chose: symbol, range and zoom live in the URL, so that a link shows the same; the rest is remembered here. */
import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import { RANGE_MS, RANGES, type RangeName, REFRESHES, type RefreshName } from './model.ts';

/** Themes; `system` follows the operating system's. */
export const THEMES = ['system', 'dark', 'light'] as const;
export type ThemeName = (typeof THEMES)[number];

/** Zones that times are shown in. */
export const ZONES = ['utc', 'local'] as const;
export type ZoneName = (typeof ZONES)[number];

/** The symbol that a visitor sees who asked for none, where it is listed. */
export const DEFAULT_SYMBOL = 'BTC/USDT';
const DEFAULT_RANGE: RangeName = '24h';

/** So many symbols are compared with the chosen one at most: with it four, which a chart can still tell apart. */
export const MOST_COMPARED = 3;

/** A part of the range, or a stretch of the past, that is shown in its place. */
export interface Zoom {
  readonly spanMs: number;
  /** Where it ends, epoch ms; null: at the present, which it follows. */
  readonly to: number | null;
}

/** The browser's parts that the view needs; tests bring their own. */
export interface ViewEnvironment {
  /** The URL's query string, with or without its question mark. */
  query(): string;
  /** Puts another query string (without question mark) into the address bar; no new history entry. */
  replaceQuery(query: string): void;
  /** Calls back when the visitor went to another URL of this page; the result stops that. */
  onNavigate(listener: () => void): () => void;
  /** The remembered value of a name, null where there is none. May throw: storage can be forbidden. */
  recall(name: string): string | null;
  /** Remembers a value. May throw: storage can be forbidden or full. */
  remember(name: string, value: string): void;
}

/** The visitor's choices as signals, with their setters. */
export interface View {
  readonly symbol: ReadonlySignal<string>;
  /** Symbols that are shown beside the chosen one, in the same charts; at most MOST_COMPARED. */
  readonly compare: ReadonlySignal<readonly string[]>;
  /** All symbols that the page follows, the chosen one first. */
  readonly keys: ReadonlySignal<readonly string[]>;
  readonly range: ReadonlySignal<RangeName>;
  readonly refresh: ReadonlySignal<RefreshName>;
  readonly theme: ReadonlySignal<ThemeName>;
  readonly zone: ReadonlySignal<ZoneName>;
  /** Null: the whole range. */
  readonly zoom: ReadonlySignal<Zoom | null>;
  setSymbol(symbol: string): void;
  /** Compares with these; the chosen symbol, doubles and those beyond MOST_COMPARED are left out. */
  setCompare(symbols: readonly string[]): void;
  /** Shows the whole of a range. */
  setRange(range: RangeName): void;
  /** @param isPassing another zoom follows at once, so that this one is not written into the URL. */
  setZoom(zoom: Zoom | null, isPassing?: boolean): void;
  setRefresh(refresh: RefreshName): void;
  setTheme(theme: ThemeName): void;
  setZone(zone: ZoneName): void;
  /** Says which symbols there are: while nobody chose one, the default gives way to the first where it is not listed. */
  offerSymbols(symbols: readonly string[]): void;
  /** Stops listening to navigation. */
  dispose(): void;
}

/** What a query string asks for; null where it names none, or none that exists. */
interface Asked {
  readonly symbol: string | null;
  readonly compare: readonly string[];
  readonly range: RangeName | null;
  readonly zoom: Zoom | null;
}

/** Reads symbol, range and zoom: `from` and `to` in ISO 8601, or `from=now-900s` for the last 900 seconds. */
export function parseQuery(query: string): Asked {
  const parameters = new URLSearchParams(query);
  const symbol = parameters.get('symbol')?.trim() ?? '';
  const from = parameters.get('from') ?? '';
  const to = Date.parse(parameters.get('to') ?? '');
  const seconds = /^now-(\d+)s$/.exec(from)?.[1];
  const spanMs = seconds === undefined ? to - Date.parse(from) : Number(seconds) * 1000;
  return {
    symbol: symbol === '' ? null : symbol,
    compare: othersOf(symbol, (parameters.get('compare') ?? '').split(',')),
    range: oneOf(RANGES, parameters.get('range')),
    zoom: spanMs > 0 && spanMs <= RANGE_MS['7d'] ? { spanMs, to: seconds === undefined ? to : null } : null,
  };
}

/** The query string with the choices set and every other parameter kept; slashes and colons stay readable. */
export function formatQuery(
  query: string,
  symbol: string,
  range: RangeName,
  zoom: Zoom | null = null,
  compare: readonly string[] = [],
): string {
  const parameters = new URLSearchParams(query);
  parameters.set('symbol', symbol);
  parameters.set('range', range);
  if (compare.length > 0) parameters.set('compare', compare.join());
  else parameters.delete('compare');
  parameters.delete('from');
  parameters.delete('to');
  const iso = (time: number): string => new Date(time).toISOString();
  if (zoom !== null) {
    const { to, spanMs } = zoom;
    parameters.set('from', to === null ? `now-${Math.round(spanMs / 1000)}s` : iso(to - spanMs));
    if (to !== null) parameters.set('to', iso(to));
  }
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',');
}

function othersOf(symbol: string, symbols: readonly string[]): readonly string[] {
  const names = new Set(symbols.map((name) => name.trim()));
  return [...names].filter((name) => name !== '' && name !== symbol).slice(0, MOST_COMPARED);
}

function oneOf<const T extends string>(names: readonly T[], text: string | null): T | null {
  return names.find((name) => name === text) ?? null;
}

/** Reads the choices from the URL and the storage, and keeps both up to date. */
export function createView(environment: ViewEnvironment): View {
  const asked = parseQuery(environment.query());
  let symbolChosen = asked.symbol !== null;
  const symbol = signal(asked.symbol ?? DEFAULT_SYMBOL);
  const others = signal(asked.compare);
  // A symbol that was compared with and is chosen now stands once.
  const compare = computed(() => othersOf(symbol.value, others.value));
  const range = signal<RangeName>(asked.range ?? DEFAULT_RANGE);
  const zoom = signal(asked.zoom);
  const refresh = signal<RefreshName>(oneOf(REFRESHES, recall('refresh')) ?? 'live');
  const theme = signal<ThemeName>(taste('theme', THEMES) ?? 'system');
  const zone = signal<ZoneName>(taste('zone', ZONES) ?? 'utc');

  // A browser that forbids storage forgets the choice with the page; the choice holds until then.
  function recall(name: string): string | null {
    try {
      return environment.recall(name);
    } catch {
      return null;
    }
  }
  function remember(name: string, value: string): void {
    try {
      environment.remember(name, value);
    } catch {
      // As above: nothing is lost but the memory of it.
    }
  }
  /** What the address asks for goes before what is remembered, which it leaves as it is. */
  function taste<const T extends string>(name: string, names: readonly T[]): T | null {
    return oneOf(names, new URLSearchParams(environment.query()).get(name)) ?? oneOf(names, recall(name));
  }
  /** Whoever chooses is no longer shown what a link had asked for. */
  function choose(name: string, value: string): void {
    remember(name, value);
    const parameters = new URLSearchParams(environment.query());
    if (!parameters.has(name)) return;
    parameters.delete(name);
    environment.replaceQuery(parameters.toString());
    writeQuery();
  }
  function writeQuery(): void {
    environment.replaceQuery(
      formatQuery(environment.query(), symbol.peek(), range.peek(), zoom.peek(), compare.peek()),
    );
  }

  const dispose = environment.onNavigate(() => {
    const now = parseQuery(environment.query());
    // In one step, or the rows of the new symbol would be asked for in the old range first.
    batch(() => {
      if (now.symbol !== null) {
        symbolChosen = true;
        symbol.value = now.symbol;
      }
      others.value = now.compare;
      range.value = now.range ?? DEFAULT_RANGE;
      zoom.value = now.zoom;
    });
  });

  return {
    symbol,
    compare,
    keys: computed(() => [symbol.value, ...compare.value]),
    range,
    refresh,
    theme,
    zone,
    zoom,
    setSymbol(name) {
      const chosen = name.trim();
      if (chosen === '') return;
      symbolChosen = true;
      symbol.value = chosen;
      writeQuery();
    },
    setCompare(symbols) {
      others.value = othersOf(symbol.peek(), symbols);
      writeQuery();
    },
    setRange(name) {
      batch(() => {
        range.value = name;
        zoom.value = null;
      });
      writeQuery();
    },
    setZoom(next, isPassing = false) {
      zoom.value = next;
      if (!isPassing) writeQuery();
    },
    setRefresh(name) {
      refresh.value = name;
      // A page that opens paused shows nothing new for no visible reason, so that a pause is not remembered.
      if (name !== 'paused') remember('refresh', name);
    },
    setTheme(name) {
      theme.value = name;
      choose('theme', name);
    },
    setZone(name) {
      zone.value = name;
      choose('zone', name);
    },
    offerSymbols(symbols) {
      const [first] = symbols;
      if (symbolChosen || first === undefined || symbols.includes(symbol.peek())) return;
      symbol.value = symbols.includes(DEFAULT_SYMBOL) ? DEFAULT_SYMBOL : first;
    },
    dispose,
  };
}

const STORAGE_PREFIX = 'alphapulse.';

/** The view's environment in a browser. */
export function browserView(): ViewEnvironment {
  return {
    query: () => location.search,
    replaceQuery: (query) => history.replaceState(history.state, '', `${location.pathname}?${query}${location.hash}`),
    onNavigate(listener) {
      addEventListener('popstate', listener);
      return () => removeEventListener('popstate', listener);
    },
    recall: (name) => localStorage.getItem(STORAGE_PREFIX + name),
    remember: (name, value) => localStorage.setItem(STORAGE_PREFIX + name, value),
  };
}
