/** A real PgBouncer before a test's server, in transaction mode, where this machine has one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { vi } from 'vitest';
import { serverUser } from '../../server/db/embedded-user.ts';
import { freePort } from './free-port.ts';

/** A running pooler. */
export interface Pooler {
  /** The database through it. */
  readonly url: string;
  stop(): Promise<void>;
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The program, also where only root has its folder on the path; null where there is none. */
function program(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, 'pgbouncer')).find(existsSync) ?? null;
}

/** For `describe.skipIf`: what needs the pooler is told as skipped, by name, where there is none. */
export function hasPooler(): boolean {
  return program() !== null;
}

/** Starts a pooler in transaction mode before a server; `ignored` are the startup parameters that it lets pass. */
export async function startPooler(target: Target, ignored: string): Promise<Pooler> {
  const command = program();
  if (command === null) throw new Error('there is no pgbouncer on this machine');
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-pooler-'));
  const user = await serverUser();
  // PgBouncer takes no port 0.
  const port = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  const { host, user: role, password, database } = target;
  await writeFile(
    file,
    `[databases]
${database} = host=${host} port=${target.port} dbname=${database} user=${role} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
ignore_startup_parameters = ${ignored}
`,
  );
  if (user !== null) await Promise.all([folder, file].map((path) => chown(path, user.uid, user.gid)));
  const child = spawn(command, [file], { stdio: 'ignore', ...(user ?? {}) });
  try {
    await answering(child, port);
  } catch (error) {
    await end(child, folder);
    throw error;
  }
  return {
    url: `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`,
    stop: () => end(child, folder),
  };
}

async function answering(child: ChildProcess, port: number): Promise<void> {
  await vi.waitFor(async () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    const socket = connect({ host: '127.0.0.1', port });
    try {
      await once(socket, 'connect');
    } finally {
      socket.destroy();
    }
  }, 10_000);
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  await rm(folder, { recursive: true, force: true });
}
