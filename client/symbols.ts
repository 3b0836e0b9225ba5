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
