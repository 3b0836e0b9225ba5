/** Builds the HTTP server from its plugins, without listening. */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { FeedOptions } from './http/feed.ts';
import { feedRoutes } from './http/feed.ts';

/** Everything that the routes need; nothing of it is made here. */
export interface AppDeps {
  readonly log: FastifyBaseLogger;
  readonly feed: FeedOptions;
}

/** How long a request may take to arrive. */
const REQUEST_TIMEOUT_MS = 30_000;

/** The server, ready to listen or to be injected into. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    // Fastify's own lines carry the whole URL, which may hold a token.
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  app.addHook('onResponse', async (request, reply) => {
    const [path] = request.url.split('?');
    request.log.debug({ method: request.method, path, status: reply.statusCode, ms: reply.elapsedTime }, 'answered');
  });
  await app.register(feedRoutes, deps.feed);
  return app;
}
