/** Several workers behind one port: each is killed in turn, under load, and nobody who moves to another misses a row. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { Scene } from '../support/fault-scene.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, startProgram, stopProgram } from '../support/program.ts';
import { seeds, withSeed } from '../support/random.ts';

const FILE = 'test/fault/workers.test.ts';
const [SEED = 1] = seeds(1);
const WORKERS = 3;

let database: TestDatabase;
let program: Program;
let address: URL;
let scene: Scene | null = null;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  program = startProgram(['serve', '--no-demo', '--workers', `${WORKERS}`], {
    DATABASE_URL: database.url,
    DB_SSLMODE: 'disable',
    DASHBOARD_PORT: '0',
    DASHBOARD_TICK_SECONDS: '1',
    DASHBOARD_HEARTBEAT_SECONDS: '0.5',
    DASHBOARD_POOL_SIZE: '4',
  });
  address = new URL(await program.ready());
});
afterEach(async () => {
  await scene?.stop();
  scene = null;
});
afterAll(async () => {
  await stopProgram(program);
  await database?.drop();
});

/** The processes that a process has started, as Linux lists them. */
function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
}

const feedUrl = (): string => `ws://${address.host}/feed`;

describe.runIf(process.platform === 'linux')(`the feed of several workers (seed ${SEED})`, () => {
  it('F4 F6 keeps every row while each of them is killed in turn, and starts it again', async () => {
    await withSeed(SEED, FILE, async () => {
      scene = await Scene.start({
        config: database.config,
        feedUrl,
        seed: SEED,
        guests: Array.from({ length: 4 }, () => ({ url: feedUrl, streams: STREAM_NAMES })),
      });
      const before = childrenOf(program.pid);
      expect(before).toHaveLength(WORKERS);
      for (const pid of before) {
        await scene.everybodyLive();
        process.kill(pid, 'SIGKILL');
        await scene.writers.more(40);
        await vi.waitFor(() => expect(childrenOf(program.pid)).toHaveLength(WORKERS), 20_000);
      }
      expect(childrenOf(program.pid).filter((pid) => before.includes(pid))).toEqual([]);
      await scene.everybodyLive();
      await scene.agree();
      const all = [scene.live, scene.resuming, scene.absent, ...scene.guests];
      expect(all.flatMap(({ gaps }) => gaps)).toEqual([]);
      // Of seven connections and three killed workers somebody has moved.
      expect(Math.max(...all.map(({ connections }) => connections))).toBeGreaterThan(1);
    });
  });

  it('tells Prometheus the figures of all of them, from whichever is asked', async () => {
    const figures = async (): Promise<string> => (await fetch(new URL('/metrics', address))).text();
    await vi.waitFor(async () => {
      const live = /^alphapulse_stream_up\{stream="anomalies"\} (\S+)$/m.exec(await figures())?.[1];
      expect(live).toBe('1');
    }, 15_000);
    const pool = /^alphapulse_pool_connections\{state="total"\} (\S+)$/m.exec(await figures())?.[1];
    expect(Number(pool)).toBeGreaterThanOrEqual(WORKERS);
  });

  it('F12 ends with 0 at SIGTERM, after a good-bye to every client of every worker', async () => {
    scene = await Scene.start({ config: database.config, feedUrl, seed: SEED + 1 });
    await scene.everybodyLive();
    const workers = childrenOf(program.pid);
    program.signal('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(scene.live.count('bye')).toBe(1);
    expect(scene.live.closes).toEqual([1001]);
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
  });
});

it('a worker that cannot start ends the program, and says why', async () => {
  const other = startProgram(['serve', '--workers', '2', '--no-demo'], {
    DATABASE_URL: database.url,
    DASHBOARD_PORT: '0',
    DASHBOARD_HOST: '203.0.113.7',
    DASHBOARD_AUTH: 'off',
  });
  expect(await other.ended).toBe(1);
  expect(other.stderr).toMatch(/has no address 203\.0\.113\.7/);
});
