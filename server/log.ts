/** The program's log: on standard error, as lines of JSON for machines, readable and sparing on a terminal. */
import { destination, type Logger, pino } from 'pino';

const STANDARD_ERROR = 2;

/**
 * An error as it stands in the log: what it says and where it came from, and nothing of what hangs on it. Errors of the
 * database driver carry the whole connection with them, secrets included.
 */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack } = error;
  const parts = error instanceof AggregateError ? { errors: error.errors.map(describeError) } : {};
  const code = 'code' in error ? { code: String(error.code) } : {};
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  return { type: name, message, ...code, stack, ...parts, ...cause };
}

const serializers = { err: describeError };

/**
 * Opens the log. On a terminal it starts at warnings, elsewhere at info; with `debug` at debug everywhere. Written
 * synchronously, so that the last line before an exit is not lost.
 */
export async function openLog({ debug, terminal }: { debug: boolean; terminal: boolean }): Promise<Logger> {
  if (!terminal)
    return pino({ level: debug ? 'debug' : 'info', serializers }, destination({ dest: STANDARD_ERROR, sync: true }));
  // Imported here, because a server that nobody watches keeps it in memory for nothing.
  const { default: pretty } = await import('pino-pretty');
  return pino(
    { level: debug ? 'debug' : 'warn', serializers },
    pretty({ destination: STANDARD_ERROR, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }),
  );
}
