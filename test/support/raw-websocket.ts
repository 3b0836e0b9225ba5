/**
 * A WebSocket client made of a bare TCP socket: for bytes that a library would not send, and for the very bytes that the
 * server sends.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { inflateRawSync } from 'node:zlib';
import { vi } from 'vitest';
import { serverMessage } from '../../shared/bundle.ts';
import type { ServerFrame } from '../../shared/protocol.ts';

/** Opcodes of RFC 6455. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What a frame's head says; the defaults are those of a whole, masked text frame. */
export interface Head {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits, 4 for RSV1 (compressed). */
  readonly reserved?: number;
  readonly masked?: boolean;
}

/** A frame as a client sends it. */
export function clientFrame(
  payload: Buffer | string,
  { opcode = 1, fin = true, reserved = 0, masked = true }: Head = {},
): Buffer {
  const body = Buffer.from(payload);
  const size = body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + size);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? body.length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(body.length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(body.length), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = randomBytes(4);
  for (let i = 0; i < body.length; i += 1) body[i] = (body[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, body]);
}

/** A message that the server sent. */
export interface RawMessage {
  readonly text: string;
  readonly compressed: boolean;
  /** How many WebSocket frames it came in. */
  readonly fragments: number;
  /** Its bytes on the wire, heads included; control frames between fragments are left out. */
  readonly bytes: Buffer;
}

export class RawWebSocket {
  readonly messages: RawMessage[] = [];
  /** The frames of all messages, those of bundles one by one. */
  readonly frames: ServerFrame[] = [];
  /** The answer to the handshake; empty until it came. */
  handshake = '';
  /** The server's close frame; code 1005 where it had none. Null while there is none. */
  closeFrame: { readonly code: number; readonly reason: string } | null = null;
  /** Whether the TCP connection has ended. */
  ended = false;
  /** What TCP said of the connection's end, where it was not an orderly one. */
  fault: string | null = null;
  /** The first thing that the server sent wrongly. */
  breach: Error | null = null;
  /** Called with what each ping carried; by default it is answered. Who does not answer is dropped after two heartbeats. */
  onPing = (payload: Buffer): void => this.write(clientFrame(payload, { opcode: OPCODE.pong }));
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #parts: { payload: Buffer; wire: Buffer }[] = [];
  #compressed = false;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    const { hostname, port, pathname, search } = new URL(url);
    this.socket = connect(Number(port), hostname);
    const all = {
      Host: `${hostname}:${port}`,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Version': '13',
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`);
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.on('close', () => {
      this.ended = true;
    });
    // A reset is an end like any other, and `close` follows.
    this.socket.on('error', (error) => {
      this.fault = error.message;
    });
  }

  /** Connects and waits for hello. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawWebSocket> {
    const client = new RawWebSocket(url, headers);
    await client.until(() => client.frames.length > 0);
    return client;
  }

  /** Sends bytes as they are. */
  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** Sends a frame of the protocol. */
  say(frame: object): void {
    this.write(clientFrame(JSON.stringify(frame)));
  }

  /** Ends the TCP connection without a word; with `reset`, by RST. */
  cut(reset = false): void {
    if (reset) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  async until(condition: () => boolean, timeout = 15_000): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.breach !== null) throw this.breach;
        if (!condition())
          throw new Error(
            `not yet; ${this.messages.length} messages came, the last: ${this.messages.at(-1)?.text.slice(0, 300)}`,
          );
      },
      { timeout, interval: 2 },
    );
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.handshake === '') {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.handshake = this.#received.subarray(0, end).toString('latin1');
      this.#received = this.#received.subarray(end + 4);
    }
    // What follows a refusal is the body of an HTTP answer.
    if (!this.handshake.startsWith('HTTP/1.1 101')) return;
    try {
      while (this.#takeFrame());
    } catch (error) {
      this.breach ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Takes one frame off what was received; false where it is not whole yet. */
  #takeFrame(): boolean {
    const received = this.#received;
    if (received.length < 2) return false;
    const first = received.readUInt8(0);
    const short = received.readUInt8(1);
    if ((short & 0x80) !== 0) throw new Error('a frame of the server is masked');
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (received.length < head) return false;
    const length = head === 2 ? short : head === 4 ? received.readUInt16BE(2) : Number(received.readBigUInt64BE(2));
    if (received.length < head + length) return false;
    const wire = received.subarray(0, head + length);
    this.#received = received.subarray(head + length);
    this.#takeWhole(first, wire.subarray(head), wire);
    return true;
  }

  #takeWhole(first: number, payload: Buffer, wire: Buffer): void {
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if (opcode === OPCODE.ping) {
      this.onPing(payload);
      return;
    }
    if (opcode === OPCODE.pong) return;
    if (opcode === OPCODE.close) {
      this.closeFrame ??= {
        code: payload.length < 2 ? 1005 : payload.readUInt16BE(0),
        reason: payload.subarray(2).toString('utf8'),
      };
      this.write(clientFrame(payload, { opcode: OPCODE.close }));
      return;
    }
    if ((opcode === OPCODE.continuation) !== this.#parts.length > 0) throw new Error(`opcode ${opcode} out of order`);
    if (opcode === OPCODE.binary) throw new Error('a binary frame');
    if (opcode !== OPCODE.continuation) this.#compressed = (first & 0x40) !== 0;
    this.#parts.push({ payload, wire });
    if (final) this.#takeMessage();
  }

  #takeMessage(): void {
    const parts = this.#parts;
    this.#parts = [];
    const payload = Buffer.concat(parts.map((part) => part.payload));
    const compressed = this.#compressed;
    // RFC 7692: a message's deflate stream lacks its last four bytes.
    const plain = compressed
      ? inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), { finishFlush: 2 })
      : payload;
    const text = plain.toString('utf8');
    this.messages.push({
      text,
      compressed,
      fragments: parts.length,
      bytes: Buffer.concat(parts.map(({ wire }) => wire)),
    });
    const message = serverMessage.parse(JSON.parse(text));
    this.frames.push(...(message.type === 'bundle' ? message.frames : [message]));
  }
}
