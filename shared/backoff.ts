/** How long to wait before the next try (F14): exponential, with full jitter, so that a thousand pages do not come back at once. */

export const BACKOFF_LEAST_MS = 250;
export const BACKOFF_MOST_MS = 10_000;

/**
 * Ms to wait before try number `attempt` (0 for the first): uniform between the least delay and a ceiling that doubles
 * with each try ("full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoff(attempt: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_MOST_MS, BACKOFF_LEAST_MS * 2 ** Math.min(attempt + 1, 16));
  return BACKOFF_LEAST_MS + random() * (ceiling - BACKOFF_LEAST_MS);
}
