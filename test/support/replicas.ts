/** Several built servers on one database, each at a port that it keeps, as hosts behind a proxy are. */
import { expect, vi } from 'vitest';
import { freePort } from './free-port.ts';
import { type Program, startProgram, stopProgram } from './program.ts';

/** What happens to a server, and what its process ends with; null for one that is still there, and frozen. */
export const FATES = {
  SIGKILL: 'SIGKILL',
  SIGTERM: 0,
  SIGSTOP: null,
} as const satisfies Readonly<Partial<Record<NodeJS.Signals, number | string | null>>>;
export type Fate = keyof typeof FATES;

/** The environment of servers behind a proxy of this machine, quick to notice what fails. */
export const behindProxy = (databaseUrl: string): Readonly<Record<string, string>> => ({
  DATABASE_URL: databaseUrl,
  DB_SSLMODE: 'disable',
  DASHBOARD_TICK_SECONDS: '1',
  DASHBOARD_HEARTBEAT_SECONDS: '0.5',
  DASHBOARD_POOL_SIZE: '4',
  DASHBOARD_TRUST_PROXY: '127.0.0.1',
});

/** One of the servers. */
export class Replica {
  readonly port: number;
  readonly #env: Readonly<Record<string, string>>;
  #program: Program | undefined;

  private constructor(port: number, env: Readonly<Record<string, string>>) {
    this.port = port;
    this.#env = { ...env, DASHBOARD_PORT: `${port}` };
  }

  /** Starts servers with one environment, each on a port of its own. */
  static async start(count: number, env: Readonly<Record<string, string>>): Promise<Replica[]> {
    const replicas: Replica[] = [];
    // One after the other: a port is free until its server has it.
    for (let index = 0; index < count; index += 1) {
      const replica = new Replica(await freePort(), env);
      await replica.start();
      replicas.push(replica);
    }
    return replicas;
  }

  /** Starts it at its port, and waits until it is ready to serve. */
  async start(): Promise<void> {
    this.#program = startProgram(['serve', '--no-demo'], this.#env);
    await this.#program.ready();
    await vi.waitFor(async () => {
      const answer = await fetch(`http://127.0.0.1:${this.port}/api/health/ready`);
      if (!answer.ok) throw new Error(`the server at ${this.port} is not ready: ${answer.status}`);
    }, 20_000);
  }

  /** How many clients follow the feed on it. */
  async clients(): Promise<number> {
    const health: unknown = await (await fetch(`http://127.0.0.1:${this.port}/api/health`)).json();
    const clients = typeof health === 'object' && health !== null ? Reflect.get(health, 'clients') : undefined;
    if (typeof clients !== 'number') throw new Error(`no count of clients in ${JSON.stringify(health)}`);
    return clients;
  }

  /** Has it meet its fate, `meanwhile` happen without it, and brings it back. */
  async without(fate: Fate, meanwhile: () => Promise<void>): Promise<void> {
    const end = FATES[fate];
    this.#program?.signal(fate);
    if (end !== null) expect(await this.#program?.ended).toBe(end);
    try {
      await meanwhile();
    } finally {
      if (end === null) this.#program?.signal('SIGCONT');
      else await this.start();
    }
  }

  async stop(): Promise<void> {
    // Whoever is frozen hears no SIGTERM.
    this.#program?.signal('SIGCONT');
    await stopProgram(this.#program);
  }
}
