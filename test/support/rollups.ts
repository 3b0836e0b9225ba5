/** Holds the packs of a stream's rollups against the rows of its table, reduced in memory by another program than made them. */
import type pg from 'pg';
import { expect } from 'vitest';
import { readBinary, textCell } from '../../server/db/binary-rows.ts';
import { isDrawn } from '../../server/db/history/m4-sql.ts';
import { unpack } from '../../server/db/history/pack.ts';
import { readCells } from '../../server/db/queryable.ts';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { HOUR_MS, widthsOf } from '../../server/db/rollup/tables.ts';
import { chartNumber, encodeCell, selectExpression } from '../../shared/columns.ts';
import { m4 } from '../../shared/m4.ts';
import type { StreamDeclaration } from '../../shared/streams.ts';

/** No hour and no line waits. */
export const AT_ONCE = { settledMs: 0, quietMs: 0, windowMs: 8 * 24 * HOUR_MS, rowsAtOnce: 150_000, rest: 1 } as const;

/** Whether a table has chunks or partitions, as a server asks it before it keeps rollups. */
async function hasParts(client: pg.Client, { table }: StreamDeclaration): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_inherits where inhparent = to_regclass($1) limit 1', [table]);
  return rowCount === 1;
}

/** Steps until nothing is left to do. */
export async function settle(client: pg.Client, rollup: StreamRollup): Promise<void> {
  for (let steps = 0; steps < 500; steps += 1) {
    const { kind } = await rollup.step(client);
    if (kind === 'idle' || kind === 'unfit') return;
  }
  throw new Error('the rollups never came to rest');
}

/** Settled rollups of a stream, by a maintainer that keeps nothing in memory from before. */
export async function settled(client: pg.Client, stream: StreamDeclaration): Promise<void> {
  await settle(client, new StreamRollup(stream, AT_ONCE, await hasParts(client, stream)));
}

interface RawLine {
  readonly ids: number[];
  readonly times: number[];
  readonly cells: (string | null)[][];
}

/** What was compared, so that a test can say that it was something. */
export interface Compared {
  readonly packs: number;
  /** Lines and hours that have rows enough for a pack, and none. */
  readonly holes: readonly string[];
}

/**
 * Compares every pack that a reader may take with the rows that are visible at the position. Throws on the first that
 * differs; where a stream has no position, no pack may be taken.
 */
export async function comparePacks(client: pg.Client, stream: StreamDeclaration): Promise<Compared> {
  await client.query('begin isolation level repeatable read read only');
  try {
    return await compare(client, stream);
  } finally {
    await client.query('rollback');
  }
}

async function compare(client: pg.Client, stream: StreamDeclaration): Promise<Compared> {
  const [state] = await readCells(
    client,
    { text: 'select position from alphapulse_dashboard.rollup_state where stream = $1' },
    [stream.name],
  );
  if (state === undefined) return { packs: 0, holes: [] };
  const notes = await readCells(
    client,
    {
      text: `select (extract(epoch from from_time) * 1000)::text, (extract(epoch from to_time) * 1000)::text
        from alphapulse_dashboard.rollup_doubts where stream = $1`,
    },
    [stream.name],
  );
  const ranges = notes.map(([from, to]) => ({ from: Number(from), to: Number(to) }));
  const believed = (hour: number): boolean => !ranges.some(({ from, to }) => hour <= to && hour + HOUR_MS > from);
  const raw = await readRaw(client, stream, state[0] ?? '');
  const packs = await readBinary(
    client,
    `select columns, key, line, (extract(epoch from hour) * 1000)::text, width::text, rows::text
      from alphapulse_dashboard.rollups where stream = $1`,
    [stream.name],
  );
  let compared = 0;
  const there = new Map<string, number[]>();
  for (const [columns, ...cells] of packs) {
    const [key, line, hourText, width, rows] = cells.map(textCell);
    const hour = Number(hourText);
    if (!believed(hour)) continue;
    const name = `${key} ${line} ${hour}`;
    there.set(name, [...(there.get(name) ?? []), Number(width)]);
    const of = raw.get(name) ?? { ids: [], times: [], cells: [] };
    const what = `${stream.name} ${name} width ${width}`;
    expect(Number(rows), `rows of ${what}`).toBe(of.ids.length);
    const kept = Number(width) === 0 ? of.ids.map((_, at) => at) : keptOf(stream, of, Number(width) * 1000);
    const pack = columns == null ? null : unpack(stream, [columns]);
    if (pack === null) throw new Error(`no pack in ${what}`);
    expect([...pack.ids], `ids of ${what}`).toEqual(kept.map((at) => of.ids[at]));
    expect([...pack.times], `times of ${what}`).toEqual(kept.map((at) => of.times[at]));
    stream.values.forEach((column, index) => {
      // A decimal keeps its digits; any other number may be written in another way.
      const value = (json: string): unknown => (column.kind === 'decimal' ? json : JSON.parse(json));
      const expected = kept.map((at) => value(encodeCell(column.kind, of.cells[at]?.[index] ?? null)));
      const actual = kept.map((_, at) => value(pack.values[index]?.json(at) ?? ''));
      expect(actual, `${column.name} of ${what}`).toEqual(expected);
    });
    compared += 1;
  }
  // A reader takes every pack of a fitting width: two would be the hour's rows twice.
  for (const [name, widths] of there)
    expect(widths.includes(0) && widths.length > 1, `packs of two kinds in ${name}`).toBe(false);
  const holes = [...raw].flatMap(([name, { ids }]) => {
    const widths = there.get(name) ?? [];
    const wanted = widthsOf(ids.length);
    const whole = wanted.length === widths.length && wanted.every((width) => widths.includes(width));
    return whole ? [] : [`${name}: ${ids.length} rows, widths ${widths.join()}`];
  });
  return { packs: compared, holes };
}

async function readRaw(
  client: pg.Client,
  stream: StreamDeclaration,
  position: string,
): Promise<ReadonlyMap<string, RawLine>> {
  const rows = await readCells(
    client,
    {
      text: `select ${stream.key.name}, ${stream.series === null ? 'null' : stream.series.name},
          id::text, ${selectExpression({ name: 'timestamp', kind: 'timestamp', required: true, sqlType: '' })},
          ${stream.values.map((column) => selectExpression(column)).join(', ')}
        from ${stream.table} t where dashboard_xid is null or pg_visible_in_snapshot(dashboard_xid, $1::pg_snapshot)
        order by t."timestamp", t.id`,
    },
    [position],
  );
  const raw = new Map<string, RawLine>();
  for (const [key, series, id, time, ...cells] of rows) {
    const at = Number(time);
    if (!Number.isFinite(at)) continue;
    const name = `${key} ${series == null ? '' : `:${series}`} ${Math.floor(at / HOUR_MS) * HOUR_MS}`;
    const line = raw.get(name) ?? { ids: [], times: [], cells: [] };
    raw.set(name, line);
    line.ids.push(Number(id));
    line.times.push(at);
    line.cells.push(cells);
  }
  return raw;
}

function keptOf(stream: StreamDeclaration, { times, cells }: RawLine, bucketMs: number): number[] {
  const drawn = stream.values.flatMap((column, index) => (isDrawn(column) ? [index] : []));
  const number = (text: string | null | undefined): number | null => (text == null ? null : chartNumber(Number(text)));
  return m4({ times, values: drawn.map((index) => cells.map((row) => number(row[index]))) }, bucketMs);
}
