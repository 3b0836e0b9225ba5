/** Asks the server for stored rows: `GET /api/streams/{stream}/rows`. Reads no more of an answer than a page can show. */
import * as z from 'zod/mini';
import type { StreamName } from '../../shared/streams.ts';
import type { StoredRow } from './details.ts';

const TIMEOUT_MS = 20_000;
/** Documents may be of any size; beyond so many bytes the answer is not read on. */
const MOST_BYTES = 4_000_000;

const answer = z.object({
  rows: z.array(z.record(z.string(), z.unknown())),
  next_cursor: z.nullable(z.string()),
});
const problem = z.object({ detail: z.string(), mend: z.optional(z.string()) });

/** A page of rows, newest first. */
export interface RowsPage {
  readonly rows: readonly StoredRow[];
  readonly cursor: string | null;
}

/** The address of a query's rows, for a link. */
export function rowsAddress(stream: StreamName, query: string): string {
  return `/api/streams/${stream}/rows?${query}`;
}

/** The answer is larger than is read here. */
export class TooLarge extends Error {
  constructor() {
    super(`The answer is larger than ${MOST_BYTES / 1e6} MB.`);
  }
}

/** @throws Error with a sentence that a visitor can be told: what is wrong, and what mends it. */
export async function fetchRows(stream: StreamName, query: string, signal: AbortSignal): Promise<RowsPage> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  signal.addEventListener('abort', stop);
  const timer = setTimeout(stop, TIMEOUT_MS);
  try {
    const response = await reach(rowsAddress(stream, query), end.signal);
    if (!response.ok) throw new Error(await refusalOf(response));
    const { rows, next_cursor } = answer.parse(JSON.parse(await textOf(response, end)));
    return { rows, cursor: next_cursor };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function reach(address: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, { headers: { accept: 'application/json' }, signal });
  } catch {
    throw new Error('The server does not answer. Try again once the page is connected.');
  }
}

async function textOf(response: Response, end: AbortController): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > MOST_BYTES) {
      end.abort();
      throw new TooLarge();
    }
    text += decoder.decode(value, { stream: true });
  }
}

async function refusalOf(response: Response): Promise<string> {
  const told = problem.safeParse(await response.json().catch(() => null));
  if (!told.success) return `The server answered with status ${response.status}. Try again in a while.`;
  const { detail, mend } = told.data;
  return mend === undefined ? detail : `${detail} ${mend}`;
}
