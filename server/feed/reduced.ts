/** The history of one channel as it is sent: its lines, reduced to what can be seen, as plain data and as JSON. */
import type { StreamDeclaration } from '../../shared/streams.ts';
import { TIME_COLUMN } from '../../shared/streams.ts';

/** A line of a channel: rows in order of (timestamp, id), a column at a time, all arrays of one length. */
export interface ReducedLine {
  /** The series, null where the stream has none or its rows name none. */
  readonly name: string | null;
  readonly ids: readonly number[];
  /** Epoch ms; microseconds are the fraction. */
  readonly times: readonly number[];
  /** JSON fragments of each value column, as the stream declares them. */
  readonly columns: readonly (readonly string[])[];
  /** Starts of buckets in epoch ms, ascending, with the rows that each had; empty where nothing was left out. */
  readonly starts: readonly number[];
  readonly counts: readonly number[];
  /** When its newest row was written (epoch ms, not after now); null where unknown. */
  readonly arrived: number | null;
  /** Median ms between arrivals over the last 24 h; null under three of them. */
  readonly spacingMs: number | null;
}

/** The history of one channel. */
export interface ReducedChannel {
  readonly key: string;
  /** Epoch ms; null for `latest`. Where reduced it is the edge of a bucket. */
  readonly from: number | null;
  readonly to: number | null;
  /** Whether rows of any line were left out for want of pixels. */
  readonly reduced: boolean;
  /** Width of a bucket, whether it was needed or not. */
  readonly bucketMs: number;
  /** Rows in the range before the reduction. */
  readonly rowsTotal: number;
  /** By name, the nameless last; only lines with rows in the range. */
  readonly lines: readonly ReducedLine[];
  /** Rows a minute of their timestamp: `counts[i]` for the minute from `from + i * 60000`, 60 of them, and more where there are rows to come. */
  readonly minutes: { readonly from: number; readonly counts: readonly number[] };
}

/** The JSON object of a line's columns: `timestamp` first, then the values as they are declared. */
export function encodeColumns(stream: StreamDeclaration, { times, columns }: ReducedLine): string {
  return encodeTexts(stream, [times.join(','), ...columns.map((column) => column.join(','))]);
}

function encodeTexts(stream: StreamDeclaration, texts: readonly string[]): string {
  const names = [TIME_COLUMN, ...stream.values].map(({ name }) => JSON.stringify(name));
  return `{${names.map((name, index) => `${name}:[${texts[index] ?? ''}]`).join(',')}}`;
}

/** A snapshot frame's JSON from its member `"from"` to the closing brace. */
export function encodeChannel(stream: StreamDeclaration, channel: ReducedChannel): string {
  return `${encodeSpan(channel)},${encodeBody(stream, channel)}`;
}

/** What of a snapshot frame changes as time passes: its members `from`, `to` and `minutes`. */
export function encodeSpan({ from, to, minutes }: ReducedChannel): string {
  return `"from":${from},"to":${to},"minutes":${JSON.stringify(minutes)}`;
}

/**
 * What of it changes with its rows alone: from its member `"reduced"` to the closing brace.
 *
 * @param texts for each line, where that is at hand, the JSON of its times and of each column, without brackets.
 */
export function encodeBody(
  stream: StreamDeclaration,
  channel: ReducedChannel,
  texts: readonly (readonly string[])[] = [],
): string {
  const lines = channel.lines.map((line, index) => {
    const own = texts[index];
    const columns = own === undefined ? encodeColumns(stream, line) : encodeTexts(stream, own);
    return (
      `{"name":${JSON.stringify(line.name)},"columns":${columns},` +
      `"arrived":${line.arrived},"spacing_ms":${line.spacingMs}}`
    );
  });
  return (
    `"reduced":${channel.reduced},"bucket_ms":${channel.reduced ? channel.bucketMs : null},"rows_total":${channel.rowsTotal},` +
    `"series":[${lines.join(',')}]}`
  );
}

/** Order of code units, in which every program sorts alike; null last. */
export function byName(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
