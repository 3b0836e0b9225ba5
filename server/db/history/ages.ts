/** How fresh and how busy channels are: rows by minute over the last hour, when each line's newest row was written, and how far apart its rows come. */

import { MINUTE_MS, MINUTES, MINUTES_AHEAD } from '../../feed/window.ts';
import { arrivalRows, type Part } from '../history-sql.ts';
import type { Cells, Queryable } from '../queryable.ts';
import { readCells } from '../queryable.ts';
import type { Plan } from './plan.ts';

/** Rows that tell when the newest of a line was written: those that are dated later may have been written before. */
const NEWEST_ROWS = 20;

/** A range of an index: a line of a channel, or all of it. */
export interface IndexRange {
  readonly key: string;
  readonly part: Part;
  readonly series: string | null;
}

/** When a line's newest row was written (epoch ms, not after now), and the median ms between its arrivals. */
export interface Age {
  readonly arrived: number;
  readonly spacingMs: number | null;
}

/** What is known of one channel. */
export interface ChannelAges {
  /** Rows of each minute from the plan's `minutesFrom` on. */
  readonly counts: number[];
  /** By series. */
  readonly lines: Map<string | null, Age>;
}

/** The ranges that channels are read by: their lines where an index knows these, else whole keys. */
export async function indexRanges(
  client: Queryable,
  { queries }: Plan,
  keys: readonly string[],
): Promise<readonly IndexRange[]> {
  if (!queries.lineByLine) return keys.map((key) => ({ key, part: 'key', series: null }));
  const rows = await readCells(client, { text: queries.lines }, [keys]);
  return rows.map(([key, series]) => ({
    key: key ?? '',
    part: series == null ? 'nameless' : 'line',
    series: series ?? null,
  }));
}

/** Calls `read` for the ranges of each kind with what its query binds first, and gives it the range of each row. */
export async function forEachPart(
  ranges: readonly IndexRange[],
  read: (
    part: Part,
    bound: readonly [readonly string[], readonly (string | null)[]],
    rangeOf: (cells: Cells) => IndexRange | undefined,
  ) => Promise<void>,
): Promise<void> {
  for (const part of ['key', 'line', 'nameless'] as const) {
    const own = ranges.filter((range) => range.part === part);
    if (own.length === 0) continue;
    await read(
      part,
      [own.map(({ key }) => key), own.map(({ series }) => series)],
      (cells) => own[Number(cells[0]) - 1],
    );
  }
}

/** Reads the ages of channels, by key. */
export async function readAges(
  client: Queryable,
  plan: Plan,
  ranges: readonly IndexRange[],
): Promise<ReadonlyMap<string, ChannelAges>> {
  const { queries, minutesFrom } = plan;
  const minutes = MINUTES + MINUTES_AHEAD;
  const ages = new Map<string, ChannelAges>();
  for (const { key } of ranges) ages.set(key, { counts: new Array<number>(minutes).fill(0), lines: new Map() });
  await forEachPart(ranges, async (part, bound, rangeOf) => {
    for (const cells of await readCells(client, { text: queries.minutes(part) }, [...bound, minutesFrom])) {
      const counts = ages.get(rangeOf(cells)?.key ?? '')?.counts ?? [];
      const minute = Number(cells[1]) - minutesFrom / MINUTE_MS;
      if (minute < minutes) counts[minute] = (counts[minute] ?? 0) + Number(cells[2]);
    }
  });
  // Where spacings are remembered, the newest few rows tell the rest.
  const known = ranges
    .filter((range) => range.part !== 'key' || plan.stream.series === null)
    .filter(isRemembered(plan));
  await readArrivals(client, plan, known, NEWEST_ROWS, ages);
  const rest = ranges.filter((range) => !known.includes(range));
  await readArrivals(client, plan, rest, arrivalRows(rest.length), ages);
  return ages;
}

/** The age of a line that is not among the newest rows of its key; null where its rows do not tell. */
export async function readLineAge(
  client: Queryable,
  plan: Plan,
  key: string,
  series: string | null,
): Promise<Age | null> {
  const ages = new Map<string, ChannelAges>([[key, { counts: [], lines: new Map() }]]);
  const line: IndexRange = { key, series, part: series === null ? 'nameless' : 'line' };
  await readArrivals(client, plan, [line], arrivalRows(1), ages);
  return ages.get(key)?.lines.get(series) ?? null;
}

function isRemembered({ spacings, now }: Plan): (range: IndexRange) => boolean {
  return ({ key, series }) => spacings?.get(key, series, now) !== undefined;
}

async function readArrivals(
  client: Queryable,
  { queries, now, margins, spacings }: Plan,
  ranges: readonly IndexRange[],
  rows: number,
  ages: ReadonlyMap<string, ChannelAges>,
): Promise<void> {
  await forEachPart(ranges, async (part, bound, rangeOf) => {
    for (const cells of await readCells(client, { text: queries.arrivals(part) }, [...bound, now, rows])) {
      const key = rangeOf(cells)?.key ?? '';
      const series = cells[1] ?? null;
      const age = ageOf(cells, margins ? Number.POSITIVE_INFINITY : now);
      const remembered = rows === NEWEST_ROWS ? spacings?.get(key, series, now) : undefined;
      if (remembered === undefined) spacings?.tell(key, series, age.spacingMs, now);
      ages.get(key)?.lines.set(series, remembered === undefined ? age : { ...age, spacingMs: remembered });
    }
  });
}

function ageOf([, , arrived, spacing]: Cells, latest: number): Age {
  return { arrived: Math.min(Number(arrived), latest), spacingMs: spacing == null ? null : Number(spacing) };
}
