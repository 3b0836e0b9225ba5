/** The WebSocket at /feed: who may connect, and what comes in. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyPluginAsync, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { WebSocket } from 'ws';
import type { Frame } from '../../shared/protocol.ts';
import { CLOSE, PROTOCOL_VERSION } from '../../shared/protocol.ts';
import { controlFrame } from '../feed/frames.ts';
import type { Hub } from '../feed/hub.ts';
import { parseQuery } from '../feed/requests.ts';
import type { Session } from '../feed/session.ts';
import { type Access, type Holder, secretOf } from './auth.ts';
import { CLOSE_TIMEOUT_MS, SocketTransport } from './feed-socket.ts';
import type { Guard } from './rate-limits.ts';

/** Frames above this are a breach of WebSocket itself (1009); up to it, an oversized one gets an error. */
const LARGEST_PAYLOAD = 1_048_576;
/** How often each client is looked at: whether it answers, and whether it keeps up. */
const WATCH_MS = 1000;

/** What the feed needs. */
export interface FeedOptions {
  readonly hub: Hub;
  /** The first frame of a connection, made anew for each (F1). */
  readonly hello: () => Frame<'hello'>;
  /** Who may read; asked before the first frame (F12), and again whenever tokens change. */
  readonly access: Pick<Access, 'checkAccess' | 'holderOf' | 'stands' | 'onReplaced'>;
  readonly guard: Guard;
  /** Whether a page of this origin may connect. */
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean;
  readonly heartbeatMs: number;
  readonly frameBytes: number;
  /** Feed connections that one address may have open. */
  readonly connectionsPerAddress: number;
  /** The same with one token, 0 for any number. */
  readonly connectionsPerToken: number;
}

/** RFC 6455's registry: try again later. */
const TRY_LATER = 1013;

/** A client, from its first frame to its close. */
interface Connection {
  readonly session: Session;
  readonly transport: SocketTransport;
  readonly address: string;
  /** Whose token it showed; null where none is needed. */
  readonly holder: Holder | null;
}

/** A close before the first frame. */
interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/**
 * Registers the route. Compression is negotiated for snapshots, which are compressed once for all; a delta is too small to
 * be worth it, and no client has a compressor of its own.
 */
