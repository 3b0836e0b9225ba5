/** Asks the server for a stretch of a stream's history in buckets of a width: `GET /api/chart/{stream}`. */
import * as z from 'zod/mini';
import type { StreamName } from '../../shared/streams.ts';

const TIMEOUT_MS = 20_000;

/** What is asked for: rows with `from <= timestamp < to`, epoch ms. */
export interface ChartQuestion {
  readonly stream: StreamName;
  /** Null: every key of a stream that has no symbols. */
  readonly symbol: string | null;
  readonly from: number;
  readonly to: number;
  readonly bucketMs: number;
}

const chartAnswer = z.object({
  reduced: z.boolean(),
  bucket_ms: z.nullable(z.number()),
  /** `name` is the series or, without a symbol, the key. */
  data: z.array(z.object({ name: z.nullable(z.string()), columns: z.record(z.string(), z.array(z.unknown())) })),
});
export type ChartAnswer = z.infer<typeof chartAnswer>;

const problem = z.object({ detail: z.string() });

/** @throws Error with what the server says, or that it does not. */
export async function fetchChart(question: ChartQuestion, signal: AbortSignal): Promise<ChartAnswer> {
  const end = new AbortController();
  signal.addEventListener('abort', () => end.abort());
  const timer = setTimeout(() => end.abort(new Error('the server does not answer')), TIMEOUT_MS);
  try {
    return await answerOf(question, end.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function answerOf(question: ChartQuestion, signal: AbortSignal): Promise<ChartAnswer> {
  const { stream, symbol, from, to, bucketMs } = question;
  const query = new URLSearchParams({ from: String(from), to: String(to), bucket_ms: String(bucketMs) });
  if (symbol !== null) query.set('symbol', symbol);
  const response = await fetch(`/api/chart/${stream}?${query}`, {
    headers: { accept: 'application/json' },
    signal,
  });
  if (response.ok) return chartAnswer.parse(await response.json());
  const told = problem.safeParse(await response.json().catch(() => null));
  throw new Error(told.success ? told.data.detail : `the server answered with status ${response.status}`);
}
