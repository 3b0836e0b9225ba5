/** The server that the benchmarks of the past run on: a given one, or one of their own that may stay for the next run. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { pino } from 'pino';
import { prepareBinaries } from '../../server/db/embedded-binaries.ts';
import { initCluster, isCluster, SUPERUSER, startCluster } from '../../server/db/embedded-cluster.ts';
import { serverUser } from '../../server/db/embedded-user.ts';
import { errorCode } from '../../server/db/queryable.ts';
import type { HistoryOptions } from './options.ts';

const run = promisify(execFile);
const PASSWORD = 'bench';
/**
 * As a server of its size would be set up: commits are durable, and a part of the memory is its cache. Files of the
 * write-ahead log are used again, as they are where it has been written to for long: while one is made every commit waits.
 */
const SETTINGS = {
  shared_buffers: '2GB',
  max_wal_size: '8GB',
  min_wal_size: '4GB',
  maintenance_work_mem: '512MB',
  max_connections: '100',
};

/** A PostgreSQL server with databases on it. */
export interface Place {
  /** What it is, for the report. */
  readonly description: string;
  /** The URL of one of its databases. */
  url(database: string): string;
  connect(database: string): Promise<pg.Client>;
  /** Empties what caches can be emptied, and says which. Connections are gone after it. */
  coolDown(): Promise<string>;
  /** Stops what was started; removes it too, where it need not stay. */
  dispose(): Promise<void>;
}

/** Opens the place that the options name. */
export async function openPlace(options: HistoryOptions): Promise<Place> {
  return options.serverUrl === null
    ? await ownPlace(options.keep)
    : await givenPlace(options.serverUrl, options.restart);
}

async function ownPlace(keep: boolean): Promise<Place> {
  const folder = join(tmpdir(), 'alphapulse-bench-history');
  await mkdir(folder, { recursive: true });
  // The server's account has to pass; its data folder in it is closed to everybody else.
  await chmod(folder, 0o711);
  const user = await serverUser();
  const place = {
    dataDir: join(folder, 'postgres'),
    logFile: join(folder, 'postgres.log'),
    binaries: await prepareBinaries(folder, user),
    user,
  };
  if (!(await isCluster(place.dataDir))) await initCluster(place, PASSWORD);
  const start = (port = 0): ReturnType<typeof startCluster> =>
    startCluster(place, { log: pino({ level: 'silent' }), settings: SETTINGS, port });
  let cluster = await start();
  const { port } = cluster;
  const url = (database: string): string => `postgresql://${SUPERUSER}:${PASSWORD}@127.0.0.1:${port}/${database}`;
  return {
    description: await describe(url('postgres')),
    url,
    connect: (database) => connect(url(database)),
    async coolDown() {
      await cluster.stop();
      const dropped = dropFileCache();
      cluster = await start(port);
      return cooling(true, dropped);
    },
    async dispose() {
      await cluster.stop();
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
}

async function givenPlace(serverUrl: string, restart: string | null): Promise<Place> {
  const url = (database: string): string => {
    const changed = new URL(serverUrl);
    changed.pathname = `/${database}`;
    return changed.href;
  };
  return {
    description: await describe(url('postgres')),
    url,
    connect: (database) => connect(url(database)),
    async coolDown() {
      if (restart === null) return cooling(false, false);
      await run('sh', ['-c', restart]);
      const dropped = dropFileCache();
      await untilAnswers(url('postgres'));
      return cooling(true, dropped);
    },
    dispose: async () => undefined,
  };
}

function cooling(restarted: boolean, dropped: boolean): string {
  if (!restarted) return 'on a fresh connection alone (the server could not be restarted)';
  return dropped
    ? "on a fresh connection after a restart of the server and with the operating system's file cache dropped"
    : "on a fresh connection after a restart of the server; the operating system's file cache could not be dropped";
}

/** Has Linux forget the files that it keeps in memory, where this process may ask for it. */
function dropFileCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    // Not root, or not Linux: the report says that it was not done.
    return false;
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'alphapulse bench' });
  await client.connect();
  // A restart of the server ends idle connections; who uses one after that hears of it from the query.
  client.on('error', () => undefined);
  return client;
}

async function untilAnswers(url: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; ) {
    try {
      await (await connect(url)).end();
      return;
    } catch (error) {
      const isStarting = ['ECONNREFUSED', '57P03'].includes(errorCode(error) ?? '');
      if (!isStarting || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function describe(url: string): Promise<string> {
  const client = await connect(url);
  try {
    const { rows } = await client.query<{ name: string; value: string }>(
      `select name, current_setting(name) as value
       from unnest(array['server_version', 'shared_buffers', 'min_wal_size', 'fsync', 'random_page_cost']) name`,
    );
    const [version = '', ...settings] = rows.map(({ name, value }, index) =>
      index === 0 ? value : `${name} ${value}`,
    );
    return `PostgreSQL ${version.split(' ')[0]} (${settings.join(', ')})`;
  } finally {
    await client.end();
  }
}
