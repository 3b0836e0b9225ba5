/** Builds the HTTP server from its plugins, without listening. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import type { Config } from './config.ts';
import { isLoopback } from './config.ts';
import type { Counters } from './counted.ts';
import type { KnownKeys } from './db/known-keys.ts';
import type { Database } from './db/queryable.ts';
import type { Hub } from './feed/hub.ts';
import { apiRoutes } from './http/api.ts';
import { asyncApiRoutes } from './http/asyncapi.ts';
import type { Access } from './http/auth.ts';
import { clientErrorRoutes } from './http/client-errors.ts';
import { installCors } from './http/cors.ts';
import { docsRoutes } from './http/docs.ts';
import { type FeedOptions, feedRoutes } from './http/feed.ts';
import { healthRoutes } from './http/health.ts';
import { countRequests, metricsRoutes } from './http/metrics.ts';
import { openApiRoutes } from './http/openapi.ts';
import { originCheck } from './http/origin.ts';
import { pageRoutes } from './http/pages.ts';
import { installHostCheck, installSecurityHeaders } from './http/pages-headers.ts';
import { installProblems, Problem, RETRY_AFTER, sendFrameworkProblem } from './http/problem.ts';
import { installRateLimits } from './http/rate-limits.ts';
import { installSignIn } from './http/sign-in.ts';
import { writeRoutes } from './http/writes.ts';
import type { ServiceStatus } from './status.ts';
import type { Telemetry } from './telemetry.ts';

/** Everything that the routes need; nothing of it is made here. */
export interface AppDeps {
  readonly config: Config;
  readonly log: FastifyBaseLogger;
  readonly db: Database;
  readonly hub: Hub;
  readonly keys: KnownKeys;
  readonly status: ServiceStatus;
  readonly counters: Counters;
  readonly telemetry: Telemetry;
  readonly access: Access;
  readonly hello: FeedOptions['hello'];
  readonly version: string;
  /** Folder of the built page. */
  readonly clientDir: string;
  /** Epoch ms. */
  readonly startedAt: number;
}

/** How long connections may stay open while the server stops; above what a request waits for a database that is away. */
const LINGER_MS = 3000;
/** How often connections that kept the server waiting for too long are looked for. */
const WAITING_CHECK_MS = 1000;

/** The server, ready to listen or to be injected into. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config, status, counters, access, startedAt } = deps;
  const { limits, timeouts } = config;
  const app = Fastify({
    loggerInstance: deps.log,
    // Fastify's own lines carry the whole URL, which may hold a token.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    genReqId: requestNames(),
    forceCloseConnections: 'idle',
    // Told as a problem below, like everything else that is refused.
    return503OnClosing: false,
    http: {
      headersTimeout: timeouts.headersMs,
      connectionsCheckingInterval: Math.min(WAITING_CHECK_MS, timeouts.headersMs),
      // A peer that vanished without a word is found out by the operating system.
      keepAlive: true,
      keepAliveInitialDelay: timeouts.idleMs,
    },
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionTimeout: timeouts.idleMs,
    frameworkErrors: sendFrameworkProblem,
    trustProxy: typeof config.trustProxy === 'boolean' ? config.trustProxy : [...config.trustProxy],
  });
  app.addHook('onResponse', async (request, reply) => {
    const [path] = request.url.split('?');
    request.log.debug({ method: request.method, path, status: reply.statusCode, ms: reply.elapsedTime }, 'answered');
  });
  // An upgrade that is answered like a plain request leaves its socket to nobody: its end would go unseen for ever.
  app.addHook('onResponse', async (request) => {
    if (request.raw.headers.upgrade !== undefined) request.raw.socket.destroySoon();
  });
  cutStandingConnections(app);
  closeAnsweredConnections(app);
  countRequests(app, counters);
  installProblems(app);
  await installSecurityHeaders(app);
  if (isLoopback(config.host)) installHostCheck(app, hostsOf(config.allowedOrigins));
  await installCors(app, config.allowedOrigins);
  const originAllowed = originCheck(config.allowedOrigins);
  const guard = await installRateLimits(app, access, config.budgets);
  await installSignIn(app, { access, guard, originAllowed });

  const now = Date.now;
  const mayRead = (request: FastifyRequest): boolean => access.checkAccess(request) === 'ok';
  await app.register(feedRoutes, {
    hub: deps.hub,
    hello: deps.hello,
    access,
    guard,
    originAllowed,
    heartbeatMs: config.heartbeatMs,
    frameBytes: limits.frameBytes,
    connectionsPerAddress: limits.connectionsPerAddress,
    connectionsPerToken: limits.connectionsPerToken,
  });
  await app.register(apiRoutes, {
    db: deps.db,
    keys: deps.keys,
    status,
    now,
    pointLimit: limits.pointsPerSubscription,
    keyLimit: limits.keysPerSubscription,
    rowLimit: limits.pageRows,
  });
  await app.register(writeRoutes, {
    db: deps.db,
    status,
    access,
    originAllowed,
    isLoopback: isLoopback(config.host),
    bodyLimit: limits.bodyBytes,
  });
  await app.register(healthRoutes, { status, counters, version: deps.version, now, startedAt, mayRead });
  await app.register(clientErrorRoutes, { counters, originAllowed, now });
  await app.register(metricsRoutes, { counters, hub: deps.hub, telemetry: deps.telemetry, now, startedAt });
  const documented = { version: deps.version, limits, guarded: access.required };
  await app.register(asyncApiRoutes, documented);
  await app.register(openApiRoutes, documented);
  await app.register(docsRoutes, documented);
  await app.register(pageRoutes, { clientDir: deps.clientDir });
  return app;
}

/** Closes a connection on which nothing moved for too long, between requests or in the middle of one. */
function cutStandingConnections(app: FastifyInstance): void {
  app.server.on('timeout', (socket: Socket) => {
    app.log.debug({ address: socket.remoteAddress }, 'a connection on which nothing moved is closed');
    socket.destroy();
  });
}

/**
 * While the app closes, a connection ends with the answer that was under way on it. Kept alive, as Fastify leaves those
 * that were busy when the close began, it would hold up the close until it times out. A connection that has not said what
 * it wants counts as busy too, and would hold it up for ever: what is left after a while is cut.
 */
function closeAnsweredConnections(app: FastifyInstance): void {
  let closing = false;
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  app.addHook('preClose', async () => {
    closing = true;
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, LINGER_MS).unref();
  });
  // The port is closed a moment later; until then, and on connections that are still open, a request may come.
  app.addHook('onRequest', async () => {
    if (!closing) return;
    throw new Problem(503, 'the server is stopping; ask again when it is back', { headers: RETRY_AFTER });
  });
  app.addHook('onResponse', async () => {
    // Only after this turn the connection counts as idle.
    if (closing) setImmediate(() => app.server.closeIdleConnections());
  });
}

/** Names for requests and connections in the log; those of several processes, or of runs of one, are not the same. */
function requestNames(): () => string {
  const run = randomBytes(3).toString('hex');
  let count = 0;
  return () => {
    count += 1;
    return `${run}-${count}`;
  };
}

/** The host names that allowed origins stand for. */
function hostsOf(origins: readonly string[]): string[] {
  return origins.flatMap((origin) => (URL.canParse(origin) ? [new URL(origin).host] : []));
}
