/** A program on the real socket that keeps what it is sent, for tests that wait for a condition. */
import { vi } from 'vitest';
import WebSocket from 'ws';
import { type Frame, type ServerFrame, serverFrame } from '../../shared/protocol.ts';

export class FeedSocket {
  readonly frames: ServerFrame[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly socket: WebSocket;

  constructor(url: string, options: WebSocket.ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data) => this.frames.push(serverFrame.parse(JSON.parse(String(data)))));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    // A refused or cut connection closes as well, and that is what the tests look at.
    this.socket.on('error', () => undefined);
  }

  /** Connects and waits for hello. */
  static async open(url: string, options: WebSocket.ClientOptions = {}): Promise<FeedSocket> {
    const feed = new FeedSocket(url, options);
    await feed.until(() => feed.of('hello').length > 0);
    return feed;
  }

  say(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Subscribes and waits for `synced`. */
  async subscribe(frame: { id: string; stream: string } & Readonly<Record<string, unknown>>): Promise<void> {
    const before = this.of('synced').length;
    this.say({ type: 'subscribe', ...frame });
    await this.until(() => this.of('synced').length > before);
  }

  of<T extends ServerFrame['type']>(type: T): Frame<T>[] {
    return this.frames.filter((frame): frame is Frame<T> => frame.type === type);
  }

  /** Ids of all rows that deltas carried, in order. */
  deltaIds(): number[] {
    return this.of('delta').flatMap(({ rows }) => rows.map(({ id }) => id));
  }

  async until(condition: () => boolean, timeout = 15_000): Promise<void> {
    await vi.waitFor(
      () => {
        if (!condition())
          throw new Error(`not yet; the last frames: ${JSON.stringify(this.frames.slice(-3)).slice(0, 600)}`);
      },
      { timeout, interval: 5 },
    );
  }

  /** Closes and waits until it is closed. */
  async close(): Promise<void> {
    this.socket.close();
    await this.until(() => this.closed !== null);
  }
}
