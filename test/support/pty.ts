/** A program on a terminal of its own, with a screen that a test can read and keys that it can press. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { vi } from 'vitest';
import * as z from 'zod';
import { packageRoot } from '../../server/root.ts';

/** Whether this machine can make a terminal for a test: Node alone cannot. */
export const HAS_PTY = spawnSync('python3', ['-c', 'import pty, os; os.waitstatus_to_exitcode(0)']).status === 0;

const ending = z.object({ code: z.number(), restored: z.boolean() });
/** A control sequence, or a character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what a terminal reads.
const TOKEN = /\x1b\[(\??)([\d;]*)([A-Za-z])|[\s\S]/gu;

/** The screen as the control sequences that the console writes have it. */
export class Screen {
  columns: number;
  rows: number;
  /** Whether the program's own screen is in sight, in place of the shell's. */
  isOther = false;
  /** How often it was left. */
  timesLeft = 0;
  cursorShown = true;
  wraps = true;
  #lines: string[][] = [];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  get lines(): string[] {
    return Array.from({ length: this.rows }, (_, row) => (this.#lines[row] ?? []).join('').trimEnd());
  }

  get text(): string {
    return this.lines.join('\n');
  }

  write(text: string): void {
    for (const [token, mark, numbers = '', final] of text.matchAll(TOKEN)) {
      if (final === undefined) this.#put(token);
      else if (mark === '?') this.#set(numbers, final === 'h');
      else if (final === 'H')
        [this.#row = 0, this.#column = 0] = numbers.split(';').map((number) => Number(number) - 1);
      else if (final === 'J') this.#lines = [];
      else if (final === 'K') this.#lines[this.#row]?.splice(this.#column);
    }
  }

  #set(mode: string, on: boolean): void {
    if (mode === '1049') this.isOther = on;
    if (mode === '25') this.cursorShown = on;
    if (mode === '7') this.wraps = on;
    if (mode === '1049' && !on) {
      this.timesLeft += 1;
      this.#lines = [];
    }
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#row += 1;
    else {
      this.#lines[this.#row] ??= [];
      const line = this.#lines[this.#row] ?? [];
      while (line.length < this.#column) line.push(' ');
      line[this.#column] = character;
      this.#column += 1;
    }
  }
}

/** A program that runs on a terminal. End it with `kill`, also when a test fails. */
export class TerminalProgram {
  readonly screen: Screen;
  /** Resolves to how it ended: its exit code (negative: a signal), and whether the terminal's settings are as they were. */
  readonly ended: Promise<z.infer<typeof ending>>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 80, rows = 24) {
    this.screen = new Screen(columns, rows);
    const { PATH = '', HOME = '' } = process.env;
    const run = [process.execPath, join(packageRoot(), 'scripts', 'run.mjs'), ...args];
    this.#child = spawn('python3', [join(packageRoot(), 'test/support/terminal.py'), `${columns}`, `${rows}`, ...run], {
      cwd: packageRoot(),
      env: { PATH, HOME, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.screen.write(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    this.ended = once(this.#child, 'close').then(() => ending.parse(JSON.parse(said)));
  }

  press(keys: string): void {
    this.#order({ keys });
  }

  resize(columns: number, rows: number): void {
    this.screen.columns = columns;
    this.screen.rows = rows;
    this.#order({ size: [columns, rows] });
  }

  signal(signal: NodeJS.Signals): void {
    this.#order({ signal });
  }

  async sees(what: RegExp, timeout = 20_000): Promise<void> {
    await vi.waitFor(
      () => {
        if (!what.test(this.screen.text)) throw new Error(`no ${what} on the screen:\n${this.screen.text}`);
      },
      { timeout, interval: 20 },
    );
  }

  /** Ends it by force, if it has not ended. */
  kill(): void {
    this.#child.stdin?.end();
  }

  #order(order: object): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }
}
