/** PostgreSQL servers for tests: the shared one, and private ones that a fault test may kill and start again. */
import { access, chmod, constants, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { pino } from 'pino';
import { type Binaries, prepareBinaries } from '../../server/db/embedded-binaries.ts';
import { initCluster, SUPERUSER, startCluster } from '../../server/db/embedded-cluster.ts';
import type { StopMode } from '../../server/db/embedded-pidfile.ts';
import { serverUser } from '../../server/db/embedded-user.ts';

/** A server that a test owns whole. */
export interface PrivateServer {
  /** The superuser on the database `postgres`; stays the same over restarts. */
  readonly config: pg.ClientConfig & { host: string; port: number; user: string; password: string; database: string };
  readonly url: string;
  /** Process id of the running server. */
  readonly pid: number;
  /** Its data folder. */
  readonly dataDir: string;
  /** Ends the server: `fast` closes the connections, `immediate` is a crash. */
  stop(mode?: StopMode): Promise<void>;
  /** Starts it again after a stop, on the same port. */
  start(): Promise<void>;
  /** Ends the server and removes its files. Safe after a stop. */
  dispose(): Promise<void>;
}

const PASSWORD = 'test';
// Commits wait for the write, not for the disk: what was committed outlives a killed server, as it would in the field.
const FAST_AND_LOOSE = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };
const silent = pino({ level: 'silent' });

/**
 * Starts a private server on a data folder and a port of its own. `settings` are added to those of the tests, which
 * write nothing durably: a crash of the server keeps its data, one of the machine does not. `binaries` are another
 * PostgreSQL's than the embedded one's.
 */
export async function startServer(
  options: { settings?: Readonly<Record<string, string>>; binaries?: Binaries } = {},
): Promise<PrivateServer> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-test-'));
  // The server's account has to pass; its data folder in it is closed to everybody else.
  await chmod(folder, 0o711);
  const user = await serverUser();
  const place = {
    dataDir: join(folder, 'postgres'),
    logFile: join(folder, 'postgres.log'),
    binaries: options.binaries ?? (await prepareBinaries(folder, user)),
    user,
  };
  const settings = { ...FAST_AND_LOOSE, ...options.settings };
  await initCluster(place, PASSWORD);
  let cluster = await startCluster(place, { log: silent, settings });
  let running = true;
  const port = cluster.port;
  const stop = async (mode?: StopMode): Promise<void> => {
    if (!running) return;
    running = false;
    await cluster.stop(mode);
  };
  return {
    config: { host: '127.0.0.1', port, user: SUPERUSER, password: PASSWORD, database: 'postgres' },
    url: `postgresql://${SUPERUSER}:${PASSWORD}@127.0.0.1:${port}/postgres`,
    dataDir: place.dataDir,
    get pid() {
      return cluster.pid;
    },
    stop,
    async start() {
      if (running) return;
      cluster = await startCluster(place, { log: silent, settings, port });
      running = true;
    },
    async dispose() {
      await stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server of a whole run, as a role that may create databases. */
export interface SharedServer {
  readonly url: string;
  /** Whether it is somebody else's, so that the run has to leave it as it was. */
  readonly outlivesRun: boolean;
  stop(): Promise<void>;
}

/**
 * The server that all test files share: TEST_DATABASE_URL where it is set (a role that may create databases), else
 * TimescaleDB in a container where Docker answers, else an embedded PostgreSQL.
 */
export async function sharedServer(): Promise<SharedServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: given, outlivesRun: true, stop: async () => undefined };
  if (await dockerAnswers(process.env.DOCKER_HOST)) {
    try {
      return await containerServer();
    } catch (error) {
      process.stderr.write(
        `TimescaleDB in a container did not start (${error}); the embedded PostgreSQL serves instead\n`,
      );
    }
  }
  const server = await startServer();
  return { url: server.url, outlivesRun: false, stop: server.dispose };
}

async function containerServer(): Promise<SharedServer> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer('timescale/timescaledb:latest-pg17')
    .withEnvironment({ POSTGRES_PASSWORD: PASSWORD })
    .withExposedPorts(5432)
    // The image starts twice: once to set itself up, then for good.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  return {
    url: `postgresql://${SUPERUSER}:${PASSWORD}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
    outlivesRun: false,
    async stop() {
      await container.stop();
    },
  };
}

/**
 * Whether a Docker daemon answers at a socket, as `unix:///path`, where it usually is. One that is not there, may not be
 * used, answers with an error or says nothing within a second does not: that is no fault of the tests.
 */
export async function dockerAnswers(host = 'unix:///var/run/docker.sock'): Promise<boolean> {
  const socketPath = host.replace(/^unix:\/\//, '');
  // A daemon elsewhere is reached through its own protocol; whoever sets that up can set TEST_DATABASE_URL.
  if (!socketPath.startsWith('/')) return false;
  try {
    await access(socketPath, constants.W_OK);
  } catch {
    return false;
  }
  return await new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.once('timeout', () => ping.destroy());
    ping.once('error', () => resolve(false));
    ping.end();
  });
}
