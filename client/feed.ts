/**
 * The feed as a state machine: events in, effects out. It has no clock, no randomness, no socket and no timer of its own,
 * so that every order of events can be tried.
 */
import type { StreamName } from '../shared/streams.ts';
import { Cursors } from './feed/cursors.ts';
import { type Phase, sameWant } from './feed/phase.ts';
import { deadlineOf, type Row, TRANSITIONS } from './feed/transitions.ts';
import type { Effect, EventName, FeedCounts, FeedEvent, Scene, State, StateName, Want } from './feed/types.ts';

export type { Command, Effect, FeedCounts, FeedEvent, News, State, Want } from './feed/types.ts';

/** The machine of one page. */
export class Feed {
  #state: State = { name: 'offline', attempt: 0, retryAt: null, refusal: null, notBefore: 0 };
  readonly #random: () => number;
  readonly #wants = new Map<StreamName, Want>();
  readonly #cursors = new Cursors();
  readonly #counts: FeedCounts = {
    failures: 0,
    malformed: 0,
    breaks: 0,
    late: 0,
    errors: 0,
    gaps: 0,
    resumes: 0,
    repeats: 0,
  };
  #build: string | null;
  #reloadWanted = false;
  #sockets = 0;
  #ids = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #now = Number.NEGATIVE_INFINITY;
  /** By how much the machine's clock was set back, in all. */
  #setBackMs = 0;

  /**
   * @param random in [0, 1), for the jitter.
   * @param build this page's build; null where it is not known, and the first server's is taken for it.
   */
  constructor(random: () => number, build: string | null) {
    this.#random = random;
    this.#build = build;
  }

  get state(): State {
    return this.#state;
  }

  get counts(): Readonly<FeedCounts> {
    return this.#counts;
  }

  /** Where a stream's subscription stands; null without a connection, or where the stream was never wanted. */
  phase(stream: StreamName): Phase | null {
    return 'link' in this.#state ? this.#state.link.subscriptions.phase(stream) : null;
  }

  /**
   * Takes an event in. The only place where the state changes.
   *
   * @param now this machine's clock, epoch ms.
   * @returns what is to be done and what was learnt, in order.
   */
  handle(event: FeedEvent, now: number): Effect[] {
    // A clock that is set back must not put off for as long what waits for its time.
    this.#setBackMs = Math.max(this.#setBackMs, this.#now - now);
    this.#now = now + this.#setBackMs;
    return this.#handle(event, this.#now);
  }

  #handle(event: FeedEvent, now: number): Effect[] {
    const effects: Effect[] = [];
    if (event.type === 'tick') this.#wakeAt = Number.POSITIVE_INFINITY;
    if (event.type === 'want') this.#want(event.want);
    const scene = this.#scene(now, effects);
    this.#state = transit(this.#state, event, scene);
    const deadline = deadlineOf(this.#state, now);
    // An earlier wake than needed costs an idle tick; a later one would miss its moment.
    if (deadline < this.#wakeAt) {
      this.#wakeAt = deadline;
      effects.push({ type: 'wake', afterMs: Math.max(0, deadline - now) });
    }
    return effects;
  }

  #want(want: Want): void {
    const before = this.#wants.get(want.stream);
    this.#wants.set(want.stream, want);
    // What is held belongs to another picture, or is about to.
    if (before !== undefined && !sameWant(before, want)) this.#cursors.forget(want.stream);
  }

  #scene(now: number, effects: Effect[]): Scene {
    return {
      now,
      random: this.#random,
      wants: this.#wants,
      counts: this.#counts,
      cursors: this.#cursors,
      emit: (effect) => effects.push(effect),
      nextSocket: () => {
        this.#sockets += 1;
        return this.#sockets;
      },
      nextId: (stream) => {
        this.#ids += 1;
        return `${stream}.${this.#ids}`;
      },
      noteBuild: (build) => {
        if (build === '') return;
        this.#build ??= build;
        if (build === this.#build || this.#reloadWanted) return;
        this.#reloadWanted = true;
        effects.push({ type: 'reload', build });
      },
    };
  }
}

/** Finds the transition for a state and an event. */
function transit(state: State, event: FeedEvent, scene: Scene): State {
  switch (state.name) {
    case 'offline':
      return run(TRANSITIONS.offline, state, event, scene);
    case 'connecting':
      return run(TRANSITIONS.connecting, state, event, scene);
    case 'syncing':
      return run(TRANSITIONS.syncing, state, event, scene);
    case 'live':
      return run(TRANSITIONS.live, state, event, scene);
    case 'stale':
      return run(TRANSITIONS.stale, state, event, scene);
  }
}

function run<S extends StateName, E extends EventName>(
  row: Row<S>,
  state: State<S>,
  event: FeedEvent<E>,
  scene: Scene,
): State {
  return row[event.type](state, event, scene);
}
