/** Several built servers on one database, each at a port that it keeps, as hosts behind a proxy are. */
import { vi } from 'vitest';
import { freePort } from './free-port.ts';
import { type Program, startProgram, stopProgram } from './program.ts';

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

  signal(name: NodeJS.Signals): void {
    this.#program?.signal(name);
  }

  /** Resolves when the process has ended, to its exit code or its signal. */
  async ended(): Promise<number | string> {
    if (this.#program === undefined) throw new Error('the server was not started');
    return await this.#program.ended;
  }

  async stop(): Promise<void> {
    // Whoever is frozen hears no SIGTERM.
    this.signal('SIGCONT');
    await stopProgram(this.#program);
  }
}
