/** The embedded PostgreSQL: a real server in a folder of ours, for those who have no database configured. */
import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { CodedError, messageOf } from '../errors.ts';
import { binariesPackage, prepareBinaries } from './embedded-binaries.ts';
import {
  type Cluster,
  type ClusterPlace,
  initCluster,
  isCluster,
  type Log,
  SUPERUSER,
  startCluster,
} from './embedded-cluster.ts';
import { takeLock } from './embedded-lock.ts';
import { stopOrphan } from './embedded-pidfile.ts';
import { type ServerUser, serverUser } from './embedded-user.ts';

/** Name of the database that is made in the embedded server. */
export const EMBEDDED_DATABASE = 'alphapulse';

/** The running embedded server. */
export interface EmbeddedDatabase {
  /** How to connect, as the server's superuser, to the database `alphapulse`. */
  readonly connection: pg.ClientConfig & {
    host: string;
    port: number;
    user: string;
    password: string;
    database: string;
  };
  readonly url: string;
  /** Ends the server, within about 3 s, and gives the folder free. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded server in `dataDir`, making what is not there yet. It listens on 127.0.0.1 alone, on a port that
 * is free now, and asks for a password that only the folder's owner can read.
 *
 * In the folder: `postgres` (the data), `postgres.log`, `postgres.password`, `lock`. A server that a killed process left
 * running is stopped first. As root it runs as the account `postgres`, or as the owner of an existing data folder.
 *
 * @throws CodedError `embedded_in_use`, `embedded_folder`, `embedded_owner`, `embedded_password`, `embedded_init`,
 *   `embedded_start`, `embedded_orphan`, `embedded_no_user`, `embedded_no_binaries`, `embedded_closed`.
 */
export async function startEmbedded(options: {
  dataDir: string;
  log: Log;
  settings?: Readonly<Record<string, string>>;
  /** Gives the start up; what was begun is ended, and the returned promise rejects. */
  signal?: AbortSignal;
  /** Folder of the package with the binaries; absent: the installed one. */
  binaries?: string;
}): Promise<EmbeddedDatabase> {
  const folder = resolve(options.dataDir);
  await makeFolder(folder);
  const release = await takeLock(join(folder, 'lock'), folder);
  let cluster: Cluster | undefined;
  try {
    const dataDir = join(folder, 'postgres');
    const user = await accountFor(dataDir);
    const binaries = await prepareBinaries(folder, user, options.binaries ?? binariesPackage());
    const place = { dataDir, logFile: join(folder, 'postgres.log'), binaries, user };
    if (await stopOrphan(dataDir)) options.log.warn({ dataDir }, 'stopped the server that an earlier run left behind');
    options.signal?.throwIfAborted();
    const password = await preparePassword(place, join(folder, 'postgres.password'), options);
    const started = await startCluster(place, { log: options.log, settings: options.settings ?? {} });
    cluster = started;
    const connection = {
      host: '127.0.0.1',
      port: started.port,
      user: SUPERUSER,
      password,
      database: EMBEDDED_DATABASE,
    };
    await ensureDatabase(connection);
    options.log.info({ dataDir, port: started.port, pid: started.pid }, 'embedded PostgreSQL is ready');
    let stopped: Promise<void> | undefined;
    return {
      connection,
      url: `postgresql://${SUPERUSER}:${password}@127.0.0.1:${started.port}/${EMBEDDED_DATABASE}`,
      stop() {
        stopped ??= started.stop('fast').finally(release);
        return stopped;
      },
    };
  } catch (error) {
    await cluster?.stop('fast');
    await release();
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new CodedError('embedded_folder', `the data folder ${folder} cannot be used: ${messageOf(cause)}`, {
      value: folder,
      mend: 'set DASHBOARD_DATA_DIR to a folder that this account may write',
      cause,
    });
  }
}

/** Existing data are served by their owner, whoever starts the program: PostgreSQL accepts nobody else. */
async function accountFor(dataDir: string): Promise<ServerUser | null> {
  const facts = await stat(dataDir).catch(() => null);
  const me = process.getuid?.();
  if (facts === null || me === undefined || facts.uid === me) return await serverUser();
  if (me === 0) return { uid: facts.uid, gid: facts.gid };
  throw new CodedError(
    'embedded_owner',
    `${dataDir} belongs to another account (uid ${facts.uid}; this is uid ${me})`,
    {
      value: dataDir,
      mend: 'start the dashboard as root or as that account, or set DASHBOARD_DATA_DIR to another folder',
    },
  );
}

/** The superuser's password: that of the existing data, or a new one together with new data. */
async function preparePassword(
  place: ClusterPlace,
  file: string,
  { log, signal }: { log: Log; signal?: AbortSignal },
): Promise<string> {
  if (await isCluster(place.dataDir)) {
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (cause) {
      throw new CodedError(
        'embedded_password',
        `the password of the embedded database cannot be read: ${messageOf(cause)}`,
        {
          value: file,
          mend: `put the file back, or remove ${place.dataDir} with all its data to begin anew`,
          cause,
        },
      );
    }
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  log.info({ dataDir: place.dataDir }, 'making the embedded PostgreSQL');
  await initCluster(place, password, signal);
  return password;
}

async function ensureDatabase(connection: EmbeddedDatabase['connection']): Promise<void> {
  const client = new pg.Client({ ...connection, database: 'postgres', application_name: 'alphapulse-dashboard setup' });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [EMBEDDED_DATABASE]);
    if (!rowCount) await client.query(`create database ${pg.escapeIdentifier(EMBEDDED_DATABASE)}`);
  } finally {
    await client.end();
  }
}
