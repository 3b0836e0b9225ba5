/** HTTP on a bare TCP socket: for requests that a library would mend or refuse to send. */
import { connect, type Socket } from 'node:net';
import { vi } from 'vitest';

/** An answer as it came. */
export interface RawAnswer {
  /** 0 where the connection ended without any. */
  readonly status: number;
  /** Names in small letters; the last of several. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly text: string;
}

/** A bare connection, with what it has been sent so far. */
export class RawHttp {
  readonly #socket: Socket;
  text = '';
  isEnded = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk) => {
      this.text += String(chunk);
    });
    this.#socket.on('close', () => {
      this.isEnded = true;
    });
    // A server that cuts the connection is what some tests look for.
    this.#socket.on('error', () => undefined);
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes, 'latin1');
  }

  /** Takes nothing of what comes, until `goOnReading`. */
  stopReading(): void {
    this.#socket.pause();
  }

  goOnReading(): void {
    this.#socket.resume();
  }

  /** Closes this side alone. */
  finish(): void {
    this.#socket.end();
  }

  async until(condition: () => boolean, timeout = 20_000): Promise<void> {
    await vi.waitUntil(condition, { timeout, interval: 10 });
  }

  /** Waits until the server has closed. */
  async ended(timeout?: number): Promise<RawAnswer> {
    await this.until(() => this.isEnded, timeout);
    return answerOf(this.text);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Sends one request and waits for its answer; `head` is everything up to the empty line, without it. */
export async function rawRequest(port: number, head: string, body: string | Buffer = ''): Promise<RawAnswer> {
  const connection = new RawHttp(port);
  try {
    connection.send(`${head}\r\nConnection: close\r\n\r\n`);
    if (body.length > 0) connection.send(body);
    return await connection.ended();
  } finally {
    connection.destroy();
  }
}

function answerOf(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0),
    headers: Object.fromEntries(headers),
    body: text.slice(end + 4),
    text,
  };
}
