/** How long requests take from the outside: over HTTP, and over one open WebSocket of the feed. */
import WebSocket from 'ws';
import { WebSocketClient } from './web-socket-client.ts';

/** Ms of each of so many GETs of one path, sorted; on connections that are kept open. Throws where one is refused. */
export async function getTimes(port: number, path: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.arrayBuffer();
    times.push(performance.now() - start);
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  }
  return times.sort((a, b) => a - b);
}

/** The longest message that comes before `synced`, by its length as it is sent: a snapshot's, compressed where asked for. */
export async function longestMessage(port: number, path: string, deflate: boolean): Promise<number> {
  return await new Promise((resolve, reject) => {
    let longest = 0;
    let settled = false;
    const client = new WebSocketClient(
      { port, path, deflate },
      {
        message(head, bytes) {
          longest = Math.max(longest, bytes);
          if (settled || !head.includes('"synced"')) return;
          settled = true;
          resolve(longest);
          client.cut();
        },
        closed: (code) => settled || reject(new Error(`closed with ${code} before synced`)),
      },
    );
  });
}

/** An open connection of the feed on which subscriptions and pings are timed. */
export class TimedFeed {
  readonly #socket: WebSocket;
  #asked = 0;
  #waiting: { readonly type: string; readonly id: string; readonly done: (atMs: number) => void } | null = null;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const atMs = performance.now();
      const head = String(data).slice(0, 200);
      const waiting = this.#waiting;
      if (head.startsWith('{"type":"error"')) throw new Error(`the feed says ${head}`);
      if (waiting === null || !head.startsWith(`{"type":"${waiting.type}"`) || !head.includes(waiting.id)) return;
      this.#waiting = null;
      waiting.done(atMs);
    });
  }

  static async open(port: number): Promise<TimedFeed> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/feed`, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('error', reject);
    });
    return new TimedFeed(socket);
  }

  /** Ms from a subscription to its snapshot; the subscription ends again. */
  async snapshot(request: object): Promise<number> {
    const id = this.#nextId();
    const ms = await this.#time({ type: 'subscribe', id, ...request }, 'snapshot', id);
    await this.#time({ type: 'unsubscribe', id }, 'unsubscribed', id);
    return ms;
  }

  /** Ms from a ping of the feed to its pong: what any answer takes. */
  async ping(): Promise<number> {
    const id = this.#nextId();
    return await this.#time({ type: 'ping', id }, 'pong', id);
  }

  close(): void {
    this.#socket.terminate();
  }

  #nextId(): string {
    this.#asked += 1;
    return `asked-${this.#asked}`;
  }

  async #time(message: object, type: string, id: string): Promise<number> {
    const start = performance.now();
    const atMs = await new Promise<number>((done) => {
      this.#waiting = { type, id: `"${id}"`, done };
      this.#socket.send(JSON.stringify(message));
    });
    return atMs - start;
  }
}
