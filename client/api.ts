/** What the page asks of the server over HTTP: today only which symbols there are. */
import * as z from 'zod/mini';

const TIMEOUT_MS = 10_000;
const symbolsAnswer = z.object({ symbols: z.array(z.string()) });

/**
 * Every symbol that the database knows, sorted.
 *
 * @throws where the server is away, answers an error or something else; the list is then asked for again later.
 */
export async function fetchSymbols(): Promise<readonly string[]> {
  const response = await fetch('/api/symbols', {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`GET /api/symbols answered ${response.status}.`);
  return symbolsAnswer.parse(await response.json()).symbols;
}
