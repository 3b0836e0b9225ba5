/** What the alerts remember of the rows: each line's newest, when each channel last had one, and which keys are followed. Pure. */
import { wireNumber } from '../../shared/columns.ts';
import type { StreamName } from '../../shared/streams.ts';
import { columnOf, type Rule, streamOf } from './rules.ts';

/** A value that a rule is held against, with its place. */
export interface Reading {
  readonly stream: StreamName;
  /** Empty where it is about all keys. */
  readonly key: string;
  readonly series: string | null;
  /** The row's own time (epoch ms); of a silence, when it began. */
  readonly time: number;
  /** In the unit of its column; ms for a latency, minutes for a silence. */
  readonly value: number;
}

type Row = Readonly<Record<string, unknown>>;

interface Line {
  readonly series: string | null;
  time: number;
  row: Row;
}

interface Followed {
  /** Null: every key. */
  readonly keys: ReadonlySet<string> | null;
  /** Since when, by key; of what is followed whole, of the stream. Steady clock. */
  readonly since: ReadonlyMap<string, number>;
  readonly wholeSince: number;
}

/** Lines of one stream that are remembered: the page draws far fewer. */
const MOST_LINES = 5000;

export class NewestRows {
  readonly #lines = new Map<StreamName, Map<string, Map<string | null, Line>>>();
  readonly #arrivals = new Map<StreamName, Map<string, number>>();
  readonly #followed = new Map<StreamName, Followed>();

  /** Which keys of a stream are followed from now on; null: all. What is remembered of others is forgotten. */
  watch(stream: StreamName, keys: readonly string[] | null, now: number): void {
    const before = this.#followed.get(stream);
    const followed = keys === null ? null : new Set(keys);
    const isKept = (key: string): boolean => followed === null || followed.has(key);
    const hasOld = before !== undefined && (before.keys === null || followed === null || [...before.keys].some(isKept));
    this.#followed.set(stream, {
      keys: followed,
      since: new Map((keys ?? []).map((key) => [key, before?.since.get(key) ?? now])),
      wholeSince: hasOld ? before.wholeSince : now,
    });
    for (const held of [this.#lines.get(stream), this.#arrivals.get(stream)]) {
      for (const key of held?.keys() ?? []) if (!isKept(key)) held?.delete(key);
    }
  }

  isWatched(stream: StreamName, key: string): boolean {
    const followed = this.#followed.get(stream);
    return followed !== undefined && (followed.keys === null || followed.keys.has(key));
  }

  /** Remembers a row, unless its line has a newer one by its own time; says which it is. */
  note(stream: StreamName, key: string, series: string | null, row: Row): 'newer' | 'same' | 'older' {
    const time = wireNumber(row.timestamp);
    if (time === null) return 'older';
    const byKey = this.#lines.get(stream) ?? new Map<string, Map<string | null, Line>>();
    this.#lines.set(stream, byKey);
    const bySeries = byKey.get(key) ?? new Map<string | null, Line>();
    const line = bySeries.get(series);
    if (line !== undefined && line.time > time) return 'older';
    if (line === undefined && Math.max(byKey.size, bySeries.size) >= MOST_LINES) return 'older';
    byKey.set(key, bySeries);
    bySeries.set(series, { series, time, row });
    return line?.time === time ? 'same' : 'newer';
  }

  /** A channel had a row at that time (steady clock). */
  arrive(stream: StreamName, key: string, at: number): void {
    const byKey = this.#arrivals.get(stream) ?? new Map<string, number>();
    this.#arrivals.set(stream, byKey);
    byKey.set(key, Math.max(at, byKey.get(key) ?? Number.NEGATIVE_INFINITY));
  }

  /**
   * When a channel, or any channel of a stream (null), last had a row; or since when it would have been seen. Null where it
   * is not followed. Steady clock.
   */
  arrivedAt(stream: StreamName, key: string | null): number | null {
    const followed = this.#followed.get(stream);
    const arrivals = this.#arrivals.get(stream);
    if (followed === undefined) return null;
    if (key === null) return newestOf(arrivals) ?? followed.wholeSince;
    if (!this.isWatched(stream, key)) return null;
    return arrivals?.get(key) ?? followed.since.get(key) ?? followed.wholeSince;
  }

  keys(stream: StreamName): readonly string[] {
    return [...(this.#lines.get(stream)?.keys() ?? [])];
  }

  lines(stream: StreamName, key: string): readonly Line[] {
    return [...(this.#lines.get(stream)?.get(key)?.values() ?? [])];
  }

  /** Whether a line (as the engine names it) is still of a key that is followed. */
  has(stream: StreamName, line: string): boolean {
    const named: unknown = JSON.parse(line);
    const key: unknown = Array.isArray(named) ? named[0] : null;
    return typeof key === 'string' && (key === '' || this.isWatched(stream, key));
  }

  /** The value of a row that a rule is held against; null where the rule is not about this row. */
  read(rule: Rule, stream: StreamName, key: string, series: string | null, row: Row): Reading | null {
    const column = columnOf(rule);
    if (column === null || streamOf(rule) !== stream || (rule.key !== null && rule.key !== key)) return null;
    const value = wireNumber(row[column]);
    const time = wireNumber(row.timestamp);
    return value === null || time === null ? null : { stream, key, series, time, value };
  }
}

function newestOf(arrivals: ReadonlyMap<string, number> | undefined): number | null {
  let newest: number | null = null;
  for (const at of arrivals?.values() ?? []) if (newest === null || at > newest) newest = at;
  return newest;
}
