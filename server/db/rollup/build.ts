/** Makes packs: chooses lines of hours until there is enough for one short transaction, and has the database pack them. */
import type { StreamDeclaration } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { type Cells, type Queryable, readCells } from '../queryable.ts';
import { type LinePart, type LineQueries, lineName, lineQueries, partOf } from './lines-sql.ts';
import { epochMs, instant, widthsOf } from './tables.ts';

/** Touched lines that are looked at in one transaction. */
const MOST_TOUCHED = 200;
/** Hours that are examined at once: as many as take about this long, in ms. */
const EXAMINE_MS = 150;

/** One line in one hour. */
interface LineHour {
  readonly key: string;
  readonly series: string | null;
  /** Epoch ms. */
  readonly hour: number;
  readonly rows: number;
}

/** What one call did. */
export interface Built {
  readonly packs: number;
  /** Whether anything was written at all. */
  readonly wrote: boolean;
}

const NOTHING: Built = { packs: 0, wrote: false };

/** The building side of one stream's rollups. Keeps in memory what was examined and is not packed yet. */
export class Builder {
  readonly #stream: StreamDeclaration;
  readonly #rowsAtOnce: number;
  readonly #partitioned: boolean;
  readonly #queries: LineQueries;
  /** Hours that are examined, with the lines that are to be packed still. */
  #queue: { readonly hour: number; lines: LineHour[] }[] = [];
  #hoursAtOnce = 4;

  constructor(stream: StreamDeclaration, rowsAtOnce: number, partitioned: boolean) {
    this.#partitioned = partitioned;
    this.#stream = stream;
    this.#rowsAtOnce = rowsAtOnce;
    this.#queries = lineQueries(stream);
  }

  /** Hours that are being examined (epoch ms): what comes to them meanwhile has to be noted as for examined ones. */
  get queued(): readonly number[] {
    return this.#queue.map(({ hour }) => hour);
  }

  /** Forgets what was examined, because it does not hold any more or may not have been committed. */
  forget(): void {
    this.#queue = [];
  }

