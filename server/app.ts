/** Builds the HTTP server from its plugins, without listening. */
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import type { FeedOptions } from './http/feed.ts';
import { feedRoutes } from './http/feed.ts';

/** Everything that the routes need; nothing of it is made here. */
export interface AppDeps {
  readonly config: Config;
  readonly log: FastifyBaseLogger;
  readonly feed: FeedOptions;
}

/** The server, ready to listen or to be injected into. */
export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    disableRequestLogging: !deps.config.debug,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
  });
  await app.register(feedRoutes, deps.feed);
  return app;
}
