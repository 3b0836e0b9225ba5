/** The console where standard output is no terminal: a line whenever a figure or a state has changed. Pure. */
import { clockWithZone, NOTHING } from '../client/format.ts';
import type { Seen, SeenStream } from './board.ts';
import { clean } from './cells.ts';
import { connectionStanding, streamStanding } from './standing.ts';

/** Remembers what was printed last, so that only news is. */
export class PlainLines {
  #connection = '';
  readonly #streams = new Map<string, string>();

  /** The lines that are news, without line ends. */
  of(seen: Seen): readonly string[] {
    const lines: string[] = [];
    const time = clockWithZone(seen.now, 'utc');
    const connection = stateOnly(seen);
    if (connection !== this.#connection) lines.push(tidy(`${time}  ${clean(connectionStanding(seen).text)}`));
    this.#connection = connection;
    for (const stream of seen.streams) {
      const text = lineOf(stream, seen);
      if (text === this.#streams.get(stream.stream)) continue;
      this.#streams.set(stream.stream, text);
      // Before the first connection a stream has nothing to say.
      if (stream.state !== 'loading') lines.push(tidy(`${time}  ${text}`));
    }
    return lines;
  }
}

/** How the connection is, without what changes from second to second. */
function stateOnly({ feed, trouble, slowMs }: Seen): string {
  const away = feed === 'offline' || feed === 'connecting';
  return [away ? 'away' : feed, trouble !== null, slowMs !== null].join();
}

/** A stream's figure and state, without ages. */
function lineOf(stream: SeenStream, seen: Seen): string {
  const { card } = stream;
  const state = streamStanding(stream, seen).text.replace(/ \d.* ago$/, '');
  const of = [seen.choice.symbol, card?.source ?? ''].filter((word) => word !== '').join(' ');
  return clean(`${stream.stream}  ${of}  ${card?.label ?? stream.title} ${card?.value ?? NOTHING}  ${state}`);
}

const tidy = (line: string): string => line.replaceAll('\u00a0', ' ').trimEnd();
