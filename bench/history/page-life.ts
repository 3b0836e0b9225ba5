/** What a page that has been open for long holds, what it weighs, and whether it shows what a fresh one shows. */
import type { CDPSession, Page } from 'playwright-core';
import { z } from 'zod';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAM_LIST, type StreamDeclaration } from '../../shared/streams.ts';
import { type PageStore, readStore } from '../../test/support/page-charts.ts';

const usage = z.object({ usedSize: z.number(), backingStorageSize: z.number().optional() });
const metrics = z.object({ metrics: z.array(z.object({ name: z.string(), value: z.number() })) });

/** A page's memory after its garbage was collected, in bytes, and its number of DOM nodes and event listeners. */
export interface Weight {
  readonly heap: number;
  /** Memory of typed arrays, which lies outside the heap. */
  readonly arrays: number;
  readonly nodes: number;
  readonly listeners: number;
}

/** Weighs a page through its session of the browser's own protocol. */
export async function weigh(session: CDPSession): Promise<Weight> {
  await session.send('Performance.enable');
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize } = usage.parse(await session.send('Runtime.getHeapUsage'));
  const counted = metrics.parse(await session.send('Performance.getMetrics'));
  const count = (wanted: string): number => counted.metrics.find(({ name }) => name === wanted)?.value ?? Number.NaN;
  return {
    heap: usedSize,
    arrays: backingStorageSize ?? Number.NaN,
    nodes: count('Nodes'),
    listeners: count('JSEventListeners'),
  };
}

/** What a page's store holds, by stream. */
export interface Held {
  /** Rows of all streams. */
  readonly rows: number;
  /** The newest time, epoch ms. */
  readonly newest: Readonly<Record<string, number>>;
  /** Time of a pixel column in ms, at which the rows are reduced. */
  readonly bucketMs: Readonly<Record<string, number>>;
}

/** Reads what a page's store holds. */
export async function held(page: Page): Promise<Held> {
  return await page.evaluate(
    (names) => {
      interface Shape {
        stream(name: string): { peek(): { bucketMs: number; channels: { lines: { times: Float64Array }[] }[] } };
      }
      const isStore = (value: object): value is Shape =>
        ['stream', 'counts', 'setChartWidth'].every((name) => typeof Reflect.get(value, name) === 'function');
      // The store hangs somewhere below the root element; it is looked for once.
      const known: unknown = Reflect.get(window, 'benchStore');
      let store = typeof known === 'object' && known !== null && isStore(known) ? known : null;
      const root = document.getElementById('root');
      const seen = new Set<unknown>();
      const queue: unknown[] =
        store === null ? Object.keys(root ?? {}).map((name) => Reflect.get(root ?? {}, name)) : [];
      for (const value of queue) {
        if (typeof value !== 'object' || value === null || value instanceof Node || seen.has(value)) continue;
        seen.add(value);
        if (isStore(value)) {
          store = value;
          break;
        }
        queue.push(...Object.values(value));
      }
      if (store === null) throw new Error('the page holds no store');
      Reflect.set(window, 'benchStore', store);
      let rows = 0;
      const newest: Record<string, number> = {};
      const bucketMs: Record<string, number> = {};
      for (const name of names) {
        const view = store.stream(name).peek();
        bucketMs[name] = view.bucketMs;
        for (const { lines } of view.channels) {
          for (const { times } of lines) {
            rows += times.length;
            newest[name] = Math.max(newest[name] ?? Number.NEGATIVE_INFINITY, times[times.length - 1] ?? Number.NaN);
          }
        }
      }
      return { rows, newest, bucketMs };
    },
    STREAM_LIST.map(({ name }) => name),
  );
}

type Row = PageStore['charts'][string]['rows'][number];

/** How two pages' rows compare over the window that both show. */
export interface Likeness {
  readonly lines: number;
  readonly rows: number;
  /** Lines whose rows differ, with the first place. */
  readonly differences: readonly string[];
}

/**
 * Compares what both pages hold, reduced to the pixel columns of their charts: a page that has more than it needs shows the
 * same picture.
 */