  /** Goes on with the hours that were not examined yet, in the order given; what is done of them is written down. */
  async hours(db: Queryable, missing: readonly number[]): Promise<Built> {
    if (this.#queue.length === 0) await this.#examine(db, missing);
    if (this.#queue.length === 0) return NOTHING;
    const chosen: LineHour[] = [];
    const done: number[] = [];
    let room = this.#rowsAtOnce;
    for (const entry of this.#queue) {
      const { taken, left } = take(entry.lines, room);
      chosen.push(...taken);
      entry.lines = left;
      if (left.length > 0) break;
      done.push(entry.hour);
      room -= cost(taken);
    }
    this.#queue = this.#queue.filter(({ hour }) => !done.includes(hour));
    const packs = await this.#build(db, chosen);
    await db.query(
      `insert into ${OWN_SCHEMA}.rollup_hours (stream, hour)
       select $1, ${instant('ms_')} from unnest($2::float8[]) as a(ms_) on conflict do nothing`,
      [this.#stream.name, done],
    );
    return { packs, wrote: true };
  }

  /** Makes the packs of some lines again that have been quiet for a time. */
  async touched(db: Queryable, quietMs: number): Promise<Built> {
    const rows = await readCells(
      db,
      {
        text: `select key, line, ${epochMs('hour')}::text from ${OWN_SCHEMA}.rollup_touched
          where stream = $1 and touched_at <= now() - $2::float8 * interval '1 ms' order by hour desc limit ${MOST_TOUCHED}`,
      },
      [this.#stream.name, quietMs],
    );
    if (rows.length === 0) return NOTHING;
    const lines = rows.map(([key, line, hour]) => ({
      key: key ?? '',
      series: line == null || line === '' ? null : line.slice(1),
      hour: Number(hour),
      rows: 0,
    }));
    const { taken } = take(await this.#count(db, lines), this.#rowsAtOnce);
    const packs = await this.#build(db, taken);
    // Those that were counted before and wait for their packs have newer ones now.
    const made = new Set(taken.map(nameOf));
    for (const entry of this.#queue) entry.lines = entry.lines.filter((line) => !made.has(nameOf(line)));
    await db.query(
      `delete from ${OWN_SCHEMA}.rollup_touched t
       using unnest($2::text[], $3::text[], $4::float8[]) as a(key_, line_, ms_)
       where t.stream = $1 and t.key = key_ and t.line = line_ and t.hour = ${instant('ms_')}`,
      [
        this.#stream.name,
        taken.map(({ key }) => key),
        taken.map(({ series }) => lineName(series)),
        taken.map(({ hour }) => hour),
      ],
    );
    return { packs, wrote: true };
  }

  async #examine(db: Queryable, missing: readonly number[]): Promise<void> {
    const hours = missing.slice(0, this.#hoursAtOnce);
    if (hours.length === 0) return;
    const before = performance.now();
    const rows = this.#partitioned
      ? await this.#wholeHours(db, hours)
      : await readCells(db, { text: this.#queries.hours }, [hours]);
    const took = performance.now() - before;
    // Of few lines a week is looked at in one go, of many thousand an hour.
    if (took < EXAMINE_MS / 2) this.#hoursAtOnce = Math.min(this.#hoursAtOnce * 2, 256);
    else if (took > EXAMINE_MS) this.#hoursAtOnce = Math.max(1, Math.floor(this.#hoursAtOnce / 2));
    const lines = new Map<number, LineHour[]>(hours.map((hour) => [hour, []]));
    for (const [key, series, hour, count] of rows) {
      if (key == null) continue;
      lines.get(Number(hour))?.push({ key, series: series ?? null, hour: Number(hour), rows: Number(count) });
    }
    this.#queue = hours.map((hour) => ({ hour, lines: lines.get(hour) ?? [] }));
  }

  /** Of a table in parts, hours are read one by one: going through all lines would open every part for each of them. */
  async #wholeHours(db: Queryable, hours: readonly number[]): Promise<readonly Cells[]> {
    const rows: Cells[] = [];
    for (const hour of hours) rows.push(...(await readCells(db, { text: this.#queries.wholeHour(hour) })));
    return rows;
  }

  async #count(db: Queryable, lines: readonly LineHour[]): Promise<LineHour[]> {
    const counted: LineHour[] = [];
    for (const [part, some] of this.#parts(lines)) {
      const rows = await readCells(db, { text: this.#queries.count(part) }, bind(some));
      for (const [number, count] of rows) {
        const line = some[Number(number) - 1];
        if (line !== undefined) counted.push({ ...line, rows: Number(count) });
      }
    }
    return counted;
  }

  async #build(db: Queryable, lines: readonly LineHour[]): Promise<number> {
    let packs = 0;
    // Rows may have come since a line was counted, and have had packs of other widths made of it in between: a reader would take both.
    for (const [part, some] of this.#parts(lines)) await db.query(this.#queries.clear(part), [...bind(some)]);
    for (const width of [0, 180, 60, 15]) {
      const fitting = lines.filter(({ rows }) => widthsOf(rows).includes(width));
      for (const [part, some] of this.#parts(fitting)) {
        const { rowCount } = await db.query(this.#queries.build(part, width), [...bind(some)]);
        packs += rowCount ?? 0;
      }
    }
    return packs;
  }

  #parts(lines: readonly LineHour[]): ReadonlyMap<LinePart, LineHour[]> {
    const parts = new Map<LinePart, LineHour[]>();
    for (const line of lines) {
      const part = partOf(this.#stream, line.series);
      const some = parts.get(part);
      if (some === undefined) parts.set(part, [line]);
      else some.push(line);
    }
    return parts;
  }
}

const nameOf = ({ key, series, hour }: LineHour): string => JSON.stringify([key, series, hour]);

function bind(lines: readonly LineHour[]): readonly unknown[] {
  return [lines.map(({ key }) => key), lines.map(({ series }) => series), lines.map(({ hour }) => hour)];
}

function cost(lines: readonly LineHour[]): number {
  return lines.reduce((sum, { rows }) => sum + rows * widthsOf(rows).length, 0);
}

/** The first lines for which there is room, one at least. */
function take(lines: readonly LineHour[], room: number): { readonly taken: LineHour[]; readonly left: LineHour[] } {
  let used = 0;
  let end = 0;
  for (const line of lines) {
    used += cost([line]);
    if (end > 0 && used > room) break;
    end += 1;
  }
  return { taken: lines.slice(0, end), left: lines.slice(end) };
}
