/** A real Caddy with the product's own example configuration in front of a test's servers, where this machine has one. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { freePort } from './free-port.ts';
import { adapted, type Proxied, startProxy, systemProgram } from './proxy-program.ts';

/** For `describe.skipIf`: what needs Caddy is told as skipped, by name, where there is none. */
export function hasCaddy(): boolean {
  return systemProgram('caddy') !== null;
}

/** Starts Caddy in front of servers of this machine, by their ports; without TLS, for which it would make an authority. */
export async function startCaddy(servers: readonly number[]): Promise<Proxied> {
  const command = systemProgram('caddy');
  if (command === null) throw new Error('there is no caddy on this machine');
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-caddy-'));
  const example = await readFile(join(packageRoot(), 'deploy', 'tls', 'Caddyfile'), 'utf8');
  const site = adapted('deploy/tls/Caddyfile', example, [
    ['dashboard.example {', `{\n\tadmin off\n}\nhttp://127.0.0.1:${port} {`],
    ['\ttls internal\n', ''],
    ['reverse_proxy 127.0.0.1:8050', `reverse_proxy ${servers.map((server) => `127.0.0.1:${server}`).join(' ')}`],
  ]);
  const file = join(folder, 'Caddyfile');
  await writeFile(file, site);
  // Where it keeps what it likes to keep.
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const stop = await startProxy(command, ['run', '--adapter', 'caddyfile', '--config', file], port, folder, env);
  return { plainUrl: `http://127.0.0.1:${port}`, stop };
}
