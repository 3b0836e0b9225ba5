/** The whole service: database, streams, feed and web server, started in order and stopped in the opposite one. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Frame, PROTOCOL_VERSION } from '../shared/protocol.ts';
import { STREAM_LIST, STREAM_NAMES } from '../shared/streams.ts';
import { buildApp } from './app.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { Counters } from './counted.ts';
import { CacheHits } from './db/cache-hits.ts';
import { LateDatabase } from './db/database.ts';
import { KnownKeys } from './db/known-keys.ts';
import { Retention } from './db/retention.ts';
import { Hub } from './feed/hub.ts';
import { Following } from './following.ts';
import { openHome } from './home.ts';
import { createAccess } from './http/auth.ts';
import { readBuildId } from './http/pages.ts';
import { prepareShared } from './http/text-frame.ts';
import type { Running } from './lifetime.ts';
import { SelfMeasurement } from './measured.ts';
import { packageRoot, packageVersion } from './root.ts';
import { returnTimes } from './spread.ts';
import { Telemetry } from './telemetry.ts';
import { followTokenFiles } from './token-files.ts';

/**
 * Connections that wait to be accepted. Of a storm of thousands, what is above Node's 511 is dropped by the operating system
 * and tried again by the client a second later.
 */
const BACKLOG = 4096;
/** How long a stop waits for a database that does not answer. */
const STOP_MS = 2500;
const CACHE_READING_MS = 5000;

/** Undoes what was started so far, newest first. */
class Undo {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

/**
 * Starts the service and resolves when it listens. A database that cannot be reached does not keep it from starting.
 *
 * @param signal gives the start up: what was started is stopped, and the returned promise rejects.
 */
export async function startService(config: Config, log: Logger, signal?: AbortSignal): Promise<Running> {
  const undo = new Undo();
  try {
    return await start(config, log, undo, signal);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function start(config: Config, log: Logger, undo: Undo, signal: AbortSignal | undefined): Promise<Running> {
  const { close, ...connections } = await openHome(config, log, signal);
  undo.add(close);
  signal?.throwIfAborted();
  const counters = new Counters();
  const { limits } = config;
  const hub = new Hub(
    systemClock,
    {
      keysPerSubscription: limits.keysPerSubscription,
      keysPerConnection: limits.keysPerConnection,
      subscriptions: limits.subscriptionsPerConnection,
      points: limits.pointsPerSubscription,
      framesPerSecond: limits.framesPerSecond,
      errorsPerMinute: limits.errorsPerMinute,
      log: { rows: limits.replayRows, bytes: limits.replayBytes, ageMs: limits.replayAgeMs },
    },
    {
      count: (name, amount, labels) => counters.add(name, amount, labels),
      failed: (stream, error, connection) =>
        log.warn({ stream, connection, err: error }, 'history could not be read for a subscriber'),
      prepare: prepareShared,
    },
  );
  const database = new LateDatabase(
    { ...connections, poolSize: config.poolSize, statementTimeoutMs: config.statementTimeoutMs },
    log,
  );
  undo.add(() => database.close());
  const beat = (): void => hub.heartbeat(following.database, following.doorbell, STREAM_NAMES);
  const measured = new SelfMeasurement();
  const telemetry = new Telemetry();
  const keys = new KnownKeys(database, (stream, error) =>
    log.warn({ stream, err: error }, 'the keys of a stream could not be listed'),
  );
  const following = new Following({
    database,
    hub,
    keys,
    counters,
    measured,
    telemetry,
    tickMs: config.tickMs,
    log,
    changed: beat,
  });
  undo.add(() => following.stop());
  // Before anything is followed, so that a week of made history does not pass through the feed.
  const { demo } = config;
  if (demo.kind === 'market' || demo.kind === 'replay')
    await startMarket(demo, { database, measured, log, undo, signal });
  signal?.throwIfAborted();
  await following.start();
  signal?.throwIfAborted();
  const heartbeat = setInterval(beat, config.heartbeatMs);
  undo.add(() => clearInterval(heartbeat));
  if (config.retentionDays !== null) {
    const connection = (): ReturnType<LateDatabase['listenConnection']> => database.listenConnection();
    const retention = new Retention({ connection, days: config.retentionDays, counters, log });
    retention.start();
    undo.add(() => retention.stop());
  }

  const version = packageVersion();
  const clientDir = join(packageRoot(), 'dist', 'client');
  const build = readBuildId(clientDir);
  if (config.workers > 1) telemetry.join((await import('./workers.ts')).scrapeAll);
  telemetry.follow({ counters, hub, status: following, pool: () => database.usage, version, build });
  const access = createAccess(config.access);
  if (config.access.kind === 'token' && config.access.files !== undefined)
    undo.add(followTokenFiles(config.access.files, access.replace, log));
  const app = await buildApp({
    telemetry,
    config,
    log,
    db: database,
    hub,
    keys,
    status: following,
    counters,
    access,
    hello: () => helloFrame(config, { version, build, epoch: following.epoch }),
    version,
    clientDir,
    startedAt: Date.now(),
  });
  undo.add(() => app.close());
  undo.add(() => hub.goodbye('the server is stopping', returnTimes(hub.clients, Math.random)));
  undo.add(() => database.giveUpAfter(STOP_MS));
  const address = await app.listen({ host: config.host, port: config.port, backlog: BACKLOG });
  return { address, stop: () => undo.run() };
}

function helloFrame(
  config: Config,
  about: { readonly version: string; readonly build: string; readonly epoch: string },
): Frame<'hello'> {
  return {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    ...about,
    time: Date.now(),
    heartbeat_ms: config.heartbeatMs,
    tick_ms: config.tickMs,
    demo: config.demo.kind !== 'off',
    streams: STREAM_LIST.map(({ name, key, series, values }) => ({
      name,
      key: key.name,
      series: series?.name ?? null,
      values: values.map((value) => ({ name: value.name, unit: value.unit })),
    })),
  };
}

/** Runs the demo market on the database that is followed; what it reports of the server is measured. */
async function startMarket(
  demo: Extract<Config['demo'], { kind: 'market' | 'replay' }>,
  {
    database,
    measured,
    log,
    undo,
    signal,
  }: {
    readonly database: LateDatabase;
    readonly measured: SelfMeasurement;
    readonly log: Logger;
    readonly undo: Undo;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const cache = new CacheHits();
  let hits = await cache.read(await database.open());
  const reading = setInterval(() => {
    cache.read(database).then(
      (percent) => {
        hits = percent;
      },
      (error: unknown) => log.debug({ err: error }, 'the cache hit rate could not be read'),
    );
  }, CACHE_READING_MS);
  undo.add(() => clearInterval(reading));
  let filling = true;
  const { startDemo } = await import('./demo/session.ts');
  const stop = await startDemo({
    config: demo,
    sql: {
      query: async (text, values) => {
        if (filling) signal?.throwIfAborted();
        return database.query(text, values);
      },
    },
    measured: () => ({ ...measured.read(), cache_hit_rate: { value: hits, unit: '%' } }),
    log,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  filling = false;
  undo.add(stop);
}
