/**
 * History for subscribers, made once for all who ask for the same while it is as new as can be, and in a storm for all who
 * ask within a few seconds, so that a thousand pages that come back at once cost one query for each distinct picture. Who
 * is given history that is a moment old reads the deltas after it from the log. What was read lately is brought up to date
 * in memory; only what is not kept there is read from the database.
 */
import type { StreamCache } from './cached.ts';
import type { FeedLog } from './log.ts';
import type { ChannelSnapshot, Clock, HeldPosition, SnapshotRequest } from './ports.ts';
import type { SubscriptionRequest } from './requests.ts';

/** How long history is given to others who ask for the same. */
const SHARED_MS = 5000;
/** Above this many frames since, reading anew costs a client less than catching up. */
const SHARED_FRAMES = 1000;
/** From so many askers on for the same within SHARED_MS it is a storm, and what is a little old is good enough. */
const STORM_ASKERS = 16;
/** How long a subscription waits for the database before it is told that there is none. */
const PLACING_MS = 3000;

/** Thrown where the database does not answer in time. */
export class AwayError extends Error {}

/** Thrown where clients that take their history slowly already keep too much of it in memory. */
export class FullError extends Error {}

/** What history is asked for: one request for all who ask for the same. */
export type HistoryWish = NonNullable<SubscriptionRequest['history']> & { readonly keys: readonly string[] | null };

/** What histories ask of their stream's pump; the results withdraw the request. */
export interface Placer {
  /** A position that a look after this call leads to, held open. */
  hold(holder: (held: HeldPosition) => void): () => void;
  /** Calls `reached` when a look that began after this call is through. */
  reach(reached: () => void): () => void;
}

/** What the readings of one stream report and are bounded by. */
export interface HistoryEvents {
  /** A history is being read from the database. */
  read(): void;
  failed(error: unknown): void;
  /** Bytes of history that came into memory, or (negative) left it. False where there is no room for more. */
  room(bytes: number): boolean;
}

/** A place in the feed: the number of the first frame after it, and its cursor. */
export interface HistoryPlace {
  readonly number: number;
  readonly cursor: string;
}

/** A held position with its place in the feed. */
export interface HeldPlace extends HistoryPlace {
  readonly held: HeldPosition;
}

/** The history that stands at a place in the feed. */
interface Source {
  readonly channels: AsyncIterable<ChannelSnapshot>;
  /** Called when the channels were taken, or one of them failed. */
  readonly release: () => Promise<void>;
}

/**
 * Finds a history. It calls `stand` in the very step in which the place is taken: a history without a place is believed to
 * get one no earlier than the present, so that it may be given to whoever has got all deltas up to here.
 */
type Find = (stand: (place: HistoryPlace) => void) => Promise<Source>;

/** The history of a request at one position, filled as it is read. */
export class History {
  /** Where the history stands; rejects where the database does not answer. */
  readonly placed: Promise<HistoryPlace>;
  readonly #snapshots: ChannelSnapshot[] = [];
  #number: number | null = null;
  #state: 'reading' | 'read' | { readonly error: unknown } = 'reading';
  #wake: () => void = () => {};
  #more: Promise<void>;
  #users = 0;
  #bytes = 0;
  readonly #room: HistoryEvents['room'];

  constructor(find: Find, events: Pick<HistoryEvents, 'room' | 'failed'>) {
    this.#room = events.room;
    this.#more = new Promise((resolve) => {
      this.#wake = resolve;
    });
    this.placed = new Promise((resolve, reject) => {
      const found = find((place) => {
        this.#number = place.number;
        resolve(place);
      });
      // Whoever waits for the place hears of a failure.
      found.then((source) => this.#fill(source, events), reject);
    });
    // Nobody may be left to hear of it.
    this.placed.catch(() => undefined);
  }

  /** Number of the first frame after it; null until that is known. */
  get number(): number | null {
    return this.#number;
  }

  /** Every channel's snapshot, in order; each caller takes them at a pace of its own. Throws where reading failed. */
  async *snapshots(): AsyncGenerator<ChannelSnapshot> {
    await this.placed;
    for (let next = 0; ; ) {
      const snapshot = this.#snapshots[next];
      if (snapshot !== undefined) {
        next += 1;
        yield snapshot;
      } else if (this.#state === 'reading') await this.#more;
      else if (this.#state === 'read') return;
      else throw this.#state.error;
    }
  }

  /** Keeps it in memory until the result is called. */
  use(): () => void {
    this.#users += 1;
    let mine = true;
    return () => {
      if (!mine) return;
      mine = false;
      this.#users -= 1;
      this.#freeIfUnused();
    };
  }

  async #fill({ channels, release }: Source, { room, failed }: Pick<HistoryEvents, 'room' | 'failed'>): Promise<void> {
    try {
      for await (const snapshot of channels) {
        const bytes = snapshot.body.text.length;
        if (!room(bytes)) throw new FullError('too much history is waiting to be taken; subscribe again');
        this.#bytes += bytes;
        this.#snapshots.push(snapshot);
        this.#signal();
      }
      this.#state = 'read';
    } catch (error) {
      this.#state = { error };
    }
    this.#signal();
    this.#freeIfUnused();
    await release().catch(failed);
  }

  #freeIfUnused(): void {
    if (this.#users > 0 || this.#state === 'reading') return;
    this.#room(-this.#bytes);
    this.#bytes = 0;
    this.#snapshots.length = 0;
  }

  #signal(): void {
    const wake = this.#wake;
    this.#more = new Promise((resolve) => {
      this.#wake = resolve;
    });
    wake();
  }
}

