/** Many clients in processes of their own, as a benchmark handles them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../server/root.ts';
import { type Command, type ReaderReport, type Reply, reply } from './fleet-messages.ts';
import { nextMessage } from './process.ts';

/** How the clients connect; see the command `open`. */
export interface Boarding {
  readonly port: number;
  readonly path: string;
  readonly count: number;
  readonly spreadMs?: number;
  readonly deflate?: boolean;
  readonly rate?: number;
  readonly read?: boolean;
}

/** How it went: ms from connecting to being in sync, and how many were cut before. */
export interface Boarded {
  readonly times: readonly number[];
  readonly failed: number;
}

export class Fleet {
  readonly #children: readonly ChildProcess[];
  readonly #exits: readonly Promise<void>[];
  #expected: number[];
  /** How many clients each process has. */
  #clients: readonly number[] = [];

  constructor(processes: number) {
    const script = join(packageRoot(), 'bench', 'support', 'fleet-process.ts');
    this.#children = Array.from({ length: processes }, () => fork(script, { execArgv: ['--import', 'tsx'] }));
    this.#exits = this.#children.map((child) => new Promise((resolve) => child.once('exit', () => resolve())));
    this.#expected = this.#children.map(() => 0);
  }

  /**
   * Opens clients, shared out evenly; answers the ms that each took from connecting to being in sync, and how many were cut
   * before they were.
   */
  async open({ port, path, count, spreadMs, deflate, rate, read }: Boarding): Promise<Boarded> {
    const shares = this.#share(count);
    const replies = await Promise.all(
      this.#children.map((child, i) =>
        this.#ask(child, {
          do: 'open',
          port,
          path,
          count: shares[i] ?? 0,
          spreadMs: spreadMs ?? 0,
          deflate: deflate ?? false,
          rate: rate ?? null,
          read: read ?? false,
        }),
      ),
    );
    this.#clients = shares;
    return replies.reduce<Boarded>(
      (all, each) =>
        each.did === 'open' ? { times: [...all.times, ...each.times], failed: all.failed + each.failed } : all,
      { times: [], failed: 0 },
    );
  }

  /** Resolves when every client has got `count` more deltas; answers the mean length of a delta so far, in bytes. */
  async deltas(count: number): Promise<number> {
    this.#expected = this.#expected.map((total, i) => total + count * (this.#clients[i] ?? 0));
    const replies = await Promise.all(
      this.#children.map((child, i) => this.#ask(child, { do: 'deltas', total: this.#expected[i] ?? 0 })),
    );
    const sums = replies.reduce(
      (sum, each) =>
        each.did === 'deltas' ? { deltas: sum.deltas + each.deltas, bytes: sum.bytes + each.bytes } : sum,
      { deltas: 0, bytes: 0 },
    );
    return sums.bytes / sums.deltas;
  }

  /** Slow readers read at once from here on. */
  async hurry(): Promise<void> {
    await Promise.all(this.#children.map((child) => this.#ask(child, { do: 'hurry' })));
  }

  /** What each reading client saw. */
  async report(anew: boolean): Promise<ReaderReport[]> {
    const replies = await Promise.all(this.#children.map((child) => this.#ask(child, { do: 'report', anew })));
    return replies.flatMap((each) => (each.did === 'report' ? each.readers : []));
  }

  /** Cuts all connections and ends the processes. */
  async end(): Promise<void> {
    for (const child of this.#children) child.send({ do: 'end' } satisfies Command);
    await Promise.all(this.#exits);
  }

  #share(count: number): number[] {
    const { length } = this.#children;
    return this.#children.map((_, i) => Math.floor((count + i) / length));
  }

  async #ask(child: ChildProcess, order: Command): Promise<Reply> {
    const answer = nextMessage(child);
    child.send(order);
    return reply.parse(await answer);
  }
}
