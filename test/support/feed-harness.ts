/** The feed core on a model database and a clock that stands still: everything but sockets and PostgreSQL. */

import type { HubLimits } from '../../server/feed/hub.ts';
import { Hub } from '../../server/feed/hub.ts';
import type { Past } from '../../server/feed/ports.ts';
import { Pump } from '../../server/feed/pump.ts';
import type { Session } from '../../server/feed/session.ts';
import type { StreamName } from '../../shared/streams.ts';
import { FakeClock, rest } from './fake-clock.ts';
import { FeedChecker } from './feed-checker.ts';
import { ModelDatabase } from './model-database.ts';

export const LIMITS: HubLimits = {
  keysPerSubscription: 1000,
  keysPerConnection: 10_000,
  subscriptions: 64,
  points: 500_000,
  framesPerSecond: 50,
  errorsPerMinute: 20,
  log: { rows: 100_000, bytes: 64 * 1024 * 1024, ageMs: 3_600_000 },
};

export const TICK_MS = 10_000;

/** A client: its session and what it was sent. */
export interface Client {
  readonly session: Session;
  readonly feed: FeedChecker;
  /** Sends a frame to the server. */
  say(frame: object | string): void;
}

interface Server {
  readonly hub: Hub;
  readonly pump: Pump;
  readonly past: Past | null;
}

export class FeedHarness {
  readonly clock = new FakeClock();
  readonly database = new ModelDatabase();
  readonly counts = new Map<string, number>();
  readonly errors: unknown[] = [];
  readonly stream: StreamName = 'funding_rates';
  readonly #limits: HubLimits;
  #server: Server;

  constructor(limits: HubLimits = LIMITS) {
    this.#limits = limits;
    this.#server = this.#makeServer();
  }

  get hub(): Hub {
    return this.#server.hub;
  }

  get pump(): Pump {
    return this.#server.pump;
  }

  #makeServer(): Server {
    const { clock, stream } = this;
    const hub = new Hub(clock, this.#limits, {
      count: (name, amount) => this.counts.set(name, (this.counts.get(name) ?? 0) + amount),
      failed: (_stream, error) => this.errors.push(error),
      prepare: async () => {},
    });
    const log = this.database.log();
    const pump = new Pump(
      log,
      clock,
      {
        begun: ({ position, newestArrival }) => hub.beginAt(stream, position, newestArrival),
        rows: (batch, via) => hub.deliver(stream, batch, via),
        reached: (position) => hub.reached(stream, position),
        rewound: (position) => hub.rewound(stream, position),
        failed: (error) => this.errors.push(error),
      },
      { tickMs: TICK_MS, pause: () => hub.pause, tickOnly: false },
    );
    return { hub, pump, past: log.past };
  }

  /** Another server takes over, which knows nothing but the database; every connection to this one is gone. */
  async replaceServer(): Promise<void> {
    void this.pump.stop();
    this.#server = this.#makeServer();
    await this.start();
  }

  /** Begins to follow the model. */
  async start(): Promise<void> {
    this.hub.start(this.stream, { placer: this.pump, past: this.#server.past });
    this.hub.tellRewrites(this.stream, true);
    this.pump.tick();
    await rest();
  }

  /** @param bundles whether the client asks for bundles (F16). */
  connect(bundles = false): Client {
    const feed = new FeedChecker(() => this.clock.now());
    const session = this.hub.open(feed, { connection: '', address: '' }, bundles);
    return {
      session,
      feed,
      say: (frame) => session.receive(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    };
  }

  /** One transaction with one row. */
  insert(key: string): string {
    const transaction = this.database.begin();
    const id = this.database.insert(transaction, key);
    this.database.commit(transaction);
    return id;
  }
}
