/**
 * The places of streams in a file, for a recorder that is restarted. It is replaced whole, never written into, so that
 * whoever reads it finds one state or the next, whatever ends the writer.
 */
import { open, readFile, rename } from 'node:fs/promises';
import * as z from 'zod';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { CodedError, messageOf } from '../errors.ts';
import type { Place } from './types.ts';

const VERSION = 1;
const content = z.object({
  version: z.literal(VERSION),
  streams: z.partialRecord(
    z.enum(STREAM_NAMES),
    z.object({ cursor: z.string().min(1), printed: z.array(z.string()).default([]) }),
  ),
});

export class CursorFile {
  readonly #path: string;
  readonly #failed: (error: CodedError) => void;
  /** What the file held at first; streams that this run does not follow keep their places. */
  readonly #first: ReadonlyMap<StreamName, Place>;
  #next: ReadonlyMap<StreamName, Place> | null = null;
  #writing: Promise<void> | null = null;

  private constructor(path: string, first: ReadonlyMap<StreamName, Place>, failed: (error: CodedError) => void) {
    this.#path = path;
    this.#first = first;
    this.#failed = failed;
  }

  /**
   * Reads the file; one that is not there holds no places.
   *
   * @param failed is told when the file cannot be written.
   * @throws CodedError `cursor_file` where it cannot be read or is not one of these.
   */
  static async open(path: string, failed: (error: CodedError) => void): Promise<CursorFile> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
        return new CursorFile(path, new Map(), failed);
      throw fault(path, `cannot be read: ${messageOf(error)}`, error);
    }
    return new CursorFile(path, parse(path, text), failed);
  }

  get places(): ReadonlyMap<StreamName, Place> {
    return this.#first;
  }

  /** Has the places written; where a write is under way, once that is done, and then only the newest. */
  save(places: ReadonlyMap<StreamName, Place>): void {
    this.#next = places;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Resolves when what was saved is in the file. Never rejects. */
  async settled(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== null) {
      const streams = Object.fromEntries([...this.#first, ...this.#next]);
      this.#next = null;
      const draft = `${this.#path}.tmp`;
      try {
        const file = await open(draft, 'w');
        try {
          await file.writeFile(`${JSON.stringify({ version: VERSION, streams })}\n`);
          // Before the rename, or a crash of the machine could leave the new name on an empty file.
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, this.#path);
      } catch (error) {
        this.#failed(fault(this.#path, `cannot be written: ${messageOf(error)}`, error));
        return;
      }
    }
  }
}

function parse(path: string, text: string): Map<StreamName, Place> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fault(path, 'is no cursor file: it is not JSON', error);
  }
  const parsed = content.safeParse(value);
  if (!parsed.success) throw fault(path, 'is no cursor file of this version', parsed.error);
  const places = new Map<StreamName, Place>();
  for (const stream of STREAM_NAMES) {
    const place = parsed.data.streams[stream];
    if (place !== undefined) places.set(stream, place);
  }
  return places;
}

function fault(path: string, problem: string, cause: unknown): CodedError {
  return new CodedError('cursor_file', `The cursor file ${path} ${problem}`, {
    value: path,
    mend: 'Name another file, or remove this one to begin with what is committed from now on.',
    cause,
  });
}
