/** Reads the newest row of each line of some channels. */
import { encodeCell } from '../../../shared/columns.ts';
import type { StreamDeclaration } from '../../../shared/streams.ts';
import { byName } from '../../feed/reduced.ts';
import type { Cells, Queryable } from '../queryable.ts';
import { readCells } from '../queryable.ts';
import { forEachPart, type IndexRange } from './ages.ts';
import type { Plan } from './plan.ts';
import type { WindowLine } from './window.ts';

/** Cells of a row as the queries answer it: number of its range, time, series, then the values. */
const SERIES_AT = 2;
const VALUES_AT = 3;

/** The newest rows as lines of one row, by key; keys without rows are left out. */
export async function readLatest(
  client: Queryable,
  plan: Plan,
  ranges: readonly IndexRange[],
): Promise<ReadonlyMap<string, readonly WindowLine[]>> {
  const { queries, stream } = plan;
  const found = new Map<string, WindowLine[]>();
  const add = (key: string, cells: Cells): void => {
    found.set(key, [...(found.get(key) ?? []), lineOf(stream, cells)]);
  };
  await forEachPart(ranges, async (part, bound, rangeOf) => {
    if (part === 'key' && stream.series !== null) return;
    for (const cells of await readCells(client, { text: queries.newest(part) }, bound))
      add(rangeOf(cells)?.key ?? '', cells);
  });
  if (!queries.lineByLine && stream.series !== null) await readOthers(client, plan, ranges, found, add);
  for (const lines of found.values()) lines.sort((a, b) => byName(a.name, b.name));
  return found;
}

/** Where no index knows the lines of a key: its newest row, then the newest of another line, until there is no other. */
async function readOthers(
  client: Queryable,
  { queries }: Plan,
  ranges: readonly IndexRange[],
  found: ReadonlyMap<string, readonly WindowLine[]>,
  add: (key: string, cells: Cells) => void,
): Promise<void> {
  let open = ranges;
  while (open.length > 0) {
    const rows = await readCells(client, { text: queries.newestOther }, [
      open.map(({ key }) => key),
      open.map(({ key }) => JSON.stringify((found.get(key) ?? []).map(({ name }) => name))),
    ]);
    const next = rows.flatMap((cells) => {
      const range = open[Number(cells[0]) - 1];
      return range === undefined ? [] : [{ range, cells }];
    });
    for (const { range, cells } of next) add(range.key, cells);
    open = next.map(({ range }) => range);
  }
}

function lineOf(stream: StreamDeclaration, cells: Cells): WindowLine {
  return {
    name: cells[SERIES_AT] ?? null,
    ids: [Number.NaN],
    times: [Number(cells[1])],
    columns: stream.values.map(({ kind }, index) => [encodeCell(kind, cells[VALUES_AT + index] ?? null)]),
    starts: [],
    counts: [],
    total: 1,
    reduced: false,
  };
}
