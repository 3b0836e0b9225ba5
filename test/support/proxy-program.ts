/** Proxies of the system, started with the examples that the product brings, where this machine has them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { vi } from 'vitest';

/** A running proxy in front of servers. */
export interface Proxied {
  /** `http://127.0.0.1:<port>`, without TLS, for programs of the test. */
  readonly plainUrl: string;
  stop(): Promise<void>;
}

/** A program of the system, also where only root has its folder on the path; null where there is none. */
export function systemProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? null;
}

/** An example with the lines that are other in a test. Throws where the example no longer has one of them. */
export function adapted(
  name: string,
  example: string,
  changes: readonly (readonly [string | RegExp, string])[],
): string {
  return changes.reduce((text, [from, to]) => {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`${name} has nothing like ${from}`);
    return next;
  }, example);
}

/**
 * Starts a proxy in the foreground and waits until it listens at a port. Answers how to end it, by which its folder goes
 * too. Rejects with what it said where it ends instead.
 */
export async function startProxy(
  command: string,
  args: readonly string[],
  port: number,
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<() => Promise<void>> {
  const child = spawn(command, [...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(async () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
      const socket = connect({ host: '127.0.0.1', port });
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
  return stop;
}
