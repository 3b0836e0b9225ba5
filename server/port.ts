/** Tells before anything is started whether a port is free, and who holds it where it is not. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { CodedError } from './errors.ts';

/**
 * Tries to listen at an address for a moment.
 *
 * @returns the port: the one that was free where 0 was asked for.
 * @throws CodedError `port_in_use`, `port_forbidden` or `address_unknown`; whatever else `listen` meets as it is.
 */
export async function requireFreePort(host: string, port: number): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', (error) => reject(explainListenError(error, host, port)));
    probe.listen({ host, port }, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

/** Puts what `listen` reports into words, with the holder of the port where it is in use. Other errors pass as they are. */
export function explainListenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const value = `${host}:${port}`;
  if (code === 'EADDRINUSE') {
    const holder = holderOf(port);
    return new CodedError('port_in_use', `Port ${port} at ${host} is in use${holder === null ? '' : ` by ${holder}`}`, {
      value,
      mend: 'Stop what holds it, or choose another one with --port or DASHBOARD_PORT (0: any free one).',
      cause: error,
    });
  }
  if (code === 'EACCES') {
    return new CodedError('port_forbidden', `This user may not listen at port ${port}`, {
      value,
      mend: 'Choose a port from 1024 with --port or DASHBOARD_PORT.',
      cause: error,
    });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new CodedError('address_unknown', `This machine has no address ${host}`, {
      value,
      mend: 'Set --host or DASHBOARD_HOST to an address of this machine, 127.0.0.1 for this machine alone.',
      cause: error,
    });
  }
  return error;
}

const LISTENING = '0A';

/**
 * The process that listens at a TCP port, as `process 4711 (node server.js)`; null where the system does not tell: on
 * other systems than Linux, or when the process is another user's.
 */
export function holderOf(port: number): string | null {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, port)));
  if (sockets.size === 0) return null;
  for (const pid of entriesOf('/proc').filter((name) => /^\d+$/.test(name))) {
    const holds = entriesOf(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`)))?.[1];
      return inode !== undefined && sockets.has(inode);
    });
    if (!holds) continue;
    // The program and its first argument name it; what comes after may be secret.
    const command = tryRead(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      .split('\0', 2)
      .join(' ')
      .trim();
    return `process ${pid}${command === '' ? '' : ` (${command})`}`;
  }
  return null;
}

/** Inodes of the sockets that listen at a port, out of the kernel's table (proc_net_tcp(5): state and inode). */
function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return tryRead(() => readFileSync(table, 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local, , state, , , , , , inode]) =>
      state === LISTENING && inode !== undefined && local?.endsWith(suffix) ? [inode] : [],
    );
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Processes end while they are looked at, and those of others do not open: neither is the one that can be named.
    return [];
  }
}

function tryRead(read: () => string): string {
  try {
    return read();
  } catch {
    // As above: what cannot be read is not named.
    return '';
  }
}
