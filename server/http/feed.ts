/** The WebSocket at /feed: who may connect, and the socket as the feed core knows it. */
import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import type { Frame } from '../../shared/protocol.ts';
import { CLOSE, PROTOCOL_VERSION } from '../../shared/protocol.ts';
import type { OutFrame } from '../feed/frames.ts';
import { controlFrame } from '../feed/frames.ts';
import type { Hub } from '../feed/hub.ts';
import { parseQuery } from '../feed/requests.ts';
import type { Session, Transport } from '../feed/session.ts';
import { preparedFrame } from './text-frame.ts';

/** Frames above this are a breach of WebSocket itself (1009); up to it, an oversized one gets an error. */
const LARGEST_PAYLOAD = 1_048_576;
/** A snapshot waits while more than this is unsent. */
const SNAPSHOT_ROOM = 262_144;
/** A client with more than this unsent is closed: it has not read for long, and the memory is not its own. */
const UNSENT_LIMIT = 33_554_432;
/** How long a closing handshake may take before the socket is cut. */
const CLOSE_TIMEOUT_MS = 1000;

/** What the feed needs. */
export interface FeedOptions {
  readonly hub: Hub;
  /** The first frame of a connection, made anew for each (F1). */
  readonly hello: () => Frame<'hello'>;
  /** Whether the request may read; asked before the first frame (F12). */
  readonly mayRead: (request: FastifyRequest) => boolean;
  /** Whether a page of this origin may connect. */
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean;
  readonly heartbeatMs: number;
  readonly frameBytes: number;
  /** Feed connections that one address may have open. */
  readonly connectionsPerAddress: number;
}

/** RFC 6455's registry: try again later. */
const TRY_LATER = 1013;

/** Registers the route. WebSocket compression stays off: a delta is too small to be worth its memory. */
export const feedRoutes: FastifyPluginAsync<FeedOptions> = async (app, options) => {
  await app.register(websocket, {
    options: { maxPayload: LARGEST_PAYLOAD, perMessageDeflate: false },
    // The clients have been told good-bye by then; who does not answer in time is cut.
    preClose: (done: () => void) => {
      const cut = setTimeout(() => {
        for (const client of app.websocketServer.clients) client.terminate();
      }, CLOSE_TIMEOUT_MS);
      app.websocketServer.close(() => {
        clearTimeout(cut);
        done();
      });
    },
  });
  const open = new Map<string, number>();
  app.get('/feed', { websocket: true }, (socket, request) => {
    const connections = open.get(request.ip) ?? 0;
    const refusal =
      connections >= options.connectionsPerAddress
        ? { code: TRY_LATER, reason: `at most ${options.connectionsPerAddress} connections an address` }
        : refusalOf(request, options);
    if (refusal === null) {
      open.set(request.ip, connections + 1);
      socket.on('close', () => {
        const left = (open.get(request.ip) ?? 1) - 1;
        if (left > 0) open.set(request.ip, left);
        else open.delete(request.ip);
      });
      accept(socket, request, options);
    } else {
      socket.on('error', (error) => request.log.debug({ err: error }, 'a refused client broke off'));
      socket.close(refusal.code, refusal.reason);
    }
  });
};

function refusalOf(request: FastifyRequest, options: FeedOptions): { code: number; reason: string } | null {
  const { origin } = request.headers;
  // A client that sends no Origin is no browser; its token alone decides.
  if (origin !== undefined && !options.originAllowed(origin, request)) {
    return { code: CLOSE.forbiddenOrigin, reason: 'origin not allowed' };
  }
  if (!options.mayRead(request)) return { code: CLOSE.unauthorized, reason: 'no valid token' };
  const wanted = queryOf(request).get('protocol');
  if (wanted !== null && wanted !== String(PROTOCOL_VERSION)) {
    return { code: CLOSE.protocolVersion, reason: `protocol ${PROTOCOL_VERSION} is spoken` };
  }
  return null;
}

function queryOf(request: FastifyRequest): URLSearchParams {
  const start = request.url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1));
}

function accept(socket: WebSocket, request: FastifyRequest, options: FeedOptions): void {
  const { hub, heartbeatMs, frameBytes } = options;
  const session = hub.open(new SocketTransport(socket, request.raw.socket));
  socket.on('message', (data, isBinary) => receive(session, data, isBinary, frameBytes));
  const stopWatching = watch(socket, request.raw.socket, heartbeatMs);
  socket.on('close', () => {
    stopWatching();
    hub.close(session);
  });
  // The close event follows and does what is to be done.
  socket.on('error', (error) => request.log.debug({ err: error }, 'a feed connection failed'));
  session.send(controlFrame(options.hello()));
  for (const wanted of parseQuery(queryOf(request), hub.limits)) session.request(wanted);
}

function receive(session: Session, data: WebSocket.RawData, isBinary: boolean, frameBytes: number): void {
  const bytes = Array.isArray(data)
    ? Buffer.concat(data)
    : Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  if (isBinary) session.refuse('bad_frame', `a binary frame of ${bytes.length} bytes; send text frames`, undefined);
  else if (bytes.length > frameBytes) {
    session.refuse('bad_frame', `a frame of ${bytes.length} bytes; at most ${frameBytes} are accepted`, undefined);
  } else session.receive(bytes.toString('utf8'));
}

/**
 * Pings the peer and cuts it when it answered nothing within two heartbeats (F13). Whatever it has taken of what was
 * written counts as an answer: a slow reader's pong stands in the queue behind it.
 */
function watch(socket: WebSocket, raw: Socket, heartbeatMs: number): () => void {
  let silent = 0;
  let taken = 0;
  socket.on('pong', () => {
    silent = 0;
  });
  const timer = setInterval(() => {
    const takenNow = raw.bytesWritten - raw.writableLength;
    if (takenNow > taken && raw.writableLength > 0) silent = 0;
    taken = takenNow;
    if (silent >= 2) {
      socket.terminate();
      return;
    }
    silent += 1;
    socket.ping();
  }, heartbeatMs);
  return () => clearInterval(timer);
}

/** A WebSocket that frames are written to as they are, past the library, so that each is made once for all clients. */
class SocketTransport implements Transport {
  readonly #socket: WebSocket;
  readonly #raw: Socket;

  constructor(socket: WebSocket, raw: Socket) {
    this.#socket = socket;
    this.#raw = raw;
  }

  write(frames: readonly OutFrame[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#raw.writableLength > UNSENT_LIMIT) {
      this.close(CLOSE.slowConsumer, 'too far behind');
      return;
    }
    this.#raw.cork();
    for (const frame of frames) this.#raw.write(preparedFrame(frame));
    this.#raw.uncork();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
    // A peer that does not answer the close would otherwise be kept for half a minute.
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  async drained(): Promise<void> {
    const raw = this.#raw;
    if (raw.destroyed || raw.writableLength <= SNAPSHOT_ROOM) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        raw.off('drain', done);
        raw.off('close', done);
        resolve();
      };
      raw.on('drain', done);
      raw.on('close', done);
    });
  }
}
