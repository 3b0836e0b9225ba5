/** A stream's finer rows against the table: whatever comes while a request is under way, every row is shown once. */
import { describe, expect, test } from 'vitest';
import type { StreamView } from '../../client/model.ts';
import { type Span, spanOf } from '../../client/painters/span.ts';
import { Channel } from '../../client/series/channel.ts';
import type { ChartAnswer } from '../../client/zoom/chart-api.ts';
import { Detail, type DetailQuestion, type Shown } from '../../client/zoom/detail.ts';
import { m4 } from '../../shared/m4.ts';
import type { Frame } from '../../shared/protocol.ts';
import { STREAMS } from '../../shared/streams.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-zoom-detail.test.ts';
const KEY = 'BTC/USDT';

interface Row {
  readonly time: number;
  readonly line: string;
  readonly rate: number;
}

/** A table, its server and a page that shows a part of it. */
class World {
  readonly clock = new FakeClock();
  readonly table: Row[] = [];
  readonly asked: DetailQuestion[] = [];
  readonly detail: Detail;
  readonly coarse: Channel;
  shownTimes = 0;
  /** What to do with the next requests. */
  isDown = false;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    this.detail = new Detail('funding_rates', {
      fetch: (question, signal) => this.#serve(question, signal),
      after: (ms, action) => this.clock.after(ms, action),
      now: () => this.clock.now(),
      random,
      onRows: () => {
        this.shownTimes += 1;
      },
      onState: () => {},
    });
    const window = { rangeMs: 3_600_000, bucketMs: 36_000, points: 100 };
    this.coarse = new Channel(STREAMS.funding_rates, KEY, window, this.clock.now(), null);
  }

  /** Rows are committed, and reach the page. */
  insert(rows: readonly Row[], isSeen = true): void {
    this.table.push(...rows);
    this.table.sort((a, b) => a.time - b.time);
    const frame: Frame<'delta'> = {
      type: 'delta',
      stream: 'funding_rates',
      key: KEY,
      prev: 'p',
      cursor: 'c',
      time: this.clock.now(),
      via: 'notify',
      rows: rows.map(({ time, line, rate }, id) => ({ id, timestamp: time, exchange: line, funding_rate: rate })),
    };
    if (!isSeen) return;
    this.coarse.append(frame);
    this.detail.append(frame);
  }

  refine(shown: Shown): StreamView {
    this.coarse.slide(this.clock.now());
    const view: StreamView = {
      stream: 'funding_rates',
      state: 'live',
      off: null,
      channels: [this.coarse.view(this.clock.now())],
      range: '1h',
      bucketMs: 36_000,
      lostFrom: null,
      arrivedAt: null,
      version: 1,
    };
    return this.detail.refine(view, shown);
  }

  /** The server reads at some time after it is asked and answers some time later. */
  async #serve(question: DetailQuestion, signal: AbortSignal): Promise<ChartAnswer> {
    this.asked.push(question);
    await this.#wait(this.#random() * 300);
    if (this.isDown) throw new Error('down');
    const { from, to, bucketMs } = question;
    const names = [...new Set(this.table.map(({ line }) => line))];
    const lines = names.map((name) =>
      this.table.filter(({ line, time }) => line === name && time >= from && time < to),
    );
    const most = Math.ceil((to - from) / bucketMs);
    const reduced = lines.some(({ length }) => length > most);
    const data = lines.flatMap((rows, index) => {
      if (rows.length === 0) return [];
      const kept = rows.length > most ? keptOf(rows, bucketMs) : rows;
      const columns = { timestamp: kept.map(({ time }) => time), funding_rate: kept.map(({ rate }) => rate) };
      return [{ name: names[index] ?? null, columns }];
    });
    await this.#wait(this.#random() * 300);
    signal.throwIfAborted();
    return { reduced, bucket_ms: reduced ? bucketMs : null, data };
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(ms, resolve);
    });
  }
}

function keptOf(rows: readonly Row[], bucketMs: number): Row[] {
  const indexes = m4({ times: rows.map(({ time }) => time), values: [rows.map(({ rate }) => rate)] }, bucketMs);
  return indexes.flatMap((index) => rows[index] ?? []);
}

const text = ({ time, line, rate }: Row): string => `${line} ${time} ${rate}`;

/** The rows of a view within what is shown, a line at a time, as far as they can be seen in its buckets. */
function visible(rows: readonly Row[], { span }: Shown): string[] {
  const inside = rows.filter(({ time }) => time >= span.from && time < span.to);
  const lines = [...new Set(inside.map(({ line }) => line))];
  return lines
    .flatMap((name) =>
      keptOf(
        inside.filter(({ line }) => line === name),
        span.bucketMs,
      ).map(text),
    )
    .sort();
}

