/** What of a reader's view stands in the address: hidden lines, variants, the chart that has the whole screen. Pure. */
import { isStreamName, type StreamName } from '../../shared/streams.ts';
import type { LineChoice } from './lineset.ts';

/** What a link reproduces beside symbol, range, zoom and comparison. */
export interface ReadingQuery {
  readonly lines: ReadonlyMap<StreamName, LineChoice>;
  /** Ids of the variants that are not the first of their chart. */
  readonly variants: ReadonlyMap<StreamName, string>;
  readonly full: StreamName | null;
}

/** More names than this, or longer ones, are no view that somebody made by hand. */
const MOST_NAMES = 100;
const LONGEST = 200;

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text);
  } catch {
    // A link that was cut off in the middle of a letter.
    return null;
  }
};

/** `funding_rates:okx,bybit` as stream and names; null where it is no such thing. */
function parsePart(part: string): readonly [StreamName, readonly string[]] | null {
  const at = part.indexOf(':');
  const stream = part.slice(0, at);
  if (at < 0 || !isStreamName(stream)) return null;
  const names = part
    .slice(at + 1)
    .split(',')
    .slice(0, MOST_NAMES)
    .map(decode)
    .filter((name): name is string => name !== null && name !== '' && name.length <= LONGEST);
  return [stream, [...new Set(names)]];
}

/** Commas and percent signs of a name are written out, so that names can be told apart. */
const formatPart = (stream: StreamName, names: readonly string[]): string =>
  `${stream}:${names.map((name) => name.replaceAll(/[%,]/g, (letter) => encodeURIComponent(letter))).join(',')}`;

/** Reads a query string. What it cannot mean is left out. */
export function parseReading(query: string): ReadingQuery {
  const parameters = new URLSearchParams(query);
  const lines = new Map<StreamName, LineChoice>();
  for (const kind of ['hide', 'only'] as const) {
    for (const value of parameters.getAll(kind)) {
      const part = parsePart(value);
      if (part !== null && (part[1].length > 0 || kind === 'only')) lines.set(part[0], { kind, names: part[1] });
    }
  }
  const variants = new Map<StreamName, string>();
  for (const value of parameters.getAll('variant')) {
    const [stream, [id] = []] = parsePart(value) ?? [];
    if (stream !== undefined && id !== undefined) variants.set(stream, id);
  }
  const full = parameters.get('full') ?? '';
  return { lines, variants, full: isStreamName(full) ? full : null };
}

/** The query string (without question mark) with these choices, and every other parameter as it was. */
export function formatReading(query: string, { lines, variants, full }: ReadingQuery): string {
  const parameters = new URLSearchParams(query);
  for (const name of ['hide', 'only', 'variant', 'full']) parameters.delete(name);
  for (const [stream, { kind, names }] of lines)
    if (names.length > 0 || kind === 'only') parameters.append(kind, formatPart(stream, names));
  for (const [stream, id] of variants) parameters.append('variant', formatPart(stream, [id]));
  if (full !== null) parameters.set('full', full);
  return parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',');
}
