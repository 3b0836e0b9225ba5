/** The account that the embedded PostgreSQL runs as, and whether that account can reach a folder. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CodedError } from '../errors.ts';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root, so a root process hands its server to this account. */
const ACCOUNT = 'postgres';

/** An unprivileged account: its numeric user and group. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account to run the server as, or null where the current one will do (anything but root). Makes the system account
 * `postgres` where root has none.
 *
 * @throws CodedError embedded_no_user where root can neither find nor make the account.
 */
export async function serverUser(): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null;
  return (await lookUp()) ?? (await create());
}

async function lookUp(): Promise<ServerUser | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', ACCOUNT]), run('id', ['-g', ACCOUNT])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // `id` exits with an error exactly where the account does not exist; the caller then makes it.
    return null;
  }
}

async function create(): Promise<ServerUser> {
  const attempts: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', ACCOUNT]],
    ['adduser', ['-S', '-D', '-H', '-s', '/sbin/nologin', ACCOUNT]],
  ];
  const failures: unknown[] = [];
  for (const [command, args] of attempts) {
    try {
      await run(command, args);
    } catch (error) {
      failures.push(error);
    }
    // Looked up after a failure too: another process may have made the account in between.
    const user = await lookUp();
    if (user !== null) return user;
  }
  throw new CodedError('embedded_no_user', `root may not run PostgreSQL, and the account ${ACCOUNT} cannot be made`, {
    value: ACCOUNT,
    mend: `make it with "useradd --system ${ACCOUNT}", or start the dashboard as an ordinary user`,
    cause: new AggregateError(failures),
  });
}

/**
 * The first folder on the way to `path` that `user` may not pass, or null where the way is open. Levels that do not
 * exist yet are open: whoever makes them decides. Access control lists are not looked at.
 */
export async function closedFolder(path: string, user: ServerUser | null): Promise<string | null> {
  if (user === null) return null;
  const way: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    way.unshift(at);
    if (dirname(at) === at) break;
  }
  for (const folder of way) {
    const facts = await stat(folder).catch(() => null);
    if (facts === null) return null;
    if (!facts.isDirectory()) continue;
    const bit = facts.uid === user.uid ? 0o100 : facts.gid === user.gid ? 0o010 : 0o001;
    if ((facts.mode & bit) === 0) return folder;
  }
  return null;
}

/** The error for a folder that the server's account has to reach and cannot. */
export function closedError(closed: string, wanted: string, cause?: unknown): CodedError {
  return new CodedError('embedded_closed', `the account ${ACCOUNT} cannot reach ${wanted}: ${closed} is closed to it`, {
    value: closed,
    mend: `open it with "chmod o+x ${closed}", set DASHBOARD_DATA_DIR to a folder that is open, or start as an ordinary user`,
    cause,
  });
}
