/** The feed core on a model database and a clock that stands still: everything but sockets and PostgreSQL. */
import { Hub } from '../../server/feed/hub.ts';
import { Pump } from '../../server/feed/pump.ts';
import type { FeedLimits } from '../../server/feed/requests.ts';
import type { Session } from '../../server/feed/session.ts';
import type { StreamName } from '../../shared/streams.ts';
import { FakeClock, rest } from './fake-clock.ts';
import { FeedChecker } from './feed-checker.ts';
import { ModelDatabase } from './model-database.ts';

export const LIMITS: FeedLimits = {
  keysPerSubscription: 1000,
  keysPerConnection: 10_000,
  subscriptions: 64,
  points: 500_000,
  framesPerSecond: 50,
  errorsPerMinute: 20,
};

export const TICK_MS = 10_000;

/** A client: its session and what it was sent. */
export interface Client {
  readonly session: Session;
  readonly feed: FeedChecker;
  /** Sends a frame to the server. */
  say(frame: object | string): void;
}

export class FeedHarness {
  readonly clock = new FakeClock();
  readonly database = new ModelDatabase();
  readonly counts = new Map<string, number>();
  readonly errors: unknown[] = [];
  readonly hub: Hub;
  readonly pump: Pump;
  readonly stream: StreamName = 'funding_rates';

  constructor(limits: FeedLimits = LIMITS) {
    const { clock, stream } = this;
    this.hub = new Hub(clock, limits, {
      count: (name, amount) => this.counts.set(name, (this.counts.get(name) ?? 0) + amount),
      failed: (_stream, error) => this.errors.push(error),
    });
    this.pump = new Pump(
      this.database.log(),
      clock,
      {
        begun: ({ position, newestArrival }) => this.hub.beginAt(stream, position, newestArrival),
        rows: (batch, via) => this.hub.deliver(stream, batch, via),
        reached: () => {},
        rewound: (position) => this.hub.rewound(stream, position),
        failed: (error) => this.errors.push(error),
      },
      { tickMs: TICK_MS, pause: () => this.hub.pause, tickOnly: false },
    );
  }

  /** Begins to follow the model. */
  async start(): Promise<void> {
    this.hub.start(this.stream, (holder) => this.pump.hold(holder));
    this.pump.tick();
    await rest();
  }

  connect(): Client {
    const feed = new FeedChecker();
    const session = this.hub.open(feed);
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
