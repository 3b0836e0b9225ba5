/** What the visitor chose: symbol, range and zoom live in the URL, so that a link shows the same; the rest is remembered here. */
import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import { DEFAULT_RANGE, DEFAULT_SYMBOL, formatQuery, oneOf, othersOf, parseQuery, type Zoom } from './choices.ts';
import { type RangeName, REFRESHES, type RefreshName } from './model.ts';

export { DEFAULT_SYMBOL, formatQuery, MOST_COMPARED, parseQuery, type Zoom } from './choices.ts';

/** Themes; `system` follows the operating system's. */
export const THEMES = ['system', 'dark', 'light'] as const;
export type ThemeName = (typeof THEMES)[number];

/** Zones that times are shown in. */
export const ZONES = ['utc', 'local'] as const;
export type ZoneName = (typeof ZONES)[number];

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