export async function compareHeld(old: Page, fresh: Page, rangeMs: number): Promise<Likeness> {
  const [before, after] = await Promise.all([readStore(old, rangeMs), readStore(fresh, rangeMs)]);
  const [widthsBefore, widthsAfter] = await Promise.all([held(old), held(fresh)]);
  const differences: string[] = [];
  let [lines, rows] = [0, 0];
  for (const stream of STREAM_LIST) {
    const widths = [widthsBefore, widthsAfter].map(({ bucketMs }) => bucketMs[stream.name] ?? Number.NaN);
    // Where their plots are not equally wide, what M4 keeps of buckets that both divide is the same all the same.
    const width = widths.reduce(leastCommonMultiple);
    const [left, right] = [linesOf(before, stream), linesOf(after, stream)];
    // The first pixel column that lies whole within the window.
    const from = Math.ceil(Math.max(before.from, after.from) / width) * width;
    for (const name of new Set([...left.keys(), ...right.keys()])) {
      const [a, b] = [left.get(name), right.get(name)].map((line) => reduced(stream, line ?? [], from, width));
      if (a === undefined || b === undefined) continue;
      lines += 1;
      rows += b.length;
      const at = b.findIndex((row, index) => row !== a[index]);
      if (at >= 0 || a.length !== b.length) {
        const place = at < 0 ? b.length : at;
        differences.push(`${stream.name} ${name}: ${a.length} and ${b.length} rows; ${a[place]} and ${b[place]}`);
      }
    }
  }
  return { lines, rows, differences };
}

function leastCommonMultiple(a: number, b: number): number {
  let [greater, less] = [a, b];
  while (less > 0) [greater, less] = [less, greater % less];
  return (a / greater) * b;
}

function linesOf({ charts }: PageStore, stream: StreamDeclaration): Map<string, Row[]> {
  const lines = new Map<string, Row[]>();
  for (const row of charts[stream.name]?.rows ?? []) {
    const name = `${row.key} ${row.line ?? ''}`;
    const line = lines.get(name);
    if (line === undefined) lines.set(name, [row]);
    else line.push(row);
  }
  return lines;
}

function reduced(stream: StreamDeclaration, all: readonly Row[], from: number, width: number): string[] {
  const rows = all.filter(({ time }) => time >= from);
  const column = (name: string): Float64Array => Float64Array.from(rows, ({ values }) => values[name] ?? Number.NaN);
  const kept = keeperOf(stream)({ times: Float64Array.from(rows, ({ time }) => time), column }, width);
  return kept.flatMap((index) => rows[index] ?? []).map(({ time, values }) => `${time} ${JSON.stringify(values)}`);
}

/** A chart on two pages: its pixels, those of them that differ, and between which columns these lie. */
export interface PictureLikeness {
  readonly stream: string;
  readonly pixels: number;
  readonly differing: number;
  readonly columns: readonly [number, number] | null;
  readonly width: number;
}

/** Compares the charts of two pages pixel by pixel. */
export async function comparePictures(old: Page, fresh: Page): Promise<readonly PictureLikeness[]> {
  const pictures = (page: Page): Promise<{ stream: string; images: string[] }[]> =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-stream]')].map((chart) => ({
        stream: chart.dataset.stream ?? '',
        images: [...chart.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()),
      })),
    );
  const [before, after] = await Promise.all([pictures(old), pictures(fresh)]);
  return await fresh.evaluate(
    async ({ before, after }) => {
      const pixelsOf = async (url: string): Promise<ImageData> => {
        const image = new Image();
        image.src = url;
        await image.decode();
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        const context = canvas.getContext('2d');
        context?.drawImage(image, 0, 0);
        return context?.getImageData(0, 0, image.width, image.height) ?? new ImageData(1, 1);
      };
      const compared: {
        stream: string;
        pixels: number;
        differing: number;
        columns: [number, number] | null;
        width: number;
      }[] = [];
      for (const { stream, images } of after) {
        const others = before.find((chart) => chart.stream === stream)?.images ?? [];
        let [differing, pixels, first, last, widest] = [0, 0, Number.POSITIVE_INFINITY, 0, 0];
        for (const [index, url] of images.entries()) {
          const { data, width } = await pixelsOf(url);
          const other = others[index] === undefined ? new ImageData(1, 1) : await pixelsOf(others[index]);
          widest = Math.max(widest, width);
          pixels += data.length / 4;
          for (let at = 0; at < data.length; at += 4) {
            if ([0, 1, 2, 3].every((part) => data[at + part] === other.data[at + part])) continue;
            differing += 1;
            first = Math.min(first, (at / 4) % width);
            last = Math.max(last, (at / 4) % width);
          }
        }
        compared.push({ stream, pixels, differing, columns: differing === 0 ? null : [first, last], width: widest });
      }
      return compared;
    },
    { before, after },
  );
}
