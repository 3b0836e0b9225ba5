/** A real nginx with the product's own example configuration in front of a test's servers, where this machine has one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { packageRoot } from '../../server/root.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

/** A running proxy. */
export interface Nginx {
  /** `https://127.0.0.1:<port>`, with a certificate that nobody knows. */
  readonly url: string;
  /** The same without TLS, for programs of the test. */
  readonly plainUrl: string;
  /** Where browsers come that were given no https. */
  readonly redirectUrl: string;
  stop(): Promise<void>;
}

/** A program of the system, also where only root has its folder on the path; null where there is none. */
export function systemProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? null;
}

/** For `describe.skipIf`: what needs nginx is told as skipped, by name, where it or openssl is missing. */
export function hasNginx(): boolean {
  return systemProgram('nginx') !== null && systemProgram('openssl') !== null;
}

/** A folder with everything that a private nginx needs, and its configuration. */
export interface NginxFolder {
  readonly folder: string;
  readonly file: string;
}

/** Which lines of the example are other in a test. Throws where the example no longer has one of them. */
function adapted(example: string, changes: readonly (readonly [string | RegExp, string])[]): string {
  return changes.reduce((text, [from, to]) => {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`deploy/tls/nginx.conf has nothing like ${from}`);
    return next;
  }, example);
}

/** Writes the example with the test's ports and a certificate of its own, below a configuration that touches nothing of the system. */
export async function nginxFolder(
  servers: readonly number[],
  ports: { readonly tls: number; readonly plain: number; readonly redirect: number },
): Promise<NginxFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-nginx-'));
  // Its workers, which give up being root, have to pass.
  await chmod(folder, 0o711);
  const [key, certificate] = [join(folder, 'dashboard.key'), join(folder, 'dashboard.crt')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=dashboard.example', '-keyout', key, '-out', certificate],
  ]);
  const example = await readFile(join(packageRoot(), 'deploy', 'tls', 'nginx.conf'), 'utf8');
  const site = adapted(example, [
    [/server 127\.0\.0\.1:8050( [^;]+);/, servers.map((port) => `server 127.0.0.1:${port}$1;`).join('\n')],
    ['listen 80;', `listen 127.0.0.1:${ports.redirect};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${ports.tls} ssl; listen 127.0.0.1:${ports.plain};`],
    ['/etc/ssl/dashboard.crt', certificate],
    ['/etc/ssl/private/dashboard.key', key],
  ]);
  await writeFile(join(folder, 'site.conf'), site);
  const file = join(folder, 'nginx.conf');
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = scratch.map((name) => `${name}_temp_path ${join(folder, name)};`);
  await writeFile(
    file,
    `pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
daemon off;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  include ${join(folder, 'site.conf')};
}
`,
  );
  return { folder, file };
}

/** Starts nginx in front of servers of this machine, by their ports. */
export async function startNginx(servers: readonly number[]): Promise<Nginx> {
  const command = systemProgram('nginx');
  if (command === null) throw new Error('there is no nginx on this machine');
  const [tls, plain, redirect] = [await freePort(), await freePort(), await freePort()];
  const { folder, file } = await nginxFolder(servers, { tls, plain, redirect });
  const child = spawn(command, ['-p', folder, '-c', file, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${said}`);
      const socket = connect({ host: '127.0.0.1', port: tls });
      try {
        await once(socket, 'connect');
      } finally {
        socket.destroy();
      }
    }, 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  const [url, plainUrl] = [`https://127.0.0.1:${tls}`, `http://127.0.0.1:${plain}`];
  return { url, plainUrl, redirectUrl: `http://127.0.0.1:${redirect}`, stop };
}

/** SIGTERM is its fast shutdown, of the workers too. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
