/** Who is given which history: never one from before what he has got or asked at, and out of memory where all is there. */
import { describe, expect, it } from 'vitest';
import { HistoryCache } from '../../server/feed/cache.ts';
import { StreamCache } from '../../server/feed/cached.ts';
import { Histories, type History, type HistoryWish, type Placer } from '../../server/feed/histories.ts';
import { FeedLog } from '../../server/feed/log.ts';
import type { HeldPosition, Position } from '../../server/feed/ports.ts';
import type { Holder } from '../../server/feed/pump.ts';
import type { StreamRow } from '../../shared/rows.ts';
import { rowCodec } from '../../shared/rows.ts';
import { STREAMS } from '../../shared/streams.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { readChannel, readKeys } from '../support/read-model.ts';

const STREAM = STREAMS.system_metrics;
const LIMITS = { rows: 1000, bytes: 1e6, ageMs: 1e9 };
/** More turns of the queue of promises than anything in here takes. */
const MANY_TURNS = 20;
/** Longer than history is shared. */
const LATER_MS = 6000;

const WISH: HistoryWish = {
  keys: ['cpu'],
  range: { kind: 'window', ms: 3_600_000 },
  resolution: { points: 1200 },
};

/** A stream that is looked at by hand. */
class Scene implements Placer {
  readonly clock = new FakeClock();
  readonly log = new FeedLog({ stream: STREAM.name, codec: rowCodec(STREAM) }, LIMITS);
  readonly histories: Histories;
  /** Positions that were held open. */
  held = 0;
  readonly #table: (StreamRow & { readonly xid: bigint })[] = [];
  /** How many rows of the table became deltas. */
  #found = 0;
  #holders: Holder[] = [];
  #reachers: (() => void)[] = [];

  constructor() {
    const cache = new StreamCache(STREAM, this.log, new HistoryCache(1e6), async () => undefined);
    this.histories = new Histories(this.log, cache, this.clock, 500_000, {
      read: () => undefined,
      failed: () => undefined,
      room: () => true,
    });
    this.histories.follow(this);
    this.histories.tellRewrites(true);
    this.log.beginAt(this.position());
  }

  hold(holder: Holder): () => void {
    this.#holders.push(holder);
    return () => undefined;
  }

  reach(reached: () => void): () => void {
    this.#reachers.push(reached);
    return () => undefined;
  }

  commit(key: string): void {
    const id = String(this.#table.length + 1);
    const time = this.clock.now();
    const cells = [id, String(time), key, id, null, null, String(time)];
    this.#table.push({ id, time, key, series: null, cells, xid: BigInt(id) });
  }

  /** Begins a look, which finds what is committed by now and answers those who have asked by now; the result ends it. */
  look(): () => void {
    const [holders, reachers] = [this.#holders, this.#reachers];
    this.#holders = [];
    this.#reachers = [];
    const from = this.position();
    const rows = this.#table.slice(this.#found);
    this.#found = this.#table.length;
    const position = this.position();
    const table = [...this.#table];
    return () => {
      if (rows.length > 0) this.log.append({ from, to: position, rows }, 'notify', this.clock.now());
      this.log.reached(position);
      for (const reached of reachers) reached();
      for (const holder of holders) holder(this.#hold(position, table));
    };
  }

  position(): Position {
    const xmax = BigInt(this.#found + 1);
    const snapshot = { xmin: xmax, xmax, running: [] };
    return { run: 'run~1', all: snapshot, recent: snapshot, bound: null, highest: xmax - 1n };
  }

  #hold(position: Position, table: readonly StreamRow[]): HeldPosition {
    this.held += 1;
    return {
      position,
      async *channels(request) {
        for (const key of readKeys(table, request)) yield readChannel(STREAM, table, key, request, true);
      },
      release: async () => undefined,
    };
  }

  /** Asks, and looks until there is an answer. */
  async ask(least: number): Promise<History> {
    const given: History[] = [];
    void this.histories.ask(WISH, least).then(({ history }) => given.push(history));
    for (let looks = 0; looks < MANY_TURNS; looks += 1) {
      const [history] = given;
      if (history !== undefined && history.number !== null) return history;
      this.look()();
      await turns(MANY_TURNS);
    }
    throw new Error('there is no answer');
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

/** The values of its only channel. */
async function valuesOf(history: History): Promise<string | undefined> {
  for await (const { body } of history.snapshots()) return /"metric_value":\[([^\]]*)\]/.exec(body.text)?.[1];
  return undefined;
}

describe('history that is asked for', () => {
  it.each(['read', 'kept'])(
    'F2 stands at no place before what the asker was sent, however soon after its placing: %s',
    async (how) => {
      for (let turn = 0; turn < MANY_TURNS; turn += 1) {
        const scene = new Scene();
        scene.commit('cpu');
        if (how === 'kept') {
          await valuesOf(await scene.ask(0));
          await scene.clock.pass(LATER_MS);
        }
        const first = scene.histories.ask(WISH, 0);
        await turns(MANY_TURNS);
        scene.look()();
        await turns(turn);
        // The next look finds a row of another key, which one client is sent; only then does it ask for the same history.
        scene.commit('disk');
        scene.look()();
        const least = scene.log.end;
        const second = await scene.ask(least);
        expect(second.number, `${turn} turns later`).toBeGreaterThanOrEqual(least);
        await first;
      }
    },
  );

  it('F2 is answered out of memory after a look, with what came since, and nothing is held open for it', async () => {
    const scene = new Scene();
    scene.commit('cpu');
    expect(await valuesOf(await scene.ask(0))).toBe('1');
    expect(scene.held).toBe(1);
    await scene.clock.pass(LATER_MS);
    // Nobody has looked since: without a look of its own the answer would be older than the question.
    scene.commit('cpu');
    const history = await scene.ask(0);
    expect(await valuesOf(history)).toBe('1,2');
    expect(history.number).toBe(scene.log.end);
    expect(scene.held).toBe(1);
  });

  it('F2 has what was committed before the question, also where the same is being read for another', async () => {
    const scene = new Scene();
    scene.commit('cpu');
    const first = scene.histories.ask(WISH, 0);
    await turns(MANY_TURNS);
    const end = scene.look();
    scene.commit('cpu');
    // That look, which leads to the place of the first, began before this question.
    const second = scene.histories.ask(WISH, 0);
    end();
    await turns(MANY_TURNS);
    scene.look()();
    await turns(MANY_TURNS);
    scene.look()();
    expect(await valuesOf((await second).history)).toBe('1,2');
    expect(await valuesOf((await first).history)).toBe('1');
  });

  it('is one for all who ask while it is on its way', async () => {
    const scene = new Scene();
    scene.commit('cpu');
    const first = scene.ask(0);
    const second = scene.ask(0);
    expect(await second).toBe(await first);
    expect(scene.held).toBe(1);
  });
});
