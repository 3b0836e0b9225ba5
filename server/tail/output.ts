/**
 * Standard output that tells when it takes no more, when it does again, and when a text has left this process: what was
 * only queued does not count as printed.
 */
import type { Writable } from 'node:stream';

export interface OutputListener {
  blocked(): void;
  drained(): void;
  /** Nothing can be printed any more; said once. `gone`: the reader went away, which is its right. */
  failed(error: Error, gone: boolean): void;
}

interface Write {
  readonly done: (() => void)[];
}

export class Output {
  readonly #stream: Writable;
  readonly #listener: OutputListener;
  /** The newest write that has not left yet. */
  #last: Write | null = null;
  #failed = false;
  #idle: (() => void)[] = [];

  constructor(stream: Writable, listener: OutputListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on('drain', () => listener.drained());
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#failed) return;
      this.#failed = true;
      listener.failed(error, error.code === 'EPIPE');
      this.#settle();
    });
  }

  /** Prints a text, which may be empty. `done` is called once it and all before it have left; never after a failure. */
  print(text: string, done: () => void): void {
    if (this.#failed) return;
    if (text === '') {
      if (this.#last === null) done();
      else this.#last.done.push(done);
      return;
    }
    const write: Write = { done: [done] };
    this.#last = write;
    const takesMore = this.#stream.write(text, (error) => {
      if (error) return;
      for (const act of write.done) act();
      if (this.#last !== write) return;
      this.#last = null;
      this.#settle();
    });
    if (!takesMore) this.#listener.blocked();
  }

  /** Resolves when everything has left, or nothing can any more. */
  idle(): Promise<void> {
    if (this.#last === null || this.#failed) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #settle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const act of waiting) act();
  }
}
