/**
 * What every fault is tried on: writers at work, a subscriber to everything, one that is cut and resumes, and a page. At
 * the end each must hold exactly what was committed, by sets and not by counts.
 */
import pg from 'pg';
import { expect, vi } from 'vitest';
import type { StreamName } from '../../shared/streams.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { chartTruth, FaultPage } from './fault-page.ts';
import { seeded } from './random.ts';
import { type Cut, Recorder, type RecorderOptions } from './recorder.ts';
import { emptyTables, readTruth, type Truth, Writers, type WritersOptions } from './writers.ts';

export interface SceneOptions {
  /** How the writers, and the reader of the tables, reach the database. */
  readonly config: pg.ClientConfig;
  /** Where the feed is; asked at every connection. */
  readonly feedUrl: () => string;
  readonly seed: number;
  readonly streams?: readonly StreamName[];
  /** Further recorders, live before the first row is written. */
  readonly guests?: readonly RecorderOptions[];
  readonly load?: Omit<WritersOptions, 'seed' | 'streams'>;
}

/** How long everything may take to arrive once the writers have stopped. */
const ARRIVAL_MS = 30_000;
/** How many rows of a difference are shown. */
const SHOWN = 5;

export class Scene {
  readonly #options: SceneOptions;
  readonly #streams: readonly StreamName[];
  readonly #recorders: Recorder[] = [];
  /** Watches everything, and does not cut its connection. */
  readonly live: Recorder;
  /** Watches everything, is cut now and then and goes on from its cursor. */
  readonly resuming: Recorder;
  /** Watches everything, and is away between `leave` and `comeBack`. */
  readonly absent: Recorder;
  #comeBack: () => void = () => undefined;
  #isAway = false;
  readonly guests: readonly Recorder[];
  readonly page: FaultPage;
  #writers: Writers | null = null;

  private constructor(options: SceneOptions) {
    this.#options = options;
    const { feedUrl: url, streams = STREAM_NAMES } = options;
    this.#streams = streams;
    const random = seeded(options.seed);
    const nth = (most: number): number => 1 + Math.floor(most * random());
    // Every second time in the middle of the replay that the cut before it made necessary.
    const cuts = [1, 2, 3].flatMap((): Cut[] => [
      { at: 'delta', nth: nth(20) },
      { at: 'replay', nth: nth(4) },
    ]);
    this.live = this.record({ url, streams });
    this.resuming = this.record({ url, streams, cuts, away: () => this.writers.more(15) });
    const returned = (): Promise<void> =>
      new Promise((resolve) => {
        this.#comeBack = resolve;
      });
    this.absent = this.record({ url, streams, away: returned });
    this.guests = (options.guests ?? []).map((guest) => this.record(guest));
    this.page = new FaultPage(url, streams);
  }

  /** Empties the tables, waits until everybody is live, and sets the writers to work. */
  static async start(options: SceneOptions): Promise<Scene> {
    const { config, seed, load, streams = STREAM_NAMES } = options;
    await withClient(config, (client) => emptyTables(client, streams));
    const scene = new Scene(options);
    await scene.everybodyLive();
    scene.#writers = new Writers(config, { seed, streams, ...load });
    await scene.writers.more(20);
    return scene;
  }

  /** The load; there from `start` on. */
  get writers(): Writers {
    if (this.#writers === null) throw new Error('the writers have not begun');
    return this.#writers;
  }

  /** A further recorder, held against the tables as the others are: it asks for history, or is there before the writers. */
  record(options: RecorderOptions): Recorder {
    const recorder = new Recorder(options);
    this.#recorders.push(recorder);
    return recorder;
  }

  /** Cuts the connection of `absent` for as long as it is to miss. */
  leave(): void {
    this.#isAway = true;
    this.absent.cut();
  }

  /** Has `absent` go on from its cursor. */
  comeBack(): void {
    this.#isAway = false;
    this.#comeBack();
  }

  /** Waits until every recorder that is not away, and the page, are live. */
  async everybodyLive(): Promise<void> {
    await vi.waitFor(
      () => {
        this.#check();
        const here = this.#recorders.filter((recorder) => recorder !== this.absent || !this.#isAway);
        expect(here.flatMap(({ trouble }) => trouble ?? [])).toEqual([]);
        expect(this.page.live).toBe(true);
      },
      { timeout: ARRIVAL_MS, interval: 10 },
    );
  }

  /**
   * Ends the writers and waits until everybody holds what was committed: no row less, none more, none twice.
   *
   * @param gapsExcuse whether one that was told of a gap in a stream, and asked for no history that would mend it, may
   *   differ there.
   */
  async agree({ gapsExcuse = false } = {}): Promise<void> {
    this.comeBack();
    await this.writers.stop();
    const truth = await withClient(this.#options.config, (client) => readTruth(client, this.#streams));
    await vi.waitFor(
      () => {
        this.#check();
        const held = this.#recorders.map((recorder) => this.#differences(recorder, truth, gapsExcuse));
        expect(held).toEqual(this.#recorders.map(() => []));
        expect(this.page.marks()).toEqual(chartTruth(truth, this.#streams));
      },
      { timeout: ARRIVAL_MS, interval: 25 },
    );
    expect(this.live.cuts).toBe(0);
    for (const stream of this.#streams) expect(truth.get(stream)?.size, `rows of ${stream}`).toBeGreaterThan(0);
  }

  async stop(): Promise<void> {
    this.page.stop();
    for (const recorder of this.#recorders) recorder.stop();
    await this.#writers?.stop();
  }

  /** Throws where a recorder met a breach of the contract. */
  #check(): void {
    for (const recorder of this.#recorders) recorder.check();
  }

  /** Where a recorder and the tables differ, in words; a row is named by its number in the test and its id. */
  #differences(recorder: Recorder, truth: Truth, gapsExcuse: boolean): string[] {
    return this.#streams.flatMap((stream) => {
      const { rows, incomplete } = recorder.recording(stream);
      if (gapsExcuse && incomplete) return [];
      const committed = truth.get(stream) ?? new Map<number, { readonly id: number; readonly key: string }>();
      const missing = [...committed].filter(([mark]) => !rows.has(mark));
      const foreign = [...rows].filter(([mark, { id, key }]) => {
        const row = committed.get(mark);
        return row === undefined || row.key !== key || (id !== null && row.id !== id);
      });
      return [...describe(`missing in ${stream}`, missing), ...describe(`not committed to ${stream}`, foreign)];
    });
  }
}

function describe(what: string, rows: readonly [number, { readonly id: number | null }][]): string[] {
  if (rows.length === 0) return [];
  const some = rows.slice(0, SHOWN).map(([mark, { id }]) => `${mark} (id ${id})`);
  return [`${rows.length} ${what}: ${some.join(', ')}`];
}

/** Runs `action` on a connection of its own. */
export async function withClient<T>(config: pg.ClientConfig, action: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config);
  // The test may stop the server under it; the query says so.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}
