/**
 * Three servers on one database behind a proxy, with the configuration that the product brings for it: each is killed,
 * stopped or frozen in turn, under load, and whoever moves to another one goes on there from its cursor.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { STREAM_NAMES } from '../../shared/streams.ts';
import { hasCaddy, startCaddy } from '../support/caddy.ts';
import { Scene } from '../support/fault-scene.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { hasNginx, startNginx } from '../support/nginx.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import type { Proxied } from '../support/proxy-program.ts';
import { seeds, withSeed } from '../support/random.ts';
import { behindProxy, type Fate, Replica } from '../support/replicas.ts';

const FILE = 'test/fault/replicas.test.ts';
const [SEED = 1] = seeds(1);
/** Feed connections that one server takes from an address: more than a scene has. */
const PER_ADDRESS = 20;
/** Each server starts anew in a test, on a machine that is busy with it. */
const PATIENCE_MS = 180_000;

interface Proxy {
  readonly name: string;
  readonly needs: string;
  readonly isHere: boolean;
  readonly start: (servers: readonly number[]) => Promise<Proxied>;
  /** What the servers meet in turn: one fate for all of them, or one for each. */
  readonly rounds: readonly (readonly [Fate, ...Fate[]])[];
}

const PROXIES: readonly Proxy[] = [
  {
    name: 'nginx',
    needs: 'nginx and openssl',
    isHere: hasNginx(),
    start: startNginx,
    rounds: [['SIGKILL'], ['SIGTERM'], ['SIGSTOP']],
  },
  {
    name: 'Caddy',
    needs: 'caddy',
    isHere: hasCaddy(),
    start: startCaddy,
    rounds: [['SIGKILL', 'SIGTERM', 'SIGSTOP']],
  },
];

describe.each(PROXIES)('behind $name', ({ needs, isHere, start, rounds }) => {
  describe.skipIf(!isHere)(`three servers (needs ${needs}; seed ${SEED})`, () => {
    let database: TestDatabase;
    let replicas: readonly Replica[] = [];
    let proxy: Proxied;
    let feedUrl: string;
    let scene: Scene | null = null;

    beforeAll(async () => {
      database = await freshDatabase({ migrated: true });
      replicas = await Replica.start(3, {
        ...behindProxy(database.url),
        DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS: `${PER_ADDRESS}`,
      });
      proxy = await start(replicas.map(({ port }) => port));
      feedUrl = `${proxy.plainUrl.replace('http', 'ws')}/feed`;
    }, PATIENCE_MS);
    afterEach(async () => {
      await scene?.stop();
      scene = null;
    });
    afterAll(async () => {
      await proxy?.stop();
      await Promise.all(replicas.map((replica) => replica.stop()));
      await database?.drop();
    });

    it.each(rounds.map((fates) => ({ fates })))(
      'F4 F6 every row once, for all who move while the servers meet $fates',
      async ({ fates }) => {
        await withSeed(SEED, FILE, async () => {
          const url = (): string => feedUrl;
          const running = await Scene.start({
            config: database.config,
            feedUrl: url,
            seed: SEED,
            guests: Array.from({ length: 4 }, () => ({ url, streams: STREAM_NAMES })),
          });
          scene = running;
          const all = [running.live, running.resuming, running.absent, ...running.guests];
          for (const [index, replica] of replicas.entries()) {
            await running.everybodyLive();
            const stayed = all.map(({ connections }) => connections);
            const inhabitants = await replica.clients();
            await replica.without(fates[index % fates.length] ?? fates[0], async () => {
              await running.writers.more(40);
              // Those that it had have noticed, a frozen one by its silence, and are on others before it is back. One may be the page.
              await vi.waitFor(() => {
                const moved = all.filter(({ connections }, index) => connections > (stayed[index] ?? 0));
                expect(moved.length, `of ${inhabitants} clients have moved`).toBeGreaterThanOrEqual(
                  Math.min(1, inhabitants - 1),
                );
              }, 20_000);
              // A page gives each try ten seconds, and may come upon a frozen server again.
              await vi.waitFor(() => expect(running.page.live).toBe(true), 60_000);
              await running.everybodyLive();
            });
          }
          await running.everybodyLive();
          await running.agree();
          expect(all.flatMap(({ gaps }) => gaps)).toEqual([]);
          // Seven connections, and each server was gone once: those who moved went on from their cursors.
          const resumed = all.flatMap((recorder) => STREAM_NAMES.map((stream) => recorder.recording(stream).resumes));
          expect(resumed.filter((times) => times > 0).length).toBeGreaterThanOrEqual(STREAM_NAMES.length);
        });
      },
      PATIENCE_MS,
    );

    it("counts the clients' own addresses, whatever they say of them, and not the proxy's", async () => {
      const from = async (localAddress: string, forwarded: string): Promise<FeedSocket> => {
        const feed = new FeedSocket(feedUrl, { localAddress, headers: { 'x-forwarded-for': forwarded } });
        opened.push(feed);
        await feed.until(() => feed.of('hello').length > 0 || feed.closed !== null);
        return feed;
      };
      const opened: FeedSocket[] = [];
      try {
        await vi.waitFor(async () => {
          const feed = await from('127.0.0.2', `203.0.113.${opened.length % 200}`);
          expect(feed.closed).toMatchObject({ code: 1013 });
        }, 30_000);
        // A connection goes to whichever server has its turn, and the first that was full refused.
        const taken = opened.filter(({ closed }) => closed === null).length;
        expect(taken).toBeGreaterThanOrEqual(PER_ADDRESS);
        expect(taken).toBeLessThanOrEqual(3 * PER_ADDRESS);
        for (let turn = 0; turn < 6; turn += 1) {
          expect((await from('127.0.0.3', '127.0.0.2')).closed).toBeNull();
        }
      } finally {
        await Promise.all(opened.filter(({ closed }) => closed === null).map((feed) => feed.close()));
      }
    });
  });
});
