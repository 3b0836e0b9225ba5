/** The follower against a server that keeps the contract and a connection that is cut at any frame. */
import { describe, expect, test } from 'vitest';
import type { StreamName } from '../../shared/streams.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { HEARTBEAT_MS, TailWorld } from '../support/tail-model.ts';

const FILE = 'test/unit/tail-follow-fuzz.test.ts';
const STEPS = 800;
const STREAMS: readonly StreamName[] = ['funding_rates', 'anomalies'];
const KEYS = ['A', 'B', 'C'];

/** What a case allows to happen beyond cuts, restarts and slow output. */
interface Mood {
  /** The server cannot replay everything, and says so. */
  readonly gaps: boolean;
  /** The server leaves deltas out, against the contract. */
  readonly errs: boolean;
}

function step(world: TailWorld, random: () => number, mood: Mood, tried: Map<string, number>): void {
  const stream = pick(random, STREAMS);
  const gaps = mood.gaps ? 1 : 0;
  const actions: readonly (readonly [name: string, weight: number, act: () => unknown])[] = [
    ['deliver', 60, () => world.deliver()],
    ['flush', 40, () => world.flush()],
    ['serve', 25, () => world.serve()],
    ['commit', 15, () => world.commit(stream, pick(random, KEYS), 1 + Math.floor(random() * 3))],
    ['look', 15, () => world.look(stream)],
    ['advance', 8, () => world.advance(random() * 300)],
    ['heartbeat', 4, () => world.heartbeat()],
    ['silence', 1, () => world.advance(random() * 4 * HEARTBEAT_MS)],
    ['cut', 4, () => world.cut(pick(random, [1001, 1006, 1013, 4408]))],
    ['freeze', 0.5, () => world.freeze()],
    ['garbage', 0.3, () => world.garbage()],
    ['bye', 0.5, () => world.bye(random() * 3000)],
    ['away', 0.5, () => (world.serving = !world.serving)],
    ['restart', 0.5, () => world.restart(random() < 0.5)],
    ['off', 0.5, () => (world.off.has(stream) ? world.off.clear() : world.off.add(stream))],
    ['database', 0.5, () => (world.database = world.database === 'up' ? 'down' : 'up')],
    ['lag', gaps * 2, () => world.look(stream, pick(random, ['gap', 'gap of a key']))],
    ['epoch', gaps * 0.3, () => (world.epoch += 1)],
    ['floor', gaps * 0.3, () => (world.floor = Math.floor(random() * (world.streams.get(stream)?.position ?? 0)))],
    ['leave out', mood.errs ? 3 : 0, () => world.leaveOut()],
    // What a socket that was given up still says.
    ['late', 1, () => world.tell({ type: 'frame', socket: 0, text: '{"type":"pong","time":1}' })],
  ];
  let left = random() * actions.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight, act] of actions) {
    left -= weight;
    if (left > 0) continue;
    act();
    tried.set(name, (tried.get(name) ?? 0) + 1);
    return;
  }
}

/** All faults end: what is owed must be printed, within bounded time. */
function settle(world: TailWorld): void {
  world.off.clear();
  world.serving = true;
  world.database = 'up';
  const move = (): void => {
    while (world.serve() || world.deliver() || world.flush());
  };
  for (let second = 0; second < 120; second += 1) {
    for (const stream of STREAMS) world.look(stream);
    world.heartbeat();
    move();
    world.advance(1000);
  }
  move();
  for (const stream of STREAMS) expect(world.follow.phase(stream)).toBe('live');
}

describe('the follower', () => {
  const tried = new Map<string, number>();
  let lost = 0;
  let lines = 0;

  test.each(seeds(150, [1, 2, 3]))('F3 F4 F6 F13 F14 prints every row exactly once, seed %i', (seed) =>
    withSeed(seed, FILE, () => {
      const random = seeded(seed);
      const mood = { gaps: seed % 3 === 1, errs: seed % 3 === 2 };
      const world = new TailWorld(random, STREAMS, random() < 0.5 ? null : ['A', 'B']);
      for (let count = 0; count < STEPS; count += 1) {
        step(world, random, mood, tried);
        if (world.ended !== null) throw new Error(`ended: ${world.ended}: ${world.said.at(-1)}`);
      }
      settle(world);
      const { missing, ...rest } = world.audit();
      expect(rest).toEqual({ doubled: [], foreign: [], wrong: [] });
      lines += world.lines.length;
      const told = world.lostTold || world.follow.lost;
      if (told) lost += 1;
      // A server that leaves deltas out is caught where a later delta shows it; more cannot be asked of a client.
      if (!mood.errs) expect(missing).toEqual([]);
      if (!mood.errs && !mood.gaps) expect(told).toBe(false);
    }),
  );

  test('was tried in every kind of trouble', () => {
    if (process.env.SEED !== undefined) return;
    for (const [name, count] of tried) expect(count, name).toBeGreaterThan(20);
    expect(tried.size).toBe(21);
    expect(lost).toBeGreaterThan(20);
    expect(lines).toBeGreaterThan(5000);
  });
});
