/** What the keys do: which part of the console is in sight, what is typed into its search, and what is wanted. Pure. */
import { RANGES, type RangeName } from '../client/model.ts';

/** A key: its name where it has one (`up`, `return`), and the text that it types. */
export interface Key {
  readonly name: string;
  readonly text: string;
  readonly ctrl: boolean;
}

export interface Ui {
  readonly mode: 'board' | 'list' | 'help';
  /** What is typed into the search of the list. */
  readonly search: string;
  /** The place of the chosen one among the matches. */
  readonly at: number;
}

export const BOARD: Ui = { mode: 'board', search: '', at: 0 };

/** What a key asks for beside what is in sight. */
export type Wish =
  | { readonly type: 'quit' }
  | { readonly type: 'redraw' }
  /** Leave the terminal to the shell for a while. */
  | { readonly type: 'suspend' }
  | { readonly type: 'symbol'; readonly symbol: string }
  | { readonly type: 'range'; readonly range: RangeName }
  /** Anomalies of every symbol, or of the chosen one again. */
  | { readonly type: 'anomalies' };

/** What there is to choose from. */
export interface Offer {
  readonly symbols: readonly string[];
  readonly symbol: string;
}

/** The keys, as help lists them. */
export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['s  /', 'choose a symbol: type to search, Enter takes it, Esc does not'],
  ['n  p', 'the next symbol, the one before (also right and left)'],
  ['1 2 3 4', `the range: ${RANGES.join(', ')}`],
  ['a', 'anomalies of every symbol, or of this one alone'],
  ['?  h', 'this help'],
  ['Ctrl-L', 'draw everything anew'],
  ['Ctrl-Z', 'to the shell for a while; fg comes back'],
  ['q  Ctrl-C', 'end'],
];

/** The symbols that a search finds: those that begin with it first. */
export function matches(symbols: readonly string[], search: string): readonly string[] {
  const sought = search.trim().toLowerCase();
  const found = symbols.filter((symbol) => symbol.toLowerCase().includes(sought));
  const begins = (symbol: string): boolean => symbol.toLowerCase().startsWith(sought);
  return [...found.filter(begins), ...found.filter((symbol) => !begins(symbol))];
}

/** What comes of a key. */
export function press(ui: Ui, key: Key, offer: Offer): { readonly ui: Ui; readonly wish: Wish | null } {
  const { name, ctrl } = key;
  if (ctrl && name === 'c') return { ui, wish: { type: 'quit' } };
  if (ctrl && name === 'l') return { ui, wish: { type: 'redraw' } };
  if (ctrl && name === 'z') return { ui, wish: { type: 'suspend' } };
  if (ui.mode === 'list') return pressInList(ui, key, offer);
  if (name === 'escape' || (ui.mode === 'help' && name !== 'q')) return { ui: BOARD, wish: null };
  switch (key.text) {
    case 'q':
      return { ui, wish: { type: 'quit' } };
    case 's':
    case '/':
      return { ui: { mode: 'list', search: '', at: Math.max(0, offer.symbols.indexOf(offer.symbol)) }, wish: null };
    case '?':
    case 'h':
      return { ui: { ...BOARD, mode: 'help' }, wish: null };
    case 'a':
      return { ui, wish: { type: 'anomalies' } };
    case 'n':
      return { ui, wish: neighbour(offer, 1) };
    case 'p':
      return { ui, wish: neighbour(offer, -1) };
  }
  if (name === 'right') return { ui, wish: neighbour(offer, 1) };
  if (name === 'left') return { ui, wish: neighbour(offer, -1) };
  const range = RANGES[Number(key.text) - 1];
  return { ui, wish: range === undefined ? null : { type: 'range', range } };
}

function neighbour({ symbols, symbol }: Offer, step: number): Wish | null {
  const at = symbols.indexOf(symbol);
  const next = at < 0 ? symbols[0] : symbols[(at + step + symbols.length) % symbols.length];
  return next === undefined || next === symbol ? null : { type: 'symbol', symbol: next };
}

function pressInList(ui: Ui, { name, text, ctrl }: Key, { symbols }: Offer): { ui: Ui; wish: Wish | null } {
  const found = matches(symbols, ui.search);
  const move = (step: number): { ui: Ui; wish: null } => {
    const at = Math.min(Math.max(0, ui.at + step), Math.max(0, found.length - 1));
    return { ui: { ...ui, at }, wish: null };
  };
  switch (name) {
    case 'escape':
      return { ui: BOARD, wish: null };
    case 'return':
    case 'enter': {
      const symbol = found[ui.at];
      return symbol === undefined ? { ui, wish: null } : { ui: BOARD, wish: { type: 'symbol', symbol } };
    }
    case 'up':
      return move(-1);
    case 'down':
      return move(1);
    case 'pageup':
      return move(-10);
    case 'pagedown':
      return move(10);
    case 'backspace':
      return { ui: { ...ui, search: [...ui.search].slice(0, -1).join(''), at: 0 }, wish: null };
  }
  if (ctrl && name === 'u') return { ui: { ...ui, search: '', at: 0 }, wish: null };
  const isText = !ctrl && text !== '' && !/\p{Cc}/u.test(text);
  return { ui: isText ? { ...ui, search: ui.search + text, at: 0 } : ui, wish: null };
}