export const feedRoutes: FastifyPluginAsync<FeedOptions> = async (app, options) => {
  await app.register(websocket, {
    options: {
      maxPayload: LARGEST_PAYLOAD,
      perMessageDeflate: {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        // What clients say is short.
        zlibInflateOptions: { chunkSize: 1024 },
      },
    },
    // A breach of WebSocket is the client's fault and none of the server's: it is no error in the log.
    errorHandler: (error, socket, request) => failed(error, socket, request.id),
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
  /** What a client does wrong fills no log; what goes wrong here does. */
  function failed(error: Error, socket: WebSocket, connection: string): void {
    const theirs = 'code' in error && /^(WS_ERR|Z_|ERR_BUFFER|ECONN|EPIPE)/.test(String(error.code));
    if (theirs) app.log.debug({ connection, err: error }, 'a feed connection failed');
    else app.log.error({ connection, err: error }, 'the feed failed at a connection');
    socket.terminate();
  }

  // The plugin keeps each request with its answer for as long as the socket lives: three kilobytes a client.
  const answers = new WeakMap<IncomingMessage, ServerResponse>();
  function forgetRequest(socket: WebSocket, request: FastifyRequest): void {
    socket.removeAllListeners('error');
    const { id } = request;
    socket.on('error', (error) => failed(error, socket, id));
    answers.get(request.raw)?.detachSocket(request.raw.socket);
  }

  const addresses = new Tally<string>();
  const holders = new Tally<Holder>();
  const connections = new Set<Connection>();
  const { access, guard, heartbeatMs, hub } = options;
  access.onReplaced(() => {
    for (const { holder, transport } of connections)
      if (holder !== null && !access.stands(holder)) transport.close(CLOSE.unauthorized, 'the token was taken back');
  });
  const beat = setInterval(() => {
    for (const { transport } of connections) transport.ping();
  }, heartbeatMs);
  const watch = setInterval(
    () => {
      for (const { session, transport } of connections) if (transport.answers(heartbeatMs)) session.pulse();
    },
    Math.min(WATCH_MS, heartbeatMs),
  );
  app.addHook('onClose', async () => {
    clearInterval(beat);
    clearInterval(watch);
  });

  function accept(socket: WebSocket, request: FastifyRequest): void {
    const { id, ip } = request;
    const openedAt = Date.now();
    const transport = new SocketTransport(socket, request.raw.socket, (code, reason) =>
      app.log.debug({ connection: id, address: ip, code, reason }, 'a client is sent away'),
    );
    const query = queryOf(request);
    const bundles = query.get('bundle') === '1';
    const session = hub.open(transport, { connection: id, address: ip }, bundles);
    const connection: Connection = { session, transport, address: ip, holder: access.holderOf(request) };
    app.log.debug({ connection: id, address: ip }, 'a client connected');
    connections.add(connection);
    addresses.add(connection.address, 1);
    if (connection.holder !== null) holders.add(connection.holder, 1);
    socket.on('message', (data, isBinary) => receive(session, data, isBinary, options.frameBytes));
    socket.on('pong', (data) => {
      if (transport.credit.pong(data.toString('latin1'), Date.now())) session.acknowledged();
    });
    socket.on('close', (code) => {
      app.log.debug({ connection: id, address: ip, code, ms: Date.now() - openedAt }, 'a client left');
      connections.delete(connection);
      hub.close(session);
      addresses.add(connection.address, -1);
      if (connection.holder !== null) holders.add(connection.holder, -1);
    });
    session.send(controlFrame(options.hello()));
    // Never within a bundle: what comes first tells a client whether this is a feed at all.
    if (bundles) session.flush();
    for (const wanted of parseQuery(query, hub.limits)) session.request(wanted);
  }

  const heldUp = new WeakSet<FastifyRequest>();
  const prepare: onRequestAsyncHookHandler = async (request, reply) => {
    answers.set(request.raw, reply.raw);
    const secret = secretOf(request);
    if (secret !== null && (await guard.judge(request, secret)).kind === 'wait') heldUp.add(request);
  };

  function refusalOf(request: FastifyRequest): Refusal | null {
    const { origin } = request.headers;
    const { connectionsPerAddress, connectionsPerToken } = options;
    if (addresses.of(request.ip) >= connectionsPerAddress)
      return { code: TRY_LATER, reason: `at most ${connectionsPerAddress} connections an address` };
    // A client that sends no Origin is no browser; its token alone decides.
    if (origin !== undefined && !options.originAllowed(origin, request))
      return { code: CLOSE.forbiddenOrigin, reason: 'origin not allowed' };
    if (heldUp.has(request)) return { code: TRY_LATER, reason: 'too many wrong tokens came from this address' };
    if (access.checkAccess(request) !== 'ok') return { code: CLOSE.unauthorized, reason: 'no valid token' };
    const wanted = queryOf(request).get('protocol');
    if (wanted !== null && wanted !== String(PROTOCOL_VERSION))
      return { code: CLOSE.protocolVersion, reason: `protocol ${PROTOCOL_VERSION} is spoken` };
    const holder = access.holderOf(request);
    if (connectionsPerToken > 0 && holder !== null && holders.of(holder) >= connectionsPerToken)
      return { code: TRY_LATER, reason: `at most ${connectionsPerToken} connections a token` };
    return null;
  }

  app.get('/feed', { websocket: true, onRequest: prepare }, (socket, request) => {
    forgetRequest(socket, request);
    const refusal = refusalOf(request);
    if (refusal === null) {
      accept(socket, request);
      return;
    }
    app.log.debug({ connection: request.id, address: request.ip, ...refusal }, 'a client was refused');
    socket.close(refusal.code, refusal.reason);
  });
};

/** Counts by key, and forgets what is at nought. */
class Tally<K> {
  readonly #counts = new Map<K, number>();

  add(key: K, amount: number): void {
    const count = this.of(key) + amount;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }

  of(key: K): number {
    return this.#counts.get(key) ?? 0;
  }
}

function queryOf(request: FastifyRequest): URLSearchParams {
  const start = request.url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1));
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
