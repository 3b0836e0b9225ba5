/**
 * What waits to be written to one connection, and when it goes. A client that asked for bundles (F16) has deltas gathered
 * for the time of a paint, and gets them as one message: a browser pays for each message, and for each picture. Pure; the clock's readings are handed in.
 */
import type { OutFrame } from './frames.ts';

/**
 * How long frames gather, ms: a screen shows no two pictures within it. Who writes a row seldom writes it alone: what several
 * streams are given at once is committed and looked up within this time, and costs a page half of what it does in two pictures.
 */
export const GATHER_MS = 16;
/** Of so many characters no message is made larger by another frame, and what has gathered goes at once. */
export const BUNDLE_CHARS = 65_536;

const HEAD = '{"type":"bundle","frames":[';
const FOOT = ']}';
const EMPTY_CHARS = HEAD.length + FOOT.length;

/** Frames on their way out of one connection. */
export class Outbox {
  readonly #bundles: boolean;
  #frames: OutFrame[] = [];
  #chars = 0;
  /** Whether something has gathered that no client is to wait for. */
  #isUrgent = false;
  /** Since when something waits, epoch ms. */
  #waitsSince = Number.NEGATIVE_INFINITY;

  /** @param bundles whether the client asked for bundles; else every frame is a message and goes at once. */
  constructor(bundles: boolean) {
    this.#bundles = bundles;
  }

  /** Characters that wait. */
  get chars(): number {
    return this.#chars;
  }

  get length(): number {
    return this.#frames.length;
  }

  /**
   * Returns whether it has to be asked anew when to write; where not, it was asked before and the answer stands. `now`: epoch
   * ms.
   */
  add(frame: OutFrame, now: number): boolean {
    if (this.#frames.length === 0) this.#waitsSince = now;
    this.#frames.push(frame);
    this.#chars += charsOf(frame);
    if (frame.mayGather !== true) this.#isUrgent = true;
    return this.#frames.length === 1 || this.#isUrgent || this.#chars >= BUNDLE_CHARS;
  }

  /** Ms until what waits is to go, 0 for at once. `now`: epoch ms. */
  waitMs(now: number): number {
    if (!this.#bundles || this.#isUrgent || this.#chars >= BUNDLE_CHARS) return 0;
    // A clock that was set back must hold nothing up.
    return Math.min(GATHER_MS, Math.max(0, this.#waitsSince + GATHER_MS - now));
  }

  /** Takes all that waits, as the messages that it goes in. */
  take(): readonly OutFrame[] {
    const frames = this.#frames;
    this.clear();
    return this.#bundles ? bundled(frames) : frames;
  }

  clear(): void {
    this.#frames = [];
    this.#chars = 0;
    this.#isUrgent = false;
  }
}

function charsOf({ text, tail }: OutFrame): number {
  return text.length + (tail?.text.length ?? 0);
}

/**
 * Joins frames that follow one another; one that has none beside it stays what it is, and so does one with a tail, whose
 * bytes are made, and compressed, once for all clients.
 */
function bundled(frames: readonly OutFrame[]): OutFrame[] {
  const messages: OutFrame[] = [];
  let run: OutFrame[] = [];
  let chars = EMPTY_CHARS;
  const close = (): void => {
    const [first] = run;
    if (first === undefined) return;
    messages.push(run.length === 1 ? first : { text: `${HEAD}${run.map(({ text }) => text).join(',')}${FOOT}` });
    run = [];
    chars = EMPTY_CHARS;
  };
  for (const frame of frames) {
    const isAlone = frame.tail !== undefined;
    // One more than its own for the comma.
    const more = charsOf(frame) + 1;
    if (isAlone || chars + more > BUNDLE_CHARS) close();
    run.push(frame);
    chars += more;
    if (isAlone) close();
  }
  close();
  return messages;
}
