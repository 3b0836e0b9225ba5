/**
 * Stands between a page and the server and tells the page another time: a page that is told that a week has gone by lives
 * through a week of rows in minutes. Everything else passes as it is.
 */
import { request as ask, createServer } from 'node:http';
import WebSocket, { WebSocketServer } from 'ws';
import { z } from 'zod';

/** A frame's own time stands in its head; rows carry `timestamp`, which is another name. */
const TIME = /"time":[\d.]+/;
const HEAD = 2000;
/** What passed, and how to change what time it is. */
export interface ClockRelay {
  readonly port: number;
  /** The time that the page is told, epoch ms; null: the server's own. */
  tell(now: number | null): void;
  /** Rows that were passed on in deltas. */
  readonly rows: number;
  readonly snapshots: number;
  stop(): Promise<void>;
}

/**
 * Starts a relay before the server on a port of 127.0.0.1.
 *
 * @param longest the range that a page asks for while it lives in the past, such as `4d`.
 */
export async function startClockRelay(serverPort: number, longest: string): Promise<ClockRelay> {
  let told: number | null = null;
  let rows = 0;
  let snapshots = 0;
  const open = new Set<WebSocket>();
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host: `127.0.0.1:${serverPort}` };
    const passed = ask({ host: '127.0.0.1', port: serverPort, path: incoming.url, method: incoming.method, headers });
    passed.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (page, { url = '/' }) => {
    // Without an Origin, as programs connect.
    // Frame by frame, whatever the page asks for: each is told the time anew.
    const asked = url.replace(/&bundle=1\b/, '');
    const upstream = new WebSocket(`ws://127.0.0.1:${serverPort}${asked}`, { perMessageDeflate: false });
    open.add(upstream);
    const early: string[] = [];
    page.on('message', (data) => {
      const text = told === null ? String(data) : ofThePast(String(data), longest);
      if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
      else early.push(text);
    });
    upstream.on('open', () => {
      for (const text of early) upstream.send(text);
    });
    upstream.on('message', (data) => page.send(pass(String(data))));
    upstream.on('close', (code) => page.close(code >= 3000 || code === 1001 ? code : 1001));
    page.on('close', () => upstream.terminate());
    for (const socket of [page, upstream]) socket.on('error', () => socket.terminate());
  });
  function pass(text: string): string {
    if (text.startsWith('{"type":"delta"')) rows += text.split('"timestamp":').length - 1;
    if (text.startsWith('{"type":"snapshot"')) {
      snapshots += 1;
    }
    return told === null ? text : text.slice(0, HEAD).replace(TIME, `"time":${told}`) + text.slice(HEAD);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
    });
  });
  return {
    port,
    tell(now) {
      told = now;
    },
    get rows() {
      return rows;
    },
    get snapshots() {
      return snapshots;
    },
    async stop() {
      for (const socket of open) socket.terminate();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a page asks for again while it lives in the past begins earlier than the server, which does not, would have it. */
function ofThePast(text: string, range: string): string {
  const asked = z.looseObject({ type: z.string(), range: z.string().optional() }).safeParse(JSON.parse(text));
  if (!asked.success || asked.data.type !== 'subscribe' || asked.data.range === undefined) return text;
  // The width of its buckets stays, so that there are more of them.
  return JSON.stringify({ ...asked.data, range, points: undefined });
}
