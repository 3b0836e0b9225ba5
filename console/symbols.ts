/** Which symbols a server has. */
import * as z from 'zod';
import type { FeedTarget } from '../server/connect/target.ts';
import { CodedError } from '../server/errors.ts';

const TIMEOUT_MS = 10_000;
const answer = z.object({ symbols: z.array(z.string()) });

/**
 * Every symbol that the server's database knows, sorted.
 *
 * @throws CodedError `symbols` where the server answers something else; what fetch throws where it does not answer.
 */
export async function fetchSymbols({ base, token }: FeedTarget): Promise<readonly string[]> {
  const address = new URL('api/symbols', base);
  const response = await fetch(address, {
    headers: { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const parsed = response.ok ? answer.safeParse(await response.json()) : null;
  if (parsed?.success !== true) {
    throw new CodedError('symbols', `${address.href} answered ${response.status} and no list of symbols`, {
      value: address.href,
      mend: 'Check that it is the address of an AlphaPulse dashboard.',
    });
  }
  return parsed.data.symbols;
}
