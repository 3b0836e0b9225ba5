/**
 * The least that speaks WebSocket as a client: a raw socket, a scanner of frame heads, a pong for every ping. The load of a
 * benchmark comes from thousands of these, so that it is the server that is measured and not its clients.
 */
import { connect, type Socket } from 'node:net';

const TEXT_OR_BINARY = 0x02;
const CLOSE = 0x08;
const PING = 0x09;
const FINAL = 0x80;
const OPCODE = 0x0f;
/** A frame's `type` stands within this many first bytes: `{"type":"subscribed"`. */
const HEAD_BYTES = 20;

/** What a client hears of. */
export interface ClientEvents {
  /** The handshake is through. */
  open?(): void;
  /** A message ended. `head` is the start of its text (up to 20 characters; what was compressed is not text). */
  message(head: string, bytes: number, text: string | null): void;
  /** The connection is gone; `code` is that of the close frame, null where none came. */
  closed?(code: number | null): void;
}

/** Where and how to connect. */
export interface ClientOptions {
  readonly port: number;
  readonly path: string;
  /** Whether whole messages are wanted, or their heads only. */
  readonly texts?: boolean;
  /** Negotiates compression, as browsers do. */
  readonly deflate?: boolean;
  /** Bytes a second that are read; absent: at once. 0: nothing after the handshake. */
  readonly rate?: number;
}

/** Slow readers take a sip this often. */
const SIP_MS = 25;
/** All sockets of the process read into one buffer: each read is scanned before the next. */
const shared = Buffer.allocUnsafe(262_144);

/** A client on one connection to 127.0.0.1. */
export class WebSocketClient {
  readonly #socket: Socket;
  readonly #events: ClientEvents;
  readonly #scanner: FrameScanner;
  #handshake = '';
  #open = false;
  #sips: NodeJS.Timeout | undefined;

