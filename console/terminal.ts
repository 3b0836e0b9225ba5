/** The terminal: its own screen while the console runs, and left as it was found however that ends. */
import { writeSync } from 'node:fs';
import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Line } from './cells.ts';
import type { Key } from './choices.ts';
import type { Size } from './screen.ts';
import { type Looks, styled } from './style.ts';

const STDOUT = 1;
/** The other screen, no cursor, no wrapping of what is too long. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';
/** A terminal that does not know its size, as behind some serial lines. */
const USUAL: Size = { columns: 80, rows: 24 };

export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #looks: Looks;
  #isOpen = false;
  /** What stands on the screen, line by line. */
  #shown: string[] = [];

  /** @param listener is told of keys and of another size. */
  constructor(
    input: ReadStream,
    output: WriteStream,
    looks: Looks,
    listener: { key(key: Key): void; resized(): void },
  ) {
    this.#input = input;
    this.#output = output;
    this.#looks = looks;
    emitKeypressEvents(input);
    input.on('keypress', (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
      listener.key({ name: key.name ?? '', text: text ?? '', ctrl: key.ctrl === true });
    });
    output.on('resize', () => {
      this.forget();
      listener.resized();
    });
  }

  get size(): Size {
    const { columns, rows } = this.#output;
    return columns > 0 && rows > 0 ? { columns, rows } : USUAL;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#write(ENTER);
    this.forget();
  }

  /** Gives the terminal back. Safe to call at any time and twice, also while the process ends. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#write(LEAVE);
      this.#input.setRawMode(false);
      this.#input.pause();
    } catch (error) {
      // A terminal that is gone needs nothing back.
      if (!isGone(error)) throw error;
    }
  }

  /** Takes nothing for granted that stands on the screen: everything is drawn anew. */
  forget(): void {
    this.#shown = [];
  }

  /** Shows the lines; what already stands there is left alone. */
  draw(lines: readonly Line[]): void {
    if (!this.#isOpen) return;
    let text = this.#shown.length === 0 ? '\x1b[2J' : '';
    const next = lines.map((line) => styled(line, this.#looks));
    for (const [index, line] of next.entries()) {
      if (line !== this.#shown[index]) text += `\x1b[${index + 1};1H${line}\x1b[K`;
    }
    this.#shown = next;
    if (text !== '') this.#write(text);
  }

  /** Past the stream's queue, so that what is written last is there when the process ends. */
  #write(text: string): void {
    const bytes = Buffer.from(text);
    for (let sent = 0; sent < bytes.length; ) {
      try {
        sent += writeSync(STDOUT, bytes, sent);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
        // A slow line has not taken the last part yet.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    }
  }
}

/** Whether an error says that the terminal was closed. */
export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EIO' || error.code === 'EPIPE');
}
