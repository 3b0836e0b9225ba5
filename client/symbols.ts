/** Searching the list of symbols. Pure. */

const plain = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

/**
 * The symbols that contain the query, punctuation and case aside (`btcusdt` finds `BTC/USDT`): those first that are it,
 * then those that begin with it, then the others, each group in the list's order.
 */
export function searchSymbols(symbols: readonly string[], query: string): readonly string[] {
  const wanted = plain(query);
  if (wanted === '') return symbols;
  const exact: string[] = [];
  const beginning: string[] = [];
  const containing: string[] = [];
  for (const symbol of symbols) {
    const text = plain(symbol);
    if (text === wanted) exact.push(symbol);
    else if (text.startsWith(wanted)) beginning.push(symbol);
    else if (text.includes(wanted)) containing.push(symbol);
  }
  return [...exact, ...beginning, ...containing];
}

/**
 * The list with those first that the visitor cares for: the starred ones, then the ones used last, then all others in the
 * list's order; each once, and only such as are listed.
 */
export function preferredFirst(
  symbols: readonly string[],
  starred: readonly string[],
  used: readonly string[],
): readonly string[] {
  const listed = new Set(symbols);
  const first = new Set([...starred, ...used].filter((symbol) => listed.has(symbol)));
  return first.size === 0 ? symbols : [...first, ...symbols.filter((symbol) => !first.has(symbol))];
}
