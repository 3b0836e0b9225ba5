/** Child processes of a benchmark: what is measured runs beside the measuring, not in it. */
import { type ChildProcess, spawn } from 'node:child_process';

/** Starts a program and resolves with the first match of `ready` in its output. */
export async function startUntil(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  ready: RegExp,
): Promise<{ child: ChildProcess; match: string }> {
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const match = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      const found = ready.exec(output);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    child.once('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}: ${output}`)));
  });
  return { child, match };
}

/** Ends a child and resolves when it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/** The next message that a child sends. Throws when it ends instead. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const heard = (message: unknown): void => {
      child.off('exit', gone);
      resolve(message);
    };
    const gone = (code: number | null): void => {
      child.off('message', heard);
      reject(new Error(`a process ended with ${code} before it answered`));
    };
    child.once('message', heard);
    child.once('exit', gone);
  });
}
