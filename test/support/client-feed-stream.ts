/** One stream of the model that the client's machine is tried against: its rows, and the frames that they went out in. */
import type { Frame } from '../../shared/protocol.ts';
import { parseRange } from '../../shared/range.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';

/** A row of the model. The stream's first measured value is its id, so that a chart's contents tell which rows they are. */
export interface ModelRow {
  readonly id: number;
  /** Epoch ms. */
  readonly time: number;
  readonly key: string;
  readonly series: string | null;
}

/** The column in which the model's rows carry their id. */
export function valueColumn(stream: StreamName): string {
  const column = STREAMS[stream].values.find(({ kind }) => kind === 'decimal' || kind === 'float');
  if (column === undefined) throw new Error(`stream ${stream} has no measured value`);
  return column.name;
}

/** A range's length in ms. */
export function rangeMs(range: string): number {
  const parsed = parseRange(range);
  if (parsed?.kind !== 'window') throw new Error(`${range} is no length of time`);
  return parsed.ms;
}

interface SentFrame {
  readonly frame: Frame<'delta'>;
  readonly rows: readonly ModelRow[];
}

/** The table of a stream and the log of its frames. Positions are counts of frames. */
export class ModelStream {
  readonly name: StreamName;
  /** Frames up to this position are no longer in the server's log. */
  logFrom = 0;
  /** The frames up to this position cannot be replayed from the tables either. */
  tablesFrom = 0;
  readonly #sent: SentFrame[] = [];
  readonly #heads = new Map<string, string>();
  #epoch = 1;

  constructor(name: StreamName) {
    this.name = name;
  }

  get position(): number {
    return this.#sent.length;
  }

  cursor(position = this.position): string {
    return `${this.#epoch}.${this.name}.${position}`;
  }

  /** What a cursor says; null where it is none of this stream's. */
  parse(cursor: string): { readonly isOfThisEpoch: boolean; readonly position: number } | null {
    const match = /^(\d+)\.(\w+)\.(\d+)$/.exec(cursor);
    if (match === null || match[2] !== this.name) return null;
    return { isOfThisEpoch: Number(match[1]) === this.#epoch, position: Number(match[3]) };
  }

  head(key: string): string {
    return this.#heads.get(key) ?? this.cursor(0);
  }

  /** The database becomes another one with the same rows: no cursor of before means anything. */
  renew(): void {
    this.#epoch += 1;
    this.#heads.clear();
  }

  get keys(): readonly string[] {
    return [...new Set(this.#sent.flatMap(({ rows }) => rows.map(({ key }) => key)))];
  }

  /** Rows of a key at or after `from` (epoch ms). */
  rows(key: string, from = Number.NEGATIVE_INFINITY): readonly ModelRow[] {
    return this.#sent.flatMap(({ rows }) => rows.filter((row) => row.key === key && row.time >= from));
  }

  /** Commits rows of one key; the frame in which they go out. */
  commit(key: string, rows: readonly ModelRow[], now: number): Frame<'delta'> {
    const prev = this.head(key);
    const frame = this.#delta(key, prev, this.cursor(this.position + 1), rows, now);
    this.#sent.push({ frame, rows });
    this.#heads.set(key, frame.cursor);
    return frame;
  }

  snapshot(id: string, key: string, range: string, now: number): Frame<'snapshot'> {
    const rows = this.rows(key, now - rangeMs(range));
    const names = [...new Set(rows.map(({ series }) => series))];
    const series = names.map((name) => {
      const own = rows.filter((row) => row.series === name).sort((a, b) => a.time - b.time);
      const columns = { timestamp: own.map(({ time }) => time), [valueColumn(this.name)]: own.map((row) => row.id) };
      return { name, columns, arrived: now };
    });
    const rest = { from: now - rangeMs(range), to: now, reduced: false, bucket_ms: null, rows_total: rows.length };
    return { type: 'snapshot', id, stream: this.name, key, cursor: this.head(key), ...rest, series };
  }

  /** The frames after a position, as they were. */
  fromLog(position: number, keys: readonly string[] | null): Frame<'delta'>[] {
    return this.#missed(position, keys).map(({ frame }) => ({ ...frame, via: 'replay' }));
  }

  /** The rows after a position in frames of other sizes; at each channel's end one without rows that joins its live chain. */
  fromTables(position: number, keys: readonly string[] | null, now: number, random: () => number): Frame<'delta'>[] {
    const replayed: Frame<'delta'>[] = [];
    const rows = this.#missed(position, keys).flatMap((sent) => sent.rows);
    const ends = new Map<string, string>();
    const add = (key: string, cursor: string, part: readonly ModelRow[]): void => {
      const prev = ends.get(key) ?? this.cursor(position);
      ends.set(key, cursor);
      replayed.push({ ...this.#delta(key, prev, cursor, part, now), via: 'replay' });
    };
    while (rows.length > 0) {
      const key = rows[0]?.key ?? '';
      let count = 1;
      while (count < rows.length && rows[count]?.key === key && random() < 0.6) count += 1;
      add(key, `${this.cursor()}+${rows.length}`, rows.splice(0, count));
    }
    for (const key of [...ends.keys()]) add(key, this.head(key), []);
    return replayed;
  }

  #missed(position: number, keys: readonly string[] | null): readonly SentFrame[] {
    return this.#sent.slice(position).filter(({ frame }) => keys?.includes(frame.key) !== false);
  }

  #delta(key: string, prev: string, cursor: string, rows: readonly ModelRow[], time: number): Frame<'delta'> {
    const { series, key: keyColumn } = STREAMS[this.name];
    return {
      type: 'delta',
      stream: this.name,
      key,
      prev,
      cursor,
      time,
      via: 'notify',
      rows: rows.map((row) => ({
        id: row.id,
        timestamp: row.time,
        [keyColumn.name]: row.key,
        ...(series === null ? {} : { [series.name]: row.series }),
        [valueColumn(this.name)]: row.id,
      })),
    };
  }
}