/** A span that follows the present. */
function slid({ bucketMs, columns }: Span, now: number): Span {
  return spanOf((Math.floor(now / bucketMs) + 1) * bucketMs, bucketMs, columns);
}

function rowsOf(view: StreamView): Row[] {
  return view.channels.flatMap(({ lines }) =>
    lines.flatMap(({ name, times, columns }) =>
      [...times].map((time, index) => ({
        time,
        line: name ?? '',
        rate: columns.funding_rate?.[index] ?? Number.NaN,
      })),
    ),
  );
}

describe('the finer rows of a stream', () => {
  test.each(seeds(25, [1, 2, 3]))('are those of the table when they have come, each once, seed %i', (seed) =>
    withSeed(seed, FILE, async () => {
      const random = seeded(seed);
      const world = new World(random);
      let last = world.clock.now() - 3_000_000;
      const row = (): Row => {
        const now = world.clock.now();
        last = Math.max(last + 0.01, now - random() * 50);
        const time = random() < 0.15 ? last - random() * 2_000_000 : last;
        return { time, line: pick(random, ['okx', 'bybit']), rate: Math.round(random() * 40) };
      };
      world.insert(
        Array.from({ length: 3000 }, (_, index) => ({
          time: last + index * 1000,
          line: pick(random, ['okx', 'bybit']),
          rate: Math.round(random() * 40),
        })),
        false,
      );
      let shown: Shown | null = null;
      const choose = (): Shown => {
        const follows = random() < 0.5;
        const bucketMs = pick(random, [100, 1000, 5000]);
        const right = world.clock.now() - (follows ? 0 : random() * 2_500_000);
        const span = spanOf((Math.floor(right / bucketMs) + 1) * bucketMs, bucketMs, pick(random, [50, 300]));
        return { span, symbol: KEY, follows };
      };
      for (let step = 0; step < 150; step += 1) {
        if (shown === null || random() < 0.06) shown = choose();
        world.isDown = random() < 0.1;
        await world.clock.pass(random() * 200);
        if (random() < 0.7) world.insert(Array.from({ length: 1 + Math.floor(random() * 3) }, row));
        if (shown.follows) shown = { ...shown, span: slid(shown.span, world.clock.now()) };
        const rows = rowsOf(world.refine(shown));
        for (const line of ['okx', 'bybit']) {
          const times = rows.filter((each) => each.line === line).map(({ time }) => time);
          expect(times).toEqual([...times].sort((a, b) => a - b));
        }
      }
      world.isDown = false;
      if (shown === null) throw new Error('nothing was shown');
      do {
        world.refine(shown);
        await world.clock.pass(100);
      } while (world.detail.state.name !== 'loaded');
      const rows = rowsOf(world.refine(shown));
      expect(visible(rows, shown)).toEqual(visible(world.table, shown));
      // Where nothing was left out, no row came twice either.
      const inside = ({ time }: Row): boolean => time >= (shown?.span.from ?? 0) && time < (shown?.span.to ?? 0);
      const isWhole = world.refine(shown).channels.every(({ reduced }) => !reduced);
      if (isWhole) expect(rows.filter(inside).map(text).sort()).toEqual(world.table.filter(inside).map(text).sort());
    }),
  );

  test('are asked for once while what is shown stays or goes a little aside, and not for a width that comes and goes', async () => {
    const world = new World(() => 0.5);
    const now = world.clock.now();
    const shownAt = (to: number, bucketMs = 1000): Shown => ({
      span: spanOf(Math.floor(to / bucketMs) * bucketMs, bucketMs, 400),
      symbol: KEY,
      follows: false,
    });
    for (let draw = 0; draw < 100; draw += 1) {
      // A chart that is laid out in two passes, and whose width depends on the one before.
      world.refine(shownAt(now - 900_000, 1100));
      world.refine(shownAt(now - 900_000));
      await world.clock.pass(16);
    }
    expect(world.asked).toHaveLength(1);
    expect(world.detail.state.name).toBe('loaded');
    world.refine(shownAt(now - 850_000));
    await world.clock.pass(1000);
    expect(world.asked).toHaveLength(1);
    // A width that stays is asked for.
    for (let draw = 0; draw < 100; draw += 1) {
      world.refine(shownAt(now - 900_000, 1100));
      await world.clock.pass(16);
    }
    expect(world.asked.map(({ bucketMs }) => bucketMs)).toEqual([1000, 1100]);
    world.refine(shownAt(now - 2_000_000));
    await world.clock.pass(1000);
    expect(world.asked).toHaveLength(3);
    world.detail.lose();
    world.detail.mend();
    await world.clock.pass(1000);
    expect(world.asked).toHaveLength(4);
    world.detail.clear();
    expect(world.refine(shownAt(now, 1000)).channels).toHaveLength(1);
    expect(world.detail.state.name).toBe('idle');
  });
});
