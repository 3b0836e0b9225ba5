/** A client that reads what it gets and keeps account: how old rows are on arrival, which came, and where a chain broke. */
import { z } from 'zod';
import type { ReaderReport } from './fleet-messages.ts';

const frame = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('delta'),
    stream: z.string(),
    key: z.string(),
    prev: z.string(),
    cursor: z.string(),
    rows: z.array(z.object({ id: z.number(), timestamp: z.number() })),
  }),
  z.object({
    type: z.literal('snapshot'),
    stream: z.string(),
    key: z.string(),
    cursor: z.string(),
    series: z.array(z.object({ columns: z.object({ timestamp: z.array(z.number()) }) })),
  }),
  z.object({
    type: z.literal('gap'),
    stream: z.string(),
    key: z.string().nullable(),
    cursor: z.string(),
    reason: z.string(),
  }),
]);

/** Epoch ms with a fraction. */
const now = (): number => performance.timeOrigin + performance.now();

export class Reader {
  #rowAges: number[] = [];
  #snapshotAges: number[] = [];
  #gaps: Record<string, number> = {};
  #breaks = 0;
  #doubled = 0;
  #closed: ReaderReport['closed'] = null;
  readonly #ids = new Set<number>();
  readonly #cursors = new Map<string, string>();

  take(text: string): void {
    const parsed = frame.safeParse(JSON.parse(text));
    if (!parsed.success) return;
    const { data } = parsed;
    const arrived = now();
    const channel = `${data.stream} ${data.key}`;
    switch (data.type) {
      case 'delta':
        if ((this.#cursors.get(channel) ?? data.prev) !== data.prev) this.#breaks += 1;
        this.#cursors.set(channel, data.cursor);
        for (const { id, timestamp } of data.rows) {
          this.#rowAges.push(arrived - timestamp);
          if (this.#ids.has(id)) this.#doubled += 1;
          this.#ids.add(id);
        }
        break;
      case 'snapshot': {
        this.#cursors.set(channel, data.cursor);
        const newest = Math.max(...data.series.map(({ columns }) => columns.timestamp.at(-1) ?? Number.NaN));
        if (Number.isFinite(newest)) this.#snapshotAges.push(arrived - newest);
        break;
      }
      case 'gap':
        this.#gaps[data.reason] = (this.#gaps[data.reason] ?? 0) + 1;
        if (data.key === null) this.#cursors.clear();
        else this.#cursors.set(channel, data.cursor);
        break;
    }
  }

  close(code: number | null): void {
    this.#closed = { at: now(), code };
  }

  /** What was seen; with `anew`, ages and gaps are counted from here on. */
  report(anew: boolean): ReaderReport {
    const ids = [...this.#ids].sort((a, b) => a - b);
    const report = {
      rowAges: this.#rowAges,
      snapshotAges: this.#snapshotAges,
      rows: ids.length,
      doubled: this.#doubled,
      lowestId: ids[0] ?? null,
      highestId: ids.at(-1) ?? null,
      gaps: this.#gaps,
      breaks: this.#breaks,
      closed: this.#closed,
    };
    if (anew) {
      this.#rowAges = [];
      this.#snapshotAges = [];
      this.#gaps = {};
    }
    return report;
  }
}
