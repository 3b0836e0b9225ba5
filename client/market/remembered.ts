/** Symbols that the visitor starred or used last, kept in the browser; without storage they last as long as the page. */
import { type ReadonlySignal, signal } from '@preact/signals';
import * as z from 'zod/mini';

const PREFIX = 'alphapulse.';
/** So many symbols are remembered as used, the last one first. */
const MOST_RECENT = 8;
/** A list that somebody else wrote must not fill the page. */
const MOST = 500;
const list = z.array(z.string());

/** A list of symbols that outlives the page. */
export interface RememberedList {
  readonly symbols: ReadonlySignal<readonly string[]>;
  set(symbols: readonly string[]): void;
}

function read(name: string): readonly string[] {
  try {
    const parsed = list.safeParse(JSON.parse(localStorage.getItem(PREFIX + name) ?? '[]'));
    return parsed.success ? parsed.data.slice(0, MOST) : [];
  } catch {
    // Storage is forbidden, or holds something else.
    return [];
  }
}

function remembered(name: string): RememberedList {
  const symbols = signal(read(name));
  // Other tabs of the same browser star too.
  addEventListener('storage', ({ key }) => {
    if (key === PREFIX + name) symbols.value = read(name);
  });
  return {
    symbols,
    set(next) {
      symbols.value = next.slice(0, MOST);
      try {
        localStorage.setItem(PREFIX + name, JSON.stringify(symbols.peek()));
      } catch {
        // Forbidden or full: the choice holds until the page goes.
      }
    },
  };
}

const favouriteList = remembered('favourites');
const recentList = remembered('recent');

/** Starred symbols, in the order of starring. */
export const favourites: ReadonlySignal<readonly string[]> = favouriteList.symbols;
/** Symbols that were shown, the last one first. */
export const recent: ReadonlySignal<readonly string[]> = recentList.symbols;

/** Stars a symbol, or takes its star away. */
export function toggleFavourite(symbol: string): void {
  const now = favourites.peek();
  favouriteList.set(now.includes(symbol) ? now.filter((other) => other !== symbol) : [...now, symbol]);
}

/** Remembers that a symbol was shown. */
export function noteUse(symbol: string): void {
  const now = recent.peek();
  if (now[0] === symbol) return;
  recentList.set([symbol, ...now.filter((other) => other !== symbol)].slice(0, MOST_RECENT));
}

/** The text that was remembered under a name, null where there is none. */
export function recallText(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Remembers a text under a name, where the browser allows it. */
export function rememberText(name: string, text: string): void {
  try {
    localStorage.setItem(PREFIX + name, text);
  } catch {
    // As above.
  }
}
