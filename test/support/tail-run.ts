/** `tail` within the test's own process, on real sockets, with an output that a test can hold up. */
import { Writable } from 'node:stream';
import { vi } from 'vitest';
import { parseCommandLine } from '../../server/command-line.ts';
import { feedTarget } from '../../server/connect/target.ts';
import { runTail } from '../../server/tail/run.ts';

/** A printed line: what it is about, and the whole of its text. */
export interface Line {
  readonly stream: string;
  readonly key: string;
  readonly id: string;
  readonly text: string;
}

const LINE = /^\{"stream":"(\w+)","key":("(?:[^"\\]|\\.)*"),"id":(\d+),/;

/** Parses what `tail` printed; a part of a line at the end is not one yet. */
export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [, stream, key, id] = LINE.exec(line) ?? [];
      if (stream === undefined || key === undefined || id === undefined) throw new Error(`not a row: ${line}`);
      JSON.parse(line);
      return { stream, key: String(JSON.parse(key)), id, text: line };
    });
}

/** An output that takes nothing while it is held. */
class Sink extends Writable {
  text = '';
  /** Most characters that ever stood in the queue before it. */
  deepest = 0;
  #held: (() => void)[] | null = null;

  constructor() {
    super({ highWaterMark: 16_384, decodeStrings: false });
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const go of held) go();
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.deepest = Math.max(this.deepest, this.writableLength);
    const take = (): void => {
      this.text += chunk.toString();
      done();
    };
    if (this.#held === null) take();
    else this.#held.push(take);
  }
}

export class TailRun {
  readonly stdout = new Sink();
  readonly complaints: string[] = [];
  readonly ended: Promise<number>;
  #signal: () => void = () => undefined;
  #code: number | null = null;

  /** @param args as on the command line, behind `tail`. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const command = parseCommandLine(['tail', ...args]);
    if (command.kind !== 'tail') throw new Error(`not tail but ${command.kind}`);
    this.ended = runTail(command.args, feedTarget(command.args, env), {
      stdout: this.stdout,
      complain: (line) => this.complaints.push(line),
      watched: false,
      onSignal: (listener) => {
        this.#signal = listener;
      },
    }).then((code) => {
      this.#code = code;
      return code;
    });
  }

  /** Starts it and waits until every stream is live. */
  static async live(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<TailRun> {
    const run = new TailRun([...args, '--verbose'], env);
    const streams = args.filter((name) => /^[a-z_]+$/.test(name)).length;
    await run.until(() => run.liveTimes >= streams);
    return run;
  }

  /** How often a stream has said that it is live; only with `--verbose`. */
  get liveTimes(): number {
    return this.complaints.filter((line) => line.includes(' is live')).length;
  }

  get lines(): Line[] {
    return parseLines(this.stdout.text);
  }

  /** Ids of all printed rows of a stream, in order. */
  ids(stream: string): number[] {
    return this.lines.flatMap((line) => (line.stream === stream ? [Number(line.id)] : []));
  }

  signal(): void {
    this.#signal();
  }

  /** Ends it in order. @returns the exit code. */
  async stop(): Promise<number> {
    this.signal();
    return this.ended;
  }

  /** The flags with which another run goes on from here, as it said at its end. */
  get sinceFlags(): string[] {
    const words = this.complaints.find((line) => line.startsWith('tail: go on with '));
    return [...(words ?? '').matchAll(/--since '([^']+)'/g)].flatMap(([, cursor]) => ['--since', cursor ?? '']);
  }

  async until(condition: () => boolean, timeout = 20_000): Promise<void> {
    await vi.waitFor(
      () => {
        if (condition()) return;
        const tail = `${this.complaints.slice(-3).join(' | ')}; ${this.stdout.text.slice(-300)}`;
        throw new Error(`not yet; ${this.#code === null ? 'running' : `ended with ${this.#code}`}: ${tail}`);
      },
      { timeout, interval: 10 },
    );
  }
}
