/** Runs the built program as a process of its own, as a shell would, and sees it to its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { vi } from 'vitest';
import { packageRoot } from '../../server/root.ts';

/** A program that was started, with what it has printed so far. */
export interface Program {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves to the exit code, or to the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** Sends a signal to the whole process group, as a terminal's Ctrl-C does. */
  signalGroup(name: NodeJS.Signals): void;
  /** Resolves to the address that a serving program printed; rejects with its output where it ended instead. */
  ready(): Promise<string>;
}

const READY = /^AlphaPulse dashboard ready at (http:\/\/\S+)$/m;

/**
 * Starts the program with arguments and nothing in its environment but `env` and what a process needs. Built first where
 * dist/ is missing or stale. End it with `stopProgram`, also when a test fails.
 */
export function startProgram(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  return startCommand(process.execPath, [join(packageRoot(), 'scripts', 'run.mjs'), ...args], packageRoot(), env);
}

/** Starts a command in a folder, as `startProgram` does. */
export function startCommand(
  command: string,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Program {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  return new ChildProgram(child);
}

/** Runs a command to its end. */
export async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const program = startProgram(args, env);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Ends a program in order, by force where that fails. Safe to call for one that has ended. */
export async function stopProgram(program: Program | undefined): Promise<void> {
  if (program === undefined) return;
  const force = setTimeout(() => program.signalGroup('SIGKILL'), 10_000);
  program.signal('SIGTERM');
  await program.ended;
  clearTimeout(force);
}

class ChildProgram implements Program {
  readonly pid: number;
  readonly ended: Promise<number | string>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    if (child.pid === undefined) throw new Error('the program could not be started');
    this.pid = child.pid;
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // `close`, not `exit`: only then everything that was printed has arrived.
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) =>
      typeof code === 'number' ? code : String(signal),
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  signalGroup(name: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(-this.pid, name);
  }

  async ready(): Promise<string> {
    let over: number | string | undefined;
    void this.ended.then((code) => {
      over = code;
    });
    await vi.waitUntil(() => READY.test(this.stdout) || over !== undefined, { timeout: 50_000, interval: 20 });
    const address = READY.exec(this.stdout)?.[1];
    if (address === undefined) throw new Error(`the program ended with ${over}:\n${this.stdout}${this.stderr}`);
    return address;
  }
}
