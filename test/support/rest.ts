/** The REST interface on a real database, with a service status that a test sets as it likes. */
import Fastify, { type FastifyInstance } from 'fastify';
import pg from 'pg';
import { systemClock } from '../../server/clock.ts';
import type { RequestBudgets } from '../../server/config.ts';
import { Counters } from '../../server/counted.ts';
import type { KnownKeys } from '../../server/db/known-keys.ts';
import { Hub } from '../../server/feed/hub.ts';
import { apiRoutes } from '../../server/http/api.ts';
import { type Access, createAccess } from '../../server/http/auth.ts';
import { healthRoutes } from '../../server/http/health.ts';
import { countRequests, metricsRoutes } from '../../server/http/metrics.ts';
import { originCheck } from '../../server/http/origin.ts';
import { pageRoutes } from '../../server/http/pages.ts';
import { installHostCheck, installSecurityHeaders } from '../../server/http/pages-headers.ts';
import { installProblems, sendFrameworkProblem } from '../../server/http/problem.ts';
import { installRateLimits } from '../../server/http/rate-limits.ts';
import { installSignIn } from '../../server/http/sign-in.ts';
import type { Fault, ServiceStatus, StreamStatus } from '../../server/status.ts';
import { Telemetry } from '../../server/telemetry.ts';
import type { StreamName } from '../../shared/streams.ts';
import { LIMITS } from './feed-harness.ts';

/** A status that is up and live until a test says otherwise. */
export class SetStatus implements ServiceStatus {
  database: 'up' | 'down' = 'up';
  doorbell: 'up' | 'down' = 'up';
  doorbellFault: Fault | null = null;
  clients = 3;
  epoch = 'epoch';
  readonly streams = new Map<StreamName, StreamStatus>();

  stream(name: StreamName): StreamStatus {
    return this.streams.get(name) ?? { state: 'live' };
  }

  newestAgeMs(name: StreamName): number | null {
    return name === 'anomalies' ? 1500 : null;
  }
}

/** The app and what it was built from. */
export interface RestApp {
  readonly app: FastifyInstance;
  readonly pool: pg.Pool;
  readonly status: SetStatus;
  readonly counters: Counters;
  /** Ends the app and its connections. */
  close(): Promise<void>;
}

/** No limit at all. */
const NO_BUDGETS: RequestBudgets = {
  readsPerAddress: 0,
  readsPerToken: 0,
  writesPerAddress: 0,
  writesPerToken: 0,
  failedSignIns: 0,
};

/** How a test's app differs from one on loopback without tokens. */
export interface RestOptions {
  readonly now?: () => number;
  readonly access?: Access;
  readonly clientDir?: string;
  readonly pointLimit?: number;
  readonly keyLimit?: number;
  readonly keys?: KnownKeys;
  readonly budgets?: Partial<RequestBudgets>;
}

/** Builds the app on a database. */
export async function restApp(config: pg.PoolConfig, options: RestOptions = {}): Promise<RestApp> {
  const now = options.now ?? Date.now;
  const access = options.access ?? createAccess({ kind: 'open', meant: false });
  const pool = new pg.Pool({
    ...config,
    max: 3,
    application_name: 'alphapulse rest test',
    connectionTimeoutMillis: 2000,
  });
  pool.on('error', () => undefined);
  const status = new SetStatus();
  const counters = new Counters();
  const app = Fastify({ frameworkErrors: sendFrameworkProblem });
  await installSecurityHeaders(app);
  countRequests(app, counters);
  installProblems(app);
  installHostCheck(app, ['dashboard.example']);
  const guard = await installRateLimits(app, access, { ...NO_BUDGETS, ...options.budgets });
  await installSignIn(app, { access, guard, originAllowed: originCheck([]) });
  const about = { status, counters, now, startedAt: now() - 60_000, version: '1.2.3' };
  await app.register(apiRoutes, {
    db: pool,
    status,
    now,
    pointLimit: options.pointLimit ?? 500_000,
    keyLimit: options.keyLimit ?? 1000,
    rowLimit: 10_000,
    ...(options.keys === undefined ? {} : { keys: options.keys }),
  });
  await app.register(healthRoutes, { ...about, mayRead: (request) => access.checkAccess(request) === 'ok' });
  const hub = new Hub(systemClock, LIMITS, { count: () => {}, failed: () => {}, prepare: async () => {} });
  await app.register(metricsRoutes, { ...about, hub, telemetry: new Telemetry() });
  if (options.clientDir !== undefined) await app.register(pageRoutes, { clientDir: options.clientDir });
  await app.ready();
  return {
    app,
    pool,
    status,
    counters,
    close: async () => {
      await app.close();
      await pool.end();
    },
  };
}
