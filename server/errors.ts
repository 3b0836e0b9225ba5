/** Errors with a code, the offending value and the mend. */

/** What went wrong, with which value, and what mends it. Never put a secret into `value`. */
export class CodedError extends Error {
  readonly code: string;
  readonly value: unknown;
  readonly mend: string | undefined;

  constructor(code: string, message: string, details: { value?: unknown; mend?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'CodedError';
    this.code = code;
    this.value = details.value;
    this.mend = details.mend;
  }
}

/** The message of anything that was thrown. Node's aggregate of refused connections has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