  constructor(options: ClientOptions, events: ClientEvents) {
    this.#events = events;
    this.#scanner = new FrameScanner(options.texts === true, events, (payload) => this.#pong(payload));
    const address = { port: options.port, host: '127.0.0.1', noDelay: true };
    if (options.rate === undefined) {
      const callback = (length: number, buffer: Uint8Array): boolean => {
        this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        return true;
      };
      this.#socket = connect({ ...address, onread: { buffer: shared, callback } });
    } else {
      this.#socket = connect({ ...address, readableHighWaterMark: 16_384 } as typeof address);
      this.#sip(options.rate);
    }
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      clearInterval(this.#sips);
      events.closed?.(this.#scanner.closeCode);
    });
    const extensions = options.deflate
      ? 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n'
      : '';
    this.#socket.write(
      `GET ${options.path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extensions}\r\n`,
    );
  }

  /** Reads on without a limit, where there was one. */
  hurry(): void {
    clearInterval(this.#sips);
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // It was paused by hand, and a listener alone does not wake it.
    this.#socket.resume();
  }

  /** Cuts the connection at once, leaving no port behind that waits. */
  cut(): void {
    this.#socket.resetAndDestroy();
  }

  #sip(rate: number): void {
    let last = performance.now();
    let allowance = 0;
    this.#socket.pause();
    this.#sips = setInterval(() => {
      const now = performance.now();
      // What was not there to be read is not made up for later.
      allowance = Math.min(allowance + (rate * (now - last)) / 1000, Math.max(rate, 4096));
      last = now;
      while (true) {
        const room = this.#open ? Math.floor(allowance) : 4096;
        if (room < 1) return;
        const chunk: unknown = this.#socket.read(Math.min(room, this.#socket.readableLength));
        if (!(chunk instanceof Buffer)) return;
        allowance -= chunk.length;
        this.#take(chunk);
      }
    }, SIP_MS);
  }

  #take(chunk: Buffer): void {
    if (this.#open) {
      this.#scanner.push(chunk);
      return;
    }
    this.#handshake += chunk.toString('latin1');
    const end = this.#handshake.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!this.#handshake.startsWith('HTTP/1.1 101')) throw new Error(`refused: ${this.#handshake.slice(0, end)}`);
    const rest = Buffer.from(this.#handshake.slice(end + 4), 'latin1');
    this.#handshake = '';
    this.#open = true;
    this.#events.open?.();
    this.#scanner.push(rest);
  }

  /** Answers a ping; the mask is zero, so that the payload goes as it came. */
  #pong(payload: Buffer): void {
    const head = Buffer.from([FINAL | 0x0a, 0x80 | payload.length, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

/** Finds messages in a stream of unmasked frames, fragments and control frames. */
class FrameScanner {
  readonly #texts: boolean;
  readonly #events: ClientEvents;
  readonly #ping: (payload: Buffer) => void;
  closeCode: number | null = null;
  /** A frame's head that came in part. */
  #partHead: Buffer = Buffer.alloc(0);
  #opcode = 0;
  #isLast = false;
  /** Bytes of the current frame's payload that are still to come. */
  #left = 0;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headLength = 0;
  #bytes = 0;
  #pieces: Buffer[] = [];
  #control: Buffer = Buffer.alloc(0);

  constructor(texts: boolean, events: ClientEvents, ping: (payload: Buffer) => void) {
    this.#texts = texts;
    this.#events = events;
    this.#ping = ping;
  }

  push(received: Buffer): void {
    let chunk = received;
    if (this.#partHead.length > 0) {
      chunk = Buffer.concat([this.#partHead, received]);
      this.#partHead = Buffer.alloc(0);
    }
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        const next = this.#frameHead(chunk, at);
        if (next === null) {
          // The buffer that it lies in is used for other sockets too.
          this.#partHead = Buffer.from(chunk.subarray(at));
          return;
        }
        at = next;
        if (this.#left > 0) continue;
      } else {
        const size = Math.min(this.#left, chunk.length - at);
        this.#payload(chunk, at, size);
        this.#left -= size;
        at += size;
        if (this.#left > 0) return;
      }
      this.#frameEnd();
    }
  }

  /** Reads a frame's head; answers where its payload begins, null where the head is not whole yet. */
  #frameHead(chunk: Buffer, at: number): number | null {
    const available = chunk.length - at;
    if (available < 2) return null;
    const first = chunk[at] ?? 0;
    const short = chunk[at + 1] ?? 0;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (available < size) return null;
    this.#opcode = first & OPCODE;
    this.#isLast = (first & FINAL) !== 0;
    if (size === 2) this.#left = short;
    else this.#left = size === 4 ? chunk.readUInt16BE(at + 2) : Number(chunk.readBigUInt64BE(at + 2));
    return at + size;
  }

  #payload(chunk: Buffer, at: number, size: number): void {
    if (this.#opcode > TEXT_OR_BINARY) {
      this.#control = Buffer.concat([this.#control, chunk.subarray(at, at + size)]);
      return;
    }
    if (this.#headLength < HEAD_BYTES) {
      this.#headLength += chunk.copy(
        this.#head,
        this.#headLength,
        at,
        at + Math.min(size, HEAD_BYTES - this.#headLength),
      );
    }
    this.#bytes += size;
    if (this.#texts) this.#pieces.push(Buffer.from(chunk.subarray(at, at + size)));
  }

  #frameEnd(): void {
    if (this.#opcode > TEXT_OR_BINARY) {
      if (this.#opcode === PING) this.#ping(this.#control);
      if (this.#opcode === CLOSE && this.#control.length >= 2) this.closeCode = this.#control.readUInt16BE(0);
      this.#control = Buffer.alloc(0);
      return;
    }
    if (!this.#isLast) return;
    const head = this.#head.toString('latin1', 0, this.#headLength);
    const text = this.#texts ? Buffer.concat(this.#pieces).toString('utf8') : null;
    const bytes = this.#bytes;
    this.#headLength = 0;
    this.#bytes = 0;
    this.#pieces = [];
    this.#events.message(head, bytes, text);
  }
}

/** The type that a message's head names; an empty string for what is no frame of the feed. */
export function typeOf(head: string): string {
  return /^\{"type":"(\w+)/.exec(head)?.[1] ?? '';
}
