/** The whole service on a test's database, listening on a free port. */
import { pino } from 'pino';
import { parseConfig } from '../../server/config.ts';
import { startService } from '../../server/service.ts';

/** A running service. */
export interface Dashboard {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly feedUrl: string;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts the service on the database; `env` adds to the environment or overrides it. */
export async function startDashboard(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Dashboard> {
  const { config } = parseConfig({ DATABASE_URL: databaseUrl, DB_SSLMODE: 'disable', DASHBOARD_PORT: '0', ...env });
  const running = await startService(config, pino({ level: process.env.LOG_LEVEL ?? 'silent' }));
  let stopped: Promise<void> | undefined;
  return {
    url: running.address,
    feedUrl: `${running.address.replace('http', 'ws')}/feed`,
    stop() {
      stopped ??= running.stop();
      return stopped;
    },
  };
}
