/** Counts what the web server answers, and tells the server's own counters. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Counters } from '../counted.ts';
import type { Hub } from '../feed/hub.ts';
import { screensNow } from '../screens.ts';
import type { Telemetry } from '../telemetry.ts';

/** What the metrics are told from. */
export interface MetricsDeps {
  readonly counters: Counters;
  readonly hub: Hub;
  readonly telemetry: Pick<Telemetry, 'read' | 'contentType'>;
  /** Epoch ms. */
  readonly now: () => number;
  /** When the service started, epoch ms. */
  readonly startedAt: number;
}

/** Counts every answer of an app. Call it before the routes are registered. */
export function countRequests(app: FastifyInstance, counters: Counters): void {
  app.addHook('onResponse', async (_request, reply) => {
    counters.add('http_requests_total');
    if (reply.statusCode >= 500) counters.add('http_errors_total');
  });
}

/** Registers the routes: for people as JSON, and `/metrics` for Prometheus. Of the JSON, times are seconds, memory is bytes, ages are ms. */
export const metricsRoutes: FastifyPluginAsync<MetricsDeps> = async (
  app,
  { counters, hub, telemetry, now, startedAt },
) => {
  app.get('/metrics', async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .type(telemetry.contentType)
      .send(await telemetry.read()),
  );

  app.get('/api/metrics', async (_request, reply) => {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    reply.header('cache-control', 'no-store');
    return {
      timestamp: now(),
      uptime: (now() - startedAt) / 1000,
      clients: hub.clients,
      process: { resident_bytes: rss, heap_used_bytes: heapUsed, cpu_seconds: (user + system) / 1e6 },
      feed: hub.usage(),
      screens: screensNow(hub.screens(), now()),
      counters: counters.read(),
    };
  });
};
