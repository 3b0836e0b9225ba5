/** Requests for finer rows in every order of answers, failures and questions: what is shown is always the newest answer. */
import { describe, expect, test } from 'vitest';
import { Loads } from '../../client/zoom/loads.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/unit/client-zoom-loads.test.ts';

interface Request {
  readonly question: number;
  readonly signal: AbortSignal;
  answer(): void;
  fail(): void;
}

/** Loads over a transport that a test answers by hand, each request whenever it likes. */
class World {
  readonly clock = new FakeClock();
  readonly open: Request[] = [];
  readonly shown: number[] = [];
  readonly left: { readonly question: number; readonly at: number }[] = [];
  readonly loads: Loads<number, number>;

  constructor(random: () => number) {
    this.loads = new Loads({
      fetch: (question, signal) =>
        new Promise((resolve, reject) => {
          this.open.push({
            question,
            signal,
            answer: () => resolve(question),
            fail: () => reject(new Error(`no ${question}`)),
          });
        }),
      after: (ms, action) => this.clock.after(ms, action),
      now: () => this.clock.now(),
      random,
      onLeave: (question) => this.left.push({ question, at: this.clock.now() }),
      onAnswer: (question, answer) => {
        expect(answer).toBe(question);
        this.shown.push(answer);
      },
      onState: () => {},
    });
  }

  /** Lets one open request end, and what waits for it run. */
  async end(request: Request, how: 'answer' | 'fail'): Promise<void> {
    this.open.splice(this.open.indexOf(request), 1);
    request[how]();
    await this.clock.pass(0);
  }
}

describe('loads', () => {
  test.each(seeds(40, [1, 2, 3]))('never show an older answer after a newer one, seed %i', (seed) =>
    withSeed(seed, FILE, async () => {
      const random = seeded(seed);
      const world = new World(random);
      let newest = 0;
      for (let step = 0; step < 120; step += 1) {
        const chance = random();
        if (chance < 0.35) {
          newest += 1;
          world.loads.ask(newest);
        } else if (chance < 0.4) {
          newest += 1;
          world.loads.ask(null);
          expect(world.loads.state.name).toBe('idle');
        } else if (chance < 0.7 && world.open.length > 0) {
          // Any of them, however old: a server or a proxy may answer what was given up.
          const request = pick(random, world.open);
          const before = world.shown.length;
          await world.end(request, random() < 0.3 ? 'fail' : 'answer');
          if (world.shown.length > before) expect(request.question).toBe(newest);
        } else await world.clock.pass(Math.floor(random() * 400));
        expect(world.shown).toEqual([...world.shown].sort((a, b) => a - b));
        // What is of no use any more is given up at once.
        for (const { question, signal } of world.open) expect(signal.aborted).toBe(question !== newest);
      }
      newest += 1;
      world.loads.ask(newest);
      while (world.shown.at(-1) !== newest) {
        await world.clock.pass(100);
        for (const request of [...world.open]) await world.end(request, 'answer');
      }
      expect(world.loads.state.name).toBe('loaded');
      for (const [index, { at }] of world.left.entries())
        if (index > 0) expect(at - (world.left[index - 1]?.at ?? 0)).toBeGreaterThanOrEqual(150);
    }),
  );

  test('ask again what failed, later and later, and say why meanwhile', async () => {
    const world = new World(() => 1);
    world.loads.ask(7);
    const waits: number[] = [];
    for (let count = 0; count < 8; count += 1) {
      const [request] = world.open;
      if (request === undefined) throw new Error('nothing was asked');
      await world.end(request, 'fail');
      expect(world.loads.state).toEqual({ name: 'failed', reason: 'no 7' });
      const failedAt = world.clock.now();
      while (world.open.length === 0) await world.clock.pass(50);
      waits.push(world.clock.now() - failedAt);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeLessThanOrEqual(550);
    expect(waits.at(-1)).toBe(10_000);
    const [last] = world.open;
    if (last !== undefined) await world.end(last, 'answer');
    expect(world.loads.state.name).toBe('loaded');
    expect(world.shown).toEqual([7]);
  });

  test('ask nothing again that is not wanted any more', async () => {
    const world = new World(() => 0.5);
    world.loads.ask(1);
    const [request] = world.open;
    if (request !== undefined) await world.end(request, 'fail');
    world.loads.ask(null);
    await world.clock.pass(60_000);
    expect(world.open).toEqual([]);
    expect(world.left).toHaveLength(1);
  });
});
