/** A real nginx with the product's own example configuration in front of a test's servers, where this machine has one. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../server/root.ts';
import { freePort } from './free-port.ts';
import { adapted, type Proxied, startProxy, systemProgram } from './proxy-program.ts';

const run = promisify(execFile);

/** A running nginx. */
export interface Nginx extends Proxied {
  /** `https://127.0.0.1:<port>`, with a certificate that nobody knows. */
  readonly url: string;
  /** Where browsers come that were given no https. */
  readonly redirectUrl: string;
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
  const site = adapted('deploy/tls/nginx.conf', example, [
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
  const stop = await startProxy(command, ['-p', folder, '-c', file, '-e', 'stderr'], tls, folder);
  const [url, plainUrl] = [`https://127.0.0.1:${tls}`, `http://127.0.0.1:${plain}`];
  return { url, plainUrl, redirectUrl: `http://127.0.0.1:${redirect}`, stop };
}
