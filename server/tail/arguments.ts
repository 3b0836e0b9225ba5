/** What the arguments of `tail` ask for. */
import type { Detail } from '../../shared/rows.ts';
import { isStreamName, STREAM_NAMES, type StreamName } from '../../shared/streams.ts';

/** The arguments, parsed; what the environment adds comes in `target.ts`. */
export interface TailArguments {
  readonly streams: readonly StreamName[];
  /** Null: every key. */
  readonly keys: readonly string[] | null;
  readonly since: ReadonlyMap<StreamName, string>;
  readonly detail: Detail;
  readonly url: string | null;
  readonly token: string | null;
  readonly cursorFile: string | null;
  /** How long to try for the first connection, in ms. */
  readonly waitMs: number;
  /** Age in ms from which a stream's newest row is worth a line; null for none. */
  readonly staleMs: number | null;
  readonly verbose: boolean;
}

/** The flags of `tail`. */
export const TAIL_FLAGS = {
  key: 'list',
  url: 'value',
  since: 'list',
  token: 'value',
  values: 'switch',
  'cursor-file': 'value',
  wait: 'value',
  stale: 'value',
  verbose: 'switch',
} as const;

/** What `--help` says of the flags and the environment of `tail`. */
export const TAIL_HELP = `Flags of tail:
  --key KEY          rows of that symbol (of system_metrics: that metric) alone; may be repeated
  --url URL          the server, http(s) or ws(s) (instead of DASHBOARD_HOST and DASHBOARD_PORT)
  --token SECRET     what the server wants to be shown (instead of ALPHAPULSE_TOKEN, which no list of processes shows)
  --since CURSOR     go on exactly where an earlier run ended; with several streams STREAM=CURSOR, repeated
  --cursor-file FILE keep the place in a file, and go on from it
  --values           leave out documents and created_at
  --wait SECONDS     how long to try for a first connection (default 10)
  --stale SECONDS    say on standard error when a stream has had no new row for so long
  --verbose          say on standard error what was made good, too
`;

const WAIT_SECONDS = 10;

/** What was given on the command line, sorted by kind of flag. */
export interface GivenFlags {
  readonly switches: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the arguments behind `tail`.
 *
 * @param names the positional arguments.
 * @param faults receives a sentence for each thing that is wrong; the result is then of no use.
 */
export function tailArguments(names: readonly string[], given: GivenFlags, faults: string[]): TailArguments {
  const streams: StreamName[] = [];
  for (const name of names) {
    if (!isStreamName(name)) {
      faults.push(`Unknown stream ${JSON.stringify(name)}; accepted are ${STREAM_NAMES.join(', ')}.`);
    } else if (!streams.includes(name)) streams.push(name);
  }
  if (names.length === 0) faults.push(`tail needs a stream; accepted are ${STREAM_NAMES.join(', ')}.`);
  const keys = given.lists.get('key') ?? null;
  const cursorFile = given.values.get('cursor-file') ?? null;
  const since = sinceOf(given.lists.get('since') ?? [], streams, faults);
  if (cursorFile !== null && since.size > 0) faults.push('--since and --cursor-file contradict each other.');
  const ms = (flag: 'wait' | 'stale', text: string): number => {
    if (!/^\d{1,7}(\.\d{1,3})?$/.test(text))
      faults.push(`--${flag} ${JSON.stringify(text)}: accepted is a number of seconds.`);
    return Number(text) * 1000;
  };
  const stale = given.values.get('stale');
  return {
    streams,
    keys: keys === null ? null : [...new Set(keys)],
    since,
    detail: given.switches.has('values') ? 'values' : 'full',
    url: given.values.get('url') ?? null,
    token: given.values.get('token') ?? null,
    cursorFile,
    waitMs: ms('wait', given.values.get('wait') ?? String(WAIT_SECONDS)),
    staleMs: stale === undefined ? null : ms('stale', stale),
    verbose: given.switches.has('verbose'),
  };
}

/** Cursors by stream. One without a stream's name is that of the only stream. */
function sinceOf(texts: readonly string[], streams: readonly StreamName[], faults: string[]): Map<StreamName, string> {
  const since = new Map<StreamName, string>();
  const note = (stream: StreamName, cursor: string): void => {
    if (since.has(stream)) faults.push(`--since is given twice for ${stream}.`);
    since.set(stream, cursor);
  };
  for (const text of texts) {
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(equals, 0));
    const [only] = streams;
    if (isStreamName(name)) {
      if (!streams.includes(name)) faults.push(`--since names ${name}, which is not followed.`);
      else note(name, text.slice(equals + 1));
    } else if (streams.length === 1 && only !== undefined) note(only, text);
    else if (streams.length > 1) faults.push('--since with several streams is --since STREAM=CURSOR, once for each.');
  }
  return since;
}
