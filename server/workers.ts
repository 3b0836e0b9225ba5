/**
 * Several processes behind one port, for machines with several cores: the first process keeps the embedded database where
 * there is one, starts the workers and starts again those that end. Each worker is a whole server; they share nothing but
 * the port and the database, from which any of them resumes what another began.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { AggregatorRegistry } from 'prom-client';
import * as z from 'zod';
import type { Config } from './config.ts';
import { CodedError } from './errors.ts';
import { type Connections, openHome } from './home.ts';
import type { Running } from './lifetime.ts';

/** Before a worker that ended is started again: doubled each time it did not last, in ms. */
const RESTART_LEAST_MS = 250;
const RESTART_MOST_MS = 30_000;
/** A worker that served for so long had no fault of its start. */
const LASTED_MS = 60_000;
/** How long a worker may take to stop, in ms; it gives itself 4.5 s. */
const STOP_MS = 4200;

/** What a worker is told when it starts: where the embedded database is, whether it is the one that runs the market, and its port. */
const order = z.object({
  type: z.literal('start'),
  database: z.nullable(
    z.object({
      host: z.string(),
      port: z.number(),
      database: z.string(),
      user: z.string(),
      password: z.string().optional(),
    }),
  ),
  market: z.boolean(),
  /** The same for all of them, and for those that take their place: each would be given another one for 0. */
  port: z.number(),
});
type Order = z.infer<typeof order>;

/** What a worker says. */
const report = z.discriminatedUnion('type', [
  z.object({ type: z.literal('asking') }),
  z.object({ type: z.literal('ready'), address: z.string() }),
  z.object({ type: z.literal('scrape'), id: z.number() }),
]);
const scraped = z.object({ type: z.literal('scraped'), id: z.number(), text: z.string() });

/** Whether this process is one of several workers. */
export function isWorker(): boolean {
  return cluster.isWorker;
}

/** In the first process: starts `config.workers` workers, and resolves when all of them listen. */
export async function startWorkers(config: Config, log: Logger, signal: AbortSignal): Promise<Running> {
  const home = await openHome(config, log, signal);
  const fleet = new Fleet(config, home, log);
  try {
    signal.throwIfAborted();
    const address = await fleet.start(signal);
    return {
      address,
      async stop() {
        await fleet.stop();
        await home.close();
      },
    };
  } catch (error) {
    await fleet.stop();
    await home.close();
    throw error;
  }
}

class Fleet {
  readonly #config: Config;
  readonly #home: Connections;
  readonly #log: Logger;
  readonly #workers = new Set<Worker>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #metrics = new AggregatorRegistry();
  #stopping = false;

  constructor(config: Config, home: Connections, log: Logger) {
    this.#config = config;
    this.#home = home;
    this.#log = log;
  }

  async start(signal: AbortSignal): Promise<string> {
    // The first one alone, because it may fill the demo's past, which is not to pass through the feed of the others.
    const address = await this.#first(true, signal);
    const others = Array.from({ length: this.#config.workers - 1 }, () => this.#first(false, signal));
    await Promise.all(others);
    return address;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#workers].map(endOf));
  }

  /** Starts a worker that must come up: one that ends before it is ready fails the start. */
  #first(market: boolean, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const worker = this.#fork(market, resolve, RESTART_LEAST_MS);
      worker.once('exit', (code, name) => {
        reject(
          new CodedError('worker_failed', `a worker ended before it served (${name ?? `exit code ${code}`})`, {
            mend: 'Its log above says why.',
          }),
        );
      });
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  #fork(market: boolean, ready: (address: string) => void, pauseMs: number): Worker {
    const worker = cluster.fork();
    this.#workers.add(worker);
    let readyAt = Number.POSITIVE_INFINITY;
    worker.on('message', (message: unknown) => {
      const said = report.safeParse(message);
      // Other messages are the library's own.
      if (!said.success) return;
      if (said.data.type === 'asking') {
        worker.send(this.#order(market));
        return;
      }
      if (said.data.type === 'scrape') {
        this.#scrape(worker, said.data.id);
        return;
      }
      readyAt = performance.now();
      ready(said.data.address);
    });
    worker.on('error', (error) =>
      this.#log.error({ err: error, worker: worker.id }, 'a worker could not be spoken to'),
    );
    worker.on('exit', (code, name) => {
      this.#workers.delete(worker);
      const hasServed = readyAt !== Number.POSITIVE_INFINITY;
      // Who never served fails the start, or was started again below.
      if (this.#stopping || (!hasServed && pauseMs === RESTART_LEAST_MS)) return;
      const hasLasted = performance.now() - readyAt >= LASTED_MS;
      const pause = hasLasted ? RESTART_LEAST_MS : pauseMs;
      this.#log.error({ worker: worker.id, code, signal: name, pauseMs: pause }, 'a worker ended; it is started again');
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#fork(market, () => undefined, Math.min(RESTART_MOST_MS, pause * 2));
      }, pause);
      this.#timers.add(timer);
    });
    return worker;
  }

  #order(market: boolean): Order {
    const { host, port, database, user, password } = this.#home.connection;
    const isEmbedded = this.#config.database.kind === 'embedded';
    return {
      type: 'start',
      database: isEmbedded ? { host, port, database, user, ...(password === undefined ? {} : { password }) } : null,
      market,
      port: this.#config.port,
    };
  }

  #scrape(worker: Worker, id: number): void {
    this.#metrics.clusterMetrics().then(
      (text) => worker.send({ type: 'scraped', id, text }),
      (error: unknown) => this.#log.warn({ err: error }, 'the figures of all workers could not be gathered'),
    );
  }
}

/** Stops a worker in order, by force where it does not end. */
function endOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.isDead()) return resolve();
    const force = setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS);
    worker.once('exit', () => {
      clearTimeout(force);
      resolve();
    });
    worker.process.kill('SIGTERM');
  });
}

/** In a worker: its configuration, once the first process has said what it is to do. */
export function workerConfig(config: Config): Promise<Config> {
  return new Promise((resolve) => {
    const hear = (message: unknown): void => {
      const told = order.safeParse(message);
      // Other messages are the library's own.
      if (!told.success) return;
      process.off('message', hear);
      const { database, market, port } = told.data;
      const connection = database === null ? null : { ...plain(database), ssl: false as const, tlsIfOffered: false };
      resolve({
        ...config,
        port,
        ...(connection === null ? {} : { database: { kind: 'external', connection, listen: connection } }),
        ...(market || config.demo.kind === 'off' ? {} : { demo: { kind: 'elsewhere' } }),
      });
    };
    process.on('message', hear);
    process.send?.({ type: 'asking' });
  });
}

function plain({ password, ...rest }: NonNullable<Order['database']>) {
  return password === undefined ? rest : { ...rest, password };
}

/** In a worker: says that it serves. */
export function reportReady(address: string): void {
  process.send?.({ type: 'ready', address });
}

let scrapes = 0;

/** In a worker: the figures of all workers in Prometheus' format. Rejects where the first process does not answer. */
export function scrapeAll(timeoutMs = 5000): Promise<string> {
  scrapes += 1;
  const id = scrapes;
  return new Promise((resolve, reject) => {
    const hear = (message: unknown): void => {
      const answer = scraped.safeParse(message);
      if (!answer.success || answer.data.id !== id) return;
      end();
      resolve(answer.data.text);
    };
    const timer = setTimeout(() => {
      end();
      reject(new CodedError('workers_silent', 'the figures of the other workers did not come in time'));
    }, timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      process.off('message', hear);
    };
    process.on('message', hear);
    process.send?.({ type: 'scrape', id });
  });
}
