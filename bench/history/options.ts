/** What the benchmarks of the past are told on the command line: `--rows N --streams NAMES --database URL --restart COMMAND --keep`. */
import { parseArgs } from 'node:util';
import { isStreamName } from '../../shared/streams.ts';
import type { Extent } from './dataset.ts';

/** Where a benchmark takes its rows from, and how many they are. */
export interface HistoryOptions extends Extent {
  /** Rows of each of the two large tables. */
  readonly rows: number;
  /** A server on which databases may be made; null: one of the benchmark's own. */
  readonly serverUrl: string | null;
  /** Shell command that restarts the server of `serverUrl`, so that its cache is empty; null where there is none. */
  readonly restart: string | null;
  /** Whether databases stay for the next run. */
  readonly keep: boolean;
}

/** Reads the command line. Throws on anything that it does not know. */
export function historyOptions(usualRows: number): HistoryOptions {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: String(usualRows) },
      streams: { type: 'string' },
      database: { type: 'string' },
      restart: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const rows = Number(values.rows);
  if (!Number.isSafeInteger(rows) || rows < 10_000) {
    throw new RangeError(`--rows takes a whole number of at least 10000, not ${values.rows}`);
  }
  const streams = values.streams?.split(',') ?? null;
  const unknown = streams?.find((name) => !isStreamName(name));
  if (unknown !== undefined) throw new RangeError(`--streams takes names of streams, not ${unknown}`);
  return {
    rows,
    streams: streams?.filter(isStreamName) ?? null,
    serverUrl: values.database ?? null,
    restart: values.restart ?? null,
    keep: values.keep,
  };
}

/** The command that repeats the run; a server's address is left out, for it may carry a password. */
export function commandOf(name: string, { rows, streams, serverUrl }: HistoryOptions): string {
  const some = streams === null ? '' : ` --streams ${streams.join()}`;
  return `npm run bench -- ${name} --rows ${rows}${some}${serverUrl === null ? '' : ' --database URL'}`;
}
