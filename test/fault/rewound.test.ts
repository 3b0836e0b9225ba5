/** The database becomes another one: a promoted standby, or a copy of its own past. Whoever has rows of a past that is gone is told. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { Scene, withClient } from '../support/fault-scene.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';
import { seeds, withSeed } from '../support/random.ts';

const FILE = 'test/fault/rewound.test.ts';
const [SEED = 1] = seeds(1);
const run = promisify(execFile);

let server: PrivateServer;
let dashboard: Dashboard;
let scene: Scene;

beforeAll(async () => {
  server = await startServer({ settings: { synchronous_commit: 'on' } });
  await migrate({ connection: server.config, report: () => undefined });
});

beforeEach(async () => {
  dashboard = await startDashboard(server.url, { DASHBOARD_TICK_SECONDS: '1', DASHBOARD_HEARTBEAT_SECONDS: '0.5' });
  scene = await Scene.start({
    config: server.config,
    feedUrl: () => dashboard.feedUrl,
    seed: SEED,
    guests: [{ url: () => dashboard.feedUrl, streams: STREAM_NAMES, range: '7d' }],
  });
});

afterEach(async () => {
  await scene?.stop();
  await dashboard?.stop();
});

afterAll(async () => {
  await server?.dispose();
});

describe(`a database that is not what it was (seed ${SEED})`, () => {
  it('F6 goes on, or says so, when a standby is promoted', async () => {
    await withSeed(SEED, FILE, async () => {
      scene.leave();
      await scene.writers.more(30);
      await server.stop('fast');
      await writeFile(join(server.dataDir, 'standby.signal'), '');
      await server.start();
      await withClient(server.config, (client) => client.query('select pg_promote()'));
      await scene.writers.more(60);
      scene.comeBack();
      await scene.everybodyLive();
      await scene.agree({ gapsExcuse: true });
      expect(scene.absent.gaps.filter((reason) => reason !== 'epoch_changed')).toEqual([]);
    });
  });

  it('F6 says epoch_changed where a copy of its past took its place, and gives charts what is there now', async () => {
    await withSeed(SEED, FILE, async () => {
      const copy = `${server.dataDir}.copy`;
      await server.stop('fast');
      await run('cp', ['-a', server.dataDir, copy]);
      await server.start();
      await scene.writers.more(200);
      scene.leave();
      await server.stop('immediate');
      await rm(server.dataDir, { recursive: true });
      await run('mv', [copy, server.dataDir]);
      await server.start();
      const { live } = scene;
      await vi.waitFor(() => expect(live.gaps).toContain('epoch_changed'), 15_000);
      scene.comeBack();
      await scene.everybodyLive();
      await scene.agree({ gapsExcuse: true });
      const told = [...live.gaps, ...scene.absent.gaps, ...scene.guests.flatMap(({ gaps }) => gaps)];
      expect(new Set(told)).toEqual(new Set(['epoch_changed']));
    });
  });
});
