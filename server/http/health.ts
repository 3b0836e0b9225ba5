/** How the service is: for people and monitors in one document, and for orchestrators as a bare yes or no. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { STREAM_NAMES } from '../../shared/streams.ts';
import type { Counters } from '../counted.ts';
import type { ServiceStatus } from '../status.ts';

/** What health is told from. */
export interface HealthDeps {
  readonly status: ServiceStatus;
  readonly counters: Counters;
  readonly version: string;
  /** Epoch ms. */
  readonly now: () => number;
  /** When the service started, epoch ms. */
  readonly startedAt: number;
  /** Whether the request may see more than the status itself. */
  readonly mayRead: (request: FastifyRequest) => boolean;
}

/** Healthy: the database is there, and every stream that can work is live. */
export function isHealthy(status: ServiceStatus): boolean {
  return status.database === 'up' && STREAM_NAMES.every((name) => status.stream(name).state !== 'starting');
}

/** Why nothing rings, where that is so: rows come late then, with the tick. */
function doorbellFault({ doorbellFault: fault }: ServiceStatus): { doorbell_reason?: string; doorbell_mend?: string } {
  if (fault === null) return {};
  return { doorbell_reason: fault.reason, ...(fault.mend === undefined ? {} : { doorbell_mend: fault.mend }) };
}

/** Registers the routes. */
export const healthRoutes: FastifyPluginAsync<HealthDeps> = async (app, deps) => {
  const { status, counters, version, now, startedAt, mayRead } = deps;

  app.get('/api/health', async (request, reply) => {
    const totals = counters.read();
    const state = { status: isHealthy(status) ? 'healthy' : 'degraded' };
    reply.code(status.database === 'up' ? 200 : 503).header('cache-control', 'no-store');
    if (!mayRead(request)) return state;
    return {
      ...state,
      timestamp: now(),
      /** Seconds. */
      uptime: (now() - startedAt) / 1000,
      requests: totals.http_requests_total ?? 0,
      errors: totals.http_errors_total ?? 0,
      database: status.database === 'up' ? 'connected' : 'disconnected',
      doorbell: status.doorbell,
      ...doorbellFault(status),
      clients: status.clients,
      version,
      streams: Object.fromEntries(
        STREAM_NAMES.map((name) => [name, { ...status.stream(name), newest_age_ms: status.newestAgeMs(name) }]),
      ),
    };
  });

  // Alive is who answers; only a process that does not is to be restarted.
  app.get('/api/health/live', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return { status: 'live' };
  });

  app.get('/api/health/ready', async (_request, reply) => {
    const ready = status.database === 'up';
    reply.code(ready ? 200 : 503).header('cache-control', 'no-store');
    return { status: ready ? 'ready' : 'not ready' };
  });
};
