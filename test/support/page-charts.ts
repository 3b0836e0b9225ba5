/** What the charts of an open page hold and show: read from the page's own store and from its canvases. */
import type pg from 'pg';
import type { Page } from 'playwright-core';
import { STREAM_NAMES, STREAMS, type StreamName } from '../../shared/streams.ts';

/** What a page's store says of itself. */
export interface PageStore {
  /** Left edge of the charts' window, epoch ms. */
  readonly from: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly charts: Readonly<Record<string, PageChart>>;
}

interface PageChart {
  readonly state: string;
  readonly lostFrom: number | null;
  /** Every row within the window and its value columns. */
  readonly rows: readonly {
    readonly key: string;
    readonly line: string | null;
    readonly time: number;
    readonly values: Readonly<Record<string, number>>;
  }[];
}

/** Reads the store of the page's application. It is found by its shape among what hangs on the root element. */
export function readStore(page: Page, rangeMs: number): Promise<PageStore> {
  return page.evaluate(
    ({ names, window }) => {
      interface Line {
        name: string | null;
        times: Float64Array;
        columns: Record<string, Float64Array>;
      }
      interface View {
        state: string;
        lostFrom: number | null;
        channels: { key: string; lines: Line[] }[];
      }
      interface Shape {
        stream(name: string): { peek(): View };
        counts(): Record<string, number>;
        viewNow: { peek(): number };
      }
      const isStore = (value: object): value is Shape =>
        ['stream', 'counts', 'setChartWidth'].every((name) => typeof Reflect.get(value, name) === 'function');
      const find = (): Shape => {
        const seen = new Set<unknown>();
        const queue: unknown[] = [];
        const root = document.getElementById('root');
        for (const name of Object.keys(root ?? {})) queue.push(Reflect.get(root ?? {}, name));
        for (const value of queue) {
          if (typeof value !== 'object' || value === null || value instanceof Node || seen.has(value)) continue;
          seen.add(value);
          if (isStore(value)) return value;
          queue.push(...Object.values(value));
        }
        throw new Error('the page holds no store');
      };
      const store = find();
      const from = store.viewNow.peek() - window;
      const chartOf = (name: string) => {
        const { state, lostFrom, channels } = store.stream(name).peek();
        const rows = channels.flatMap(({ key, lines }) =>
          lines.flatMap(({ name: line, times, columns }) =>
            [...times].map((time, index) => ({
              key,
              line,
              time,
              values: Object.fromEntries(
                Object.entries(columns).map(([column, values]) => [column, values[index] ?? Number.NaN]),
              ),
            })),
          ),
        );
        return { state, lostFrom, rows: rows.filter(({ time }) => time >= from) };
      };
      return {
        from,
        counts: store.counts(),
        charts: Object.fromEntries(names.map((name) => [name, chartOf(name)])),
      };
    },
    { names: Object.keys(STREAMS), window: rangeMs },
  );
}

/** The first value column that is drawn of a stream, which stands for its rows' contents. */
function comparedColumn(stream: StreamName): string {
  const column = STREAMS[stream].values.find(({ kind }) => kind === 'decimal' || kind === 'float');
  if (column === undefined) throw new Error(`stream ${stream} has no value to compare`);
  return column.name;
}

/** The rows of a chart as text, sorted. */
export function shownRows(store: PageStore, stream: StreamName): string[] {
  const rows = store.charts[stream]?.rows ?? [];
  return rows.map(({ key, line, time, values }) => [key, line, time, values[comparedColumn(stream)]].join(' ')).sort();
}

/** What `shownRows` has to be, by the table: of one symbol where the stream has symbols. */
export async function rowsInTable(
  client: pg.Client,
  stream: StreamName,
  symbol: string,
  from: number,
): Promise<string[]> {
  const { key, series } = STREAMS[stream];
  const { rows } = await client.query<{ key: string; line: string | null; time: string; value: number }>(
    `select ${key.name} as key, ${series?.name ?? 'null'} as line, (extract(epoch from "timestamp") * 1000)::text as time,
       ${comparedColumn(stream)}::float8 as value from ${stream}
     where ($2 or ${key.name} = $1) and extract(epoch from "timestamp") * 1000 >= $3`,
    [symbol, key.name !== 'symbol', from],
  );
  return rows.map(({ key: name, line, time, value }) => [name, line, Number(time), value].join(' ')).sort();
}

/** Streams whose chart has a hatched zone: a column of the alarm's colour from top to bottom marks where one begins. */
export function hatchedCharts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const probe = document.createElement('canvas').getContext('2d');
    if (probe === null) throw new Error('no canvas');
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--alarm');
    probe.fillRect(0, 0, 1, 1);
    const alarm = probe.getImageData(0, 0, 1, 1).data;
    const isHatched = (canvas: HTMLCanvasElement): boolean => {
      const { width, height } = canvas;
      const data = canvas.getContext('2d')?.getImageData(0, 0, width, height).data;
      if (data === undefined) return false;
      const counts = new Uint32Array(width);
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] !== alarm[0] || data[i + 1] !== alarm[1] || data[i + 2] !== alarm[2]) continue;
        const x = (i / 4) % width;
        counts[x] = (counts[x] ?? 0) + 1;
      }
      // The rest of the height is the time axis, and whatever is drawn across the edge.
      return counts.some((count) => count > height * 0.4);
    };
    return [...document.querySelectorAll<HTMLElement>('[data-stream]')]
      .filter((chart) => [...chart.querySelectorAll('canvas')].some(isHatched))
      .map((chart) => chart.dataset.stream ?? '');
  });
}

/**
 * Loads the page anew once it has noted how wide each chart's plot is, which it knows when rows have been drawn. From then on it
 * asks for no history of another width by itself. Every stream has to have rows.
 */
export async function reloadAtKnownWidths(page: Page): Promise<void> {
  await page.waitForFunction(
    (names) =>
      names.every((name) => Object.keys(localStorage).some((key) => key.startsWith(`alphapulse.columns.${name}.`))),
    STREAM_NAMES,
  );
  await page.reload();
}
