/**
 * What a client has taken of what it was sent. What the operating system has buffered looks sent, so the client itself
 * has to say: a ping every so many bytes carries their count, and the pong brings it back.
 */
import { Deque } from './deque.ts';

/** A ping is due after so many bytes. */
const PING_BYTES = 65_536;
/** With so much unacknowledged nothing more is sent; the rest of it waits in the log, which is there once for all. */
const MOST_UNACKNOWLEDGED = 262_144;
/** So much may always be under way, however long the way is. */
const LEAST_UNACKNOWLEDGED = 65_536;
/** A client whose acknowledgements take longer than this gets no more than the least under way, so that it is not late. */
const PROMPT_MS = 500;

export class Credit {
  #sent = 0;
  #acknowledged = 0;
  #pinged = 0;
  /** Until everything up to here is acknowledged, being late does not mean being slow. */
  #excused = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #pings: Deque<{ readonly bytes: number; readonly payload: string; readonly at: number }> | null = null;

  /** Bytes under way. */
  get unacknowledged(): number {
    return this.#sent - this.#acknowledged;
  }

  /** Notes bytes as sent. */
  send(bytes: number): void {
    this.#sent += bytes;
  }

  /** Whether a ping is due after what was sent. */
  get isPingDue(): boolean {
    return this.#sent - this.#pinged >= PING_BYTES;
  }

  /**
   * Notes a ping as sent and returns what it carries: the bytes so far, and a mark behind them that nobody can guess, so that
   * only who has read up to here can answer. Who could answer unread bytes would have the memory of the server filled.
   */
  ping(now: number, mark = ''): string {
    this.#pinged = this.#sent;
    this.#pings ??= new Deque();
    const payload = `${this.#sent}${mark}`;
    this.#pings.push({ bytes: this.#sent, payload, at: now });
    return payload;
  }

  /** Takes what a pong carried; true where it acknowledges something. Pongs that answer no ping count for nothing. */
  pong(payload: string, now: number): boolean {
    if (this.#pings === null || !/^\d{1,15}(\D|$)/.test(payload)) return false;
    const bytes = Number.parseInt(payload, 10);
    let place = 0;
    for (let ping = this.#pings.at(0); ping?.payload !== payload; ping = this.#pings.at(place)) {
      if (ping === undefined || ping.bytes > bytes) return false;
      place += 1;
    }
    // One pong may stand for all pings before it (RFC 6455, section 5.5.3).
    for (let answered = 0; answered <= place; answered += 1) this.#pings.shift();
    this.#acknowledged = bytes;
    this.#answeredAt = now;
    return true;
  }

  /** Lets everything sent so far not count as being slow: history may be large. */
  excuse(): void {
    this.#excused = this.#sent;
  }

  get isExcused(): boolean {
    return this.#acknowledged + PING_BYTES < this.#excused;
  }

  /** Whether more may be sent, with `queued` bytes about to be. The clock is only asked where it matters. */
  hasRoom(clock: { now(): number }, queued: number): boolean {
    const ahead = this.#sent - this.#acknowledged + queued;
    return ahead < LEAST_UNACKNOWLEDGED || (ahead < MOST_UNACKNOWLEDGED && this.lagMs(clock.now()) < PROMPT_MS);
  }

  /** Whether so little is under way, `queued` bytes about to be included, that a snapshot will not be old when it arrives. */
  isDrainedWith(queued: number): boolean {
    return this.unacknowledged + queued < LEAST_UNACKNOWLEDGED;
  }

  /** Ms for which the oldest ping has waited for its answer; 0 where none waits. */
  lagMs(now: number): number {
    const oldest = this.#pings?.at(0);
    return oldest === undefined ? 0 : Math.max(0, now - oldest.at);
  }

  /** Ms since the last answer, while one is owed. */
  silentMs(now: number): number {
    const oldest = this.#pings?.at(0);
    return oldest === undefined ? 0 : Math.max(0, now - Math.max(oldest.at, this.#answeredAt));
  }
}
