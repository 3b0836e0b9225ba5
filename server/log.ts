/** The program's log: on standard error, as lines of JSON for machines, readable and sparing on a terminal. */
import { destination, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

const STANDARD_ERROR = 2;

/**
 * Opens the log. On a terminal it starts at warnings, elsewhere at info; with `debug` at debug everywhere. Written
 * synchronously, so that the last line before an exit is not lost.
 */
export function openLog({ debug, terminal }: { debug: boolean; terminal: boolean }): Logger {
  if (!terminal) return pino({ level: debug ? 'debug' : 'info' }, destination({ dest: STANDARD_ERROR, sync: true }));
  return pino(
    { level: debug ? 'debug' : 'warn' },
    pretty({ destination: STANDARD_ERROR, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }),
  );
}
