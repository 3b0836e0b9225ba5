/** What a chart shows as CSV: its rows in order of time, with every stored value and what was computed from them. Pure. */
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import { pageOfRows, rowCount, type ShownLine } from './rows.ts';

/** Spreadsheets take a text that begins so for a formula, and run it: somebody may have written one into a name. */
const FORMULA = /^[=+\-@\t\r\n]/;

function text(value: string | null): string {
  if (value === null) return '';
  if (value === '') return '""';
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Every digit of a double that names it; what is no number is an empty field. */
function number(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : String(value);
}

/** An epoch in ms as ISO 8601 in UTC, with microseconds. */
export function isoTime(time: number | undefined): string {
  if (time === undefined || !Number.isFinite(time)) return '';
  const micros = Math.round(time * 1000);
  const whole = Math.floor(micros / 1000);
  const date = new Date(whole);
  if (Number.isNaN(date.getTime())) return '';
  return date.toISOString().replace('Z', `${(micros - whole * 1000).toString().padStart(3, '0')}Z`);
}

/** The names of the derived columns, in the order in which lines first have them. */
function derivedLabels(lines: readonly ShownLine[]): readonly string[] {
  return [...new Set(lines.flatMap(({ derived }) => derived.map(({ label }) => label)))];
}

/** The key's value of a line: its symbol, or the name of a metric. */
export type KeyOf = (line: ShownLine) => string;

/**
 * The text of the file, oldest row first, as `GET /api/streams/{stream}/rows?format=csv` has it: a header, CRLF, quoted
 * where needed. Documents are not there; what is computed stands in further columns.
 */
export function csvOf(stream: StreamName, lines: readonly ShownLine[], keyOf: KeyOf): string {
  const { key, series, values } = STREAMS[stream];
  const labels = derivedLabels(lines);
  const head = ['timestamp', key.name, ...(series === null ? [] : [series.name]), ...values.map(({ name }) => name)];
  const out = [[...head, ...labels].map(text).join(',')];
  const rows = [...pageOfRows(lines, 0, rowCount(lines))].reverse();
  for (const { of, index } of rows) {
    const { line, derived } = of;
    const cells = values.map(({ name, kind }) => {
      // Of texts a line keeps the newest only.
      if (kind === 'text') return text(line.texts[name] ?? null);
      const value = line.columns[name]?.[index];
      return kind === 'timestamp' ? isoTime(value) : number(value);
    });
    const computed = labels.map((label) => number(derived.find((one) => one.label === label)?.value(index)));
    const names = [text(keyOf(of)), ...(series === null ? [] : [text(line.name)])];
    out.push([isoTime(line.times[index]), ...names, ...cells, ...computed].join(','));
  }
  return `${out.join('\r\n')}\r\n`;
}

/** A name for a file of what a chart shows: the stream, whose it is, and from when to when. */
export function fileName(
  stream: StreamName,
  symbols: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
  extension: string,
): string {
  const stamp = (time: number): string => new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const whose = STREAMS[stream].key.name === 'symbol' ? symbols.map((symbol) => symbol.replaceAll('/', '-')) : [];
  const name = [stream, ...whose, `${stamp(from)}Z`, `${stamp(to)}Z`].join('_');
  // No more than file systems take, and nothing that one of them refuses.
  return `${name.replaceAll(/[^\p{L}\p{N}_.-]/gu, '').slice(0, 180)}.${extension}`;
}
