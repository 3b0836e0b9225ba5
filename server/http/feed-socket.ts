/** The socket as the feed core knows it: frames are written past the library, so that each is made once for all clients. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { Credit } from '../feed/credit.ts';
import type { OutFrame } from '../feed/frames.ts';
import type { Transport } from '../feed/session.ts';
import { encodePing, piecesOf } from './text-frame.ts';

/** How long a closing handshake may take before the socket is cut. */
export const CLOSE_TIMEOUT_MS = 1000;

/** What a ping carries behind its count; begins with no digit. */
function mark(): string {
  return `.${randomBytes(6).toString('base64url')}`;
}

export class SocketTransport implements Transport {
  readonly credit = new Credit();
  readonly #socket: WebSocket;
  readonly #raw: Socket;
  readonly #deflated: boolean;
  readonly #sentAway: (code: number, reason: string) => void;
  /** What the operating system had taken when it was last looked at. */
  #taken = 0;

  /** @param sentAway is told of each close by the server. */
  constructor(socket: WebSocket, raw: Socket, sentAway: (code: number, reason: string) => void = () => {}) {
    this.#sentAway = sentAway;
    this.#socket = socket;
    this.#raw = raw;
    this.#deflated = socket.extensions.includes('permessage-deflate');
  }

  write(frames: readonly OutFrame[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const written = frames.map((frame) => piecesOf(frame, this.#deflated));
    // One write to the operating system a flush; what is a single buffer is one anyway.
    const isMany = written.length > 1 || (written[0]?.length ?? 0) > 1 || (written[0]?.[0]?.length ?? 0) > 1;
    if (isMany) this.#raw.cork();
    for (const piece of written.flat()) {
      for (const bytes of piece) {
        this.#raw.write(bytes);
        this.credit.send(bytes.length);
      }
      // The answer tells how much of what stands before it has been read.
      if (this.credit.isPingDue) this.#raw.write(encodePing(this.credit.ping(Date.now(), mark())));
    }
    if (isMany) this.#raw.uncork();
  }

  /** Asks for a sign of life. */
  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN)
      this.#raw.write(encodePing(this.credit.ping(Date.now(), mark())));
  }

  /**
   * Whether the peer still answers; one that has not for two heartbeats is cut (F13). Progress in what it has taken counts
   * as an answer: the pong of a slow reader stands in the queue behind it. Who has much to read has the feed's deadline.
   */
  answers(heartbeatMs: number): boolean {
    const taken = this.#raw.bytesWritten - this.#raw.writableLength;
    const isTaking = taken > this.#taken && this.#raw.writableLength > 0;
    this.#taken = taken;
    if (isTaking || !this.credit.isDrainedWith(0) || this.credit.silentMs(Date.now()) <= 2 * heartbeatMs) return true;
    this.#socket.terminate();
    return false;
  }

  close(code: number, reason: string): void {
    this.#sentAway(code, reason);
    this.#socket.close(code, reason);
    // A peer that does not answer the close would otherwise be kept for half a minute.
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }
}
