/** What the trust panel asks of the server: checksums, when a row was written, and how long a round trip takes. */
import * as z from 'zod/mini';
import type { StreamName } from '../../shared/streams.ts';
import type { Target, Told } from './check.ts';
import type { Newest } from './legs.ts';

const TIMEOUT_MS = 20_000;

const sumsAnswer = z.object({
  comparable: z.boolean(),
  parts: z.array(z.object({ from: z.number(), to: z.number(), rows: z.number(), hash: z.string() })),
});
const rowsAnswer = z.object({
  rows: z.array(z.object({ id: z.number(), timestamp: z.number(), created_at: z.nullish(z.number()) })),
});
const problem = z.object({ detail: z.string() });

/** @throws Error with what the server says, or that it does not. */
async function get(path: string): Promise<unknown> {
  const response = await fetch(path, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.ok) return response.json();
  const told = problem.safeParse(await response.json().catch(() => null));
  throw new Error(told.success ? told.data.detail : `the server answered with status ${response.status}`);
}

/** The server's checksums of a channel. */
export async function askSums({ stream, key, span }: Target, parts: number): Promise<Told> {
  const query = new URLSearchParams({
    key,
    from: String(span.from),
    to: String(span.to),
    bucket_ms: String(span.bucketMs),
    parts: String(parts),
  });
  return sumsAnswer.parse(await get(`/api/streams/${stream}/checksum?${query}`));
}

/** When a row was written by the database's clock (epoch ms); null where it does not say, or the row is gone. */
export async function askWritten(stream: StreamName, { key, id, row }: Newest): Promise<number | null> {
  const query = new URLSearchParams({ key, from: String(row), to: String(row + 1), limit: '100' });
  const { rows } = rowsAnswer.parse(await get(`/api/streams/${stream}/rows?${query}`));
  return rows.find((found) => found.id === id)?.created_at ?? null;
}

/** How long the quickest of some round trips takes, in ms. */
export async function askRoundTrip(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3; turn += 1) {
    const at = performance.now();
    await get('/api/health/live');
    least = Math.min(least, performance.now() - at);
  }
  return least;
}