/** A history with how often it, or what stood in its place within the same few seconds, was asked for. */
interface Shared {
  readonly history: History;
  askers: number;
}

/** History for one who asked, who lets it go by `done`. */
interface Given {
  readonly history: History;
  readonly done: () => void;
}

function share({ history }: Shared): Given {
  return { history, done: history.use() };
}

/** The histories of one stream that may be shared at the moment. */
export class Histories {
  readonly #log: FeedLog;
  readonly #cache: StreamCache;
  readonly #clock: Clock;
  readonly #events: HistoryEvents;
  readonly #pointLimit: number;
  readonly #shared = new Map<string, Shared>();
  #placer: Placer | null = null;

  constructor(log: FeedLog, cache: StreamCache, clock: Clock, pointLimit: number, events: HistoryEvents) {
    this.#log = log;
    this.#cache = cache;
    this.#clock = clock;
    this.#pointLimit = pointLimit;
    this.#events = events;
  }

  /** Gives it a pump, or takes it away (null) where the stream is off. */
  follow(placer: Placer | null): void {
    this.#placer = placer;
    this.forget();
  }

  /** What was read is void, because the stream has another past or rows were `rewritten`: who asks next has it read anew. */
  forget(why: 'rewound' | 'rewritten' = 'rewound'): void {
    this.#shared.clear();
    this.#cache.forget(why);
  }

  /** Whether rows that are updated or deleted are told of, by `forget`, from now on. */
  tellRewrites(told: boolean): void {
    this.#cache.tell(told);
  }

  /**
   * History of a request, whose position is not before the frame of number `least`.
   *
   * @throws AwayError where the database does not answer.
   */
  async ask(wish: HistoryWish, least: number): Promise<Given> {
    const name = JSON.stringify([wish.keys, wish.range, wish.resolution]);
    const known = this.#shared.get(name);
    if (known !== undefined) {
      known.askers += 1;
      if (known.askers >= STORM_ASKERS && this.#isFresh(known, wish, least)) return share(known);
    }
    // Whether what is in memory is as new as the question, only a look can tell; it is made for all who ask at the time.
    const isReached = known !== undefined || this.#cache.mayServe(wish);
    if (isReached) await this.#reach();
    const now = this.#shared.get(name);
    if (now !== undefined && this.#isFresh(now, wish, least)) return share(now);
    return this.#make(name, wish, now?.askers ?? 1, isReached);
  }

  /**
   * A position that is reached after this call, held open; `stand` is told of it before anything else happens.
   *
   * @throws AwayError where the database does not answer.
   */
  async place(stand: (place: HistoryPlace) => void = () => undefined): Promise<HeldPlace> {
    return this.#inTime((placer, resolve) =>
      placer.hold((held) => {
        const place = { held, number: this.#log.end, cursor: this.#log.mark() };
        stand(place);
        resolve(place);
      }),
    );
  }

  async #reach(): Promise<void> {
    return this.#inTime<void>((placer, resolve) => placer.reach(() => resolve()));
  }

  async #inTime<T>(ask: (placer: Placer, resolve: (value: T) => void) => () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const withdraw =
        this.#placer === null
          ? null
          : ask(this.#placer, (value) => {
              giveUp();
              resolve(value);
            });
      const giveUp = this.#clock.after(PLACING_MS, () => {
        withdraw?.();
        reject(new AwayError('the database does not answer; subscribe again when a heartbeat says database: up'));
      });
    });
  }

  /** History that is all in memory, at the end of the log; null where it is not. */
  #kept(request: SnapshotRequest): Find | null {
    const number = this.#log.end;
    const channels = this.#cache.serve(request, number);
    if (channels === null) return null;
    return async (stand) => {
      stand({ number, cursor: this.#log.mark() });
      return { channels, release: async () => undefined };
    };
  }

  /** History at a position that is held open, of which only what is not in memory is read. */
  #held(request: SnapshotRequest): Find {
    return async (stand) => {
      // Rewritten rows that are told of from here on may not be seen at the position.
      const { age } = this.#cache;
      const { held, number } = await this.place(stand);
      this.#events.read();
      return { channels: this.#cache.read(held, request, number, age), release: () => held.release() };
    };
  }

  /** History made anew; `isReached`: a look that began after the question is through, so that memory may answer it. */
  #make(name: string, wish: HistoryWish, askers: number, isReached: boolean): Given {
    const request: SnapshotRequest = { ...wish, now: this.#clock.now(), pointLimit: this.#pointLimit };
    const kept = isReached ? this.#kept(request) : null;
    const history = new History(kept ?? this.#held(request), this.#events);
    const done = history.use();
    const letGo = history.use();
    const shared: Shared = { history, askers };
    this.#shared.set(name, shared);
    const forget = (): void => {
      letGo();
      if (this.#shared.get(name) === shared) this.#shared.delete(name);
    };
    history.placed.then(
      () => this.#clock.after(SHARED_MS, forget),
      () => forget(),
    );
    return { history, done };
  }

  #isFresh({ history, askers }: Shared, { keys }: HistoryWish, least: number): boolean {
    const { number } = history;
    // It will stand no earlier than at the end of the log.
    if (number === null) return true;
    if (number < least || number < this.#log.start || this.#log.end - number > SHARED_FRAMES) return false;
    if (askers >= STORM_ASKERS) return true;
    for (let at = number; at < this.#log.end; at += 1) {
      const key = this.#log.at(at)?.key;
      if (keys === null || (key !== undefined && keys.includes(key))) return false;
    }
    return true;
  }
}
