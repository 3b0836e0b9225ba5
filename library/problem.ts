/** Every way in which a request to the dashboard can fail, and how its problem documents (RFC 9457) are read. */
import { type Json, objectOf } from './rows.ts';

/** One thing that is wrong with what was sent: where (`17.z_score`: that field of the 18th row), and what is accepted. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/**
 * What went wrong. `invalid`: what was sent is not accepted, `faults` says why. `unauthorized`: a token is needed, or
 * another one. `forbidden`: this token may not. `unavailable`: the database is away, or the stream is off. `unreachable`
 * and `timeout`: nobody answers. `failed`: anything else.
 */
export type ErrorCode = 'invalid' | 'unauthorized' | 'forbidden' | 'unavailable' | 'unreachable' | 'timeout' | 'failed';

/** Every way in which a request can fail. Its message names the address and never the token. */
export class DashboardError extends Error {
  override readonly name = 'DashboardError';
  readonly code: ErrorCode;
  /** Of the answer; null where there was none. */
  readonly status: number | null;
  readonly faults: readonly Fault[];
  /** What would mend it, where the dashboard knows. */
  readonly mend: string | null;
  /** Ms after which it is worth another attempt, where the dashboard says so. */
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    details: Partial<Pick<DashboardError, 'status' | 'faults' | 'mend' | 'retryAfterMs'>> & { cause?: unknown } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.status = details.status ?? null;
    this.faults = details.faults ?? [];
    this.mend = details.mend ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** The error that an answer tells. */
export function problemOf(
  address: string,
  { status, statusText, headers }: Response,
  body: Json | null,
): DashboardError {
  const code = CODES.get(status) ?? (status >= 400 && status < 500 ? 'invalid' : 'failed');
  const detail = typeof body?.detail === 'string' ? body.detail : statusText;
  const given: unknown[] = Array.isArray(body?.errors) ? body.errors : [];
  const faults = given.flatMap((fault) => {
    const { path, message } = objectOf(fault) ?? {};
    return typeof path === 'string' && typeof message === 'string' ? [{ path, message }] : [];
  });
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return new DashboardError(code, `${address} answered ${status}: ${detail}`, {
    status,
    faults,
    mend: typeof body?.mend === 'string' ? body.mend : null,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : null,
  });
}

const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [503, 'unavailable'],
]);
