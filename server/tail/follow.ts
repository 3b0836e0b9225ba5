/**
 * Follows the feed: a state machine, events in and effects out. It has no clock, no randomness, no socket and no output of
 * its own, so that a connection can be cut at any frame and every order of events be tried.
 */
import { backoff } from '../../shared/backoff.ts';
import { type Frame, SILENT_HEARTBEATS } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { Exit } from './exit.ts';
import { parseFrame, type TailFrame } from './frames.ts';
import { Outage } from './outage.ts';
import { type Outcome, Subscription } from './subscription.ts';
import type { Effect, EventName, FollowEvent, Link, Scene, State, StateName, Wanted, Weight } from './types.ts';
import { exitOfClose, exitOfStatus, noteHeartbeat } from './verdicts.ts';

/** How long a socket may take to open and say `hello`. */
const HELLO_MS = 10_000;
/** A connection that lasted so long ends the row of failures (F14). */
const LASTED_MS = 10_000;
/** Longest that a server is believed about when to come back, in ms. */
const LONGEST_BYE_MS = 60_000;

type Row<S extends StateName> = {
  readonly [E in EventName]: (
    state: Extract<State, { name: S }>,
    event: Extract<FollowEvent, { type: E }>,
    scene: Scene,
  ) => State;
};
type Table = { readonly [S in StateName]: Row<S> };

const ENDED: State = { name: 'ended' };

/** The machine of one run of `tail`. */
export class Follow {
  readonly #wanted: Wanted;
  readonly #random: () => number;
  readonly #subscriptions: ReadonlyMap<string, Subscription>;
  #state: State = { name: 'idle' };
  #sockets = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #startedAt = 0;
  /** Whether any server ever said hello. */
  #everOpen = false;
  #blocked = false;
  readonly #outage = new Outage();
  readonly #strange = new Set<string>();

  /** @param random in [0, 1), for the jitter. */
  constructor(wanted: Wanted, random: () => number) {
    this.#wanted = wanted;
    this.#random = random;
    this.#subscriptions = new Map(
      wanted.streams.map((stream) => [stream, new Subscription(stream, wanted, wanted.from.get(stream))]),
    );
  }

  get state(): State {
    return this.#state;
  }

  /** Whether any stream lost rows for good. */
  get lost(): boolean {
    return [...this.#subscriptions.values()].some(({ lost }) => lost);
  }

  /** Where a stream's subscription stands. */
  phase(stream: StreamName): Subscription['phase'] | undefined {
    return this.#subscriptions.get(stream)?.phase;
  }

  /**
   * Takes an event in. The only place where the state changes.
   *
   * @param now a clock that never goes back, in ms.
   * @returns what is to be done, in order.
   */
  handle(event: FollowEvent, now: number): Effect[] {
    const effects: Effect[] = [];
    const scene: Scene = { now, random: this.#random, emit: (effect) => effects.push(effect) };
    if (event.type === 'tick') this.#wakeAt = Number.POSITIVE_INFINITY;
    if (event.type === 'blocked' || event.type === 'drained') this.#blocked = event.type === 'blocked';
    this.#state = this.#transit(event, scene);
    const deadline = this.#deadline();
    // An earlier wake than needed costs an idle tick; a later one would miss its moment.
    if (deadline < this.#wakeAt) {
      this.#wakeAt = deadline;
      effects.push({ type: 'wake', afterMs: Math.max(0, deadline - now) });
    }
    return effects;
  }

  /** For every state and every event, the state after it: total by its type, so that no combination is forgotten. */
  readonly #table: Table = {
    idle: {
      start: (_state, _event, scene) => {
        this.#startedAt = scene.now;
        return this.#dial(0, scene);
      },
      frame: stay,
      heard: stay,
      closed: stay,
      answered: stay,
      tick: stay,
      blocked: stay,
      drained: stay,
      stop: (_state, _event, scene) => this.#end(null, scene),
    },
    connecting: {
      start: stay,
      frame: (state, event, scene) => (event.socket === state.socket ? this.#greet(state, event.text, scene) : state),
      heard: stay,
      closed: (state, event, scene) =>
        event.socket === state.socket ? this.#closed(state.attempt, event, scene) : state,
      answered: (state, event, scene) =>
        event.socket === state.socket ? this.#answered(state.attempt, event.status, scene) : state,
      tick: (state, _event, scene) => {
        this.#tellOutage(scene);
        if (scene.now < state.deadline) return state;
        scene.emit({ type: 'close', socket: state.socket });
        return this.#retry(state.attempt, `no hello within ${HELLO_MS / 1000} s`, scene);
      },
      blocked: stay,
      drained: stay,
      stop: (state, _event, scene) => this.#end(state.socket, scene),
    },
    open: {
      start: stay,
      frame: (state, event, scene) =>
        event.socket === state.link.socket ? this.#hear(state, event.text, scene) : state,
      heard: (state, event, scene) => {
        if (event.socket === state.link.socket) state.link.heardAt = scene.now;
        return state;
      },
      closed: (state, event, scene) =>
        event.socket === state.link.socket ? this.#closed(this.#attemptAfter(state.link, scene), event, scene) : state,
      // A handshake has one answer, and this connection had its.
      answered: stay,
      tick: (state, _event, scene) => this.#watch(state, scene),
      blocked: stay,
      // While nothing could be printed nothing was read, so nothing could be heard either.
      drained: (state, _event, scene) => {
        state.link.heardAt = scene.now;
        for (const subscription of this.#subscriptions.values()) subscription.restartClock(scene.now);
        return state;
      },
      stop: (state, _event, scene) => this.#end(state.link.socket, scene),
    },
    waiting: {
      start: stay,
      // What a socket that was given up still has to say is nobody's business any more.
      frame: stay,
      heard: stay,
      closed: stay,
      answered: stay,
      tick: (state, _event, scene) => this.#due(state, scene),
      blocked: stay,
      drained: (state, _event, scene) => this.#due(state, scene),
      stop: (_state, _event, scene) => this.#end(null, scene),
    },
    ended: {
      start: stay,
      frame: stay,
      heard: stay,
      closed: stay,
      answered: stay,
      tick: stay,
      blocked: stay,
      drained: stay,
      stop: stay,
    },
  };

  #transit(event: FollowEvent, scene: Scene): State {
    const state = this.#state;
    switch (state.name) {
      case 'idle':
        return run(this.#table.idle, state, event, scene);
      case 'connecting':
        return run(this.#table.connecting, state, event, scene);
      case 'open':
        return run(this.#table.open, state, event, scene);
      case 'waiting':
        return run(this.#table.waiting, state, event, scene);
      case 'ended':
        return run(this.#table.ended, state, event, scene);
    }
  }

  #deadline(): number {
    const state = this.#state;
    // Behind an output that takes nothing, nothing is read and nothing can fall due.
    if (this.#blocked || state.name === 'idle' || state.name === 'ended') return Number.POSITIVE_INFINITY;
    if (state.name === 'connecting') return Math.min(state.deadline, this.#outage.deadline);
    if (state.name === 'waiting') return Math.min(state.retryAt, this.#outage.deadline);
    const { heardAt, silenceMs } = state.link;
    return Math.min(heardAt + silenceMs, ...[...this.#subscriptions.values()].map(({ deadline }) => deadline));
  }

  #dial(attempt: number, scene: Scene): State {
    this.#sockets += 1;
    scene.emit({ type: 'connect', socket: this.#sockets });
    return { name: 'connecting', socket: this.#sockets, attempt, deadline: scene.now + HELLO_MS };
  }

  #due(state: Extract<State, { name: 'waiting' }>, scene: Scene): State {
    this.#tellOutage(scene);
    return this.#blocked || scene.now < state.retryAt ? state : this.#dial(state.attempt, scene);
  }

  /** The first frame must be hello (F1); then everything is subscribed to. */
  #greet(state: Extract<State, { name: 'connecting' }>, text: string, scene: Scene): State {
    const parsed = parseFrame(text);
    if (parsed.kind !== 'frame' || parsed.frame.type !== 'hello') {
      scene.emit({ type: 'close', socket: state.socket });
      const what = parsed.kind === 'frame' ? parsed.frame.type : 'something else';
      return this.#retry(state.attempt, `the first frame was not hello but ${what}: this is not the feed`, scene);
    }
    const { time, heartbeat_ms: heartbeatMs, tick_ms: tickMs, version } = parsed.frame;
    const link: Link = {
      socket: state.socket,
      attempt: state.attempt,
      openedAt: scene.now,
      helloTime: time,
      silenceMs: SILENT_HEARTBEATS * heartbeatMs,
      tickMs,
      heardAt: scene.now,
      database: 'up',
      doorbell: 'up',
      stale: new Set(),
    };
    this.#everOpen = true;
    const { afterMs, told } = this.#outage.over(scene.now);
    const after = afterMs === 0 ? '' : ` after ${(afterMs / 1000).toFixed(1)} s`;
    say(scene, told ? 'always' : 'detail', `connected${after} (version ${version})`);
    for (const subscription of this.#subscriptions.values()) subscription.ask(link, scene);
    return { name: 'open', link };
  }

  #hear(state: Extract<State, { name: 'open' }>, text: string, scene: Scene): State {
    state.link.heardAt = scene.now;
    const parsed = parseFrame(text);
    if (parsed.kind === 'malformed') return this.#distrust(state.link, `the server sent ${parsed.problem}`, scene);
    if (parsed.kind === 'unknown') {
      if (!this.#strange.has(parsed.type)) say(scene, 'detail', `frames of type ${parsed.type} are passed over`);
      this.#strange.add(parsed.type);
      return state;
    }
    const { frame } = parsed;
    if (frame.type === 'heartbeat') {
      const wasAway = state.link.database === 'down';
      for (const sentence of noteHeartbeat(state.link, frame, this.#wanted)) say(scene, 'always', sentence);
      if (wasAway && frame.database === 'up') this.#encourage(state.link, scene);
    }
    if (frame.type === 'bye') return this.#goodbye(state.link, frame, scene);
    const outcome = this.#take(frame, state.link, scene);
    if (outcome.kind === 'distrust') return this.#distrust(state.link, outcome.reason, scene);
    if (outcome.kind === 'hopeless') return this.#fail(outcome.exit, outcome.reason, state.link.socket, scene);
    return state;
  }

  /** Hands a frame to the subscription that it is about. Each has its stream's name for an id. */
  #take(frame: TailFrame, link: Link, scene: Scene): Outcome {
    const about = frame.type === 'delta' ? frame.stream : 'id' in frame ? frame.id : undefined;
    const subscription = about === undefined ? undefined : this.#subscriptions.get(about);
    if (subscription === undefined) {
      if (frame.type === 'error') say(scene, 'always', `the server says: ${frame.message} [${frame.code}]`);
      return { kind: 'well' };
    }
    switch (frame.type) {
      case 'delta':
        return subscription.delta(frame, link, scene);
      case 'subscribed':
        return subscription.subscribed(frame, scene);
      case 'gap':
        return subscription.gap(frame, scene);
      case 'synced':
        return subscription.synced(frame, scene);
      case 'error':
        return subscription.error(frame, scene);
      default:
        return { kind: 'well' };
    }
  }

  #goodbye(link: Link, frame: Frame<'bye'>, scene: Scene): State {
    scene.emit({ type: 'close', socket: link.socket });
    this.#disconnected();
    const afterMs = Math.min(Math.max(frame.retry_after_ms, 0), LONGEST_BYE_MS);
    // The server spreads its clients over the time that it names, so this one adds nothing of its own.
    return this.#wait(0, afterMs, `the server closes (${frame.reason})`, scene);
  }

  #watch(state: Extract<State, { name: 'open' }>, scene: Scene): State {
    if (this.#blocked) return state;
    const { link } = state;
    if (scene.now - link.heardAt >= link.silenceMs)
      return this.#distrust(link, `silence for ${link.silenceMs / 1000} s`, scene);
    for (const subscription of this.#subscriptions.values()) {
      const outcome = subscription.tick(link, scene);
      if (outcome.kind === 'distrust') return this.#distrust(link, outcome.reason, scene);
    }
    return state;
  }

  /** Gives a connection up and tries another, from where the streams stand. */
  #distrust(link: Link, reason: string, scene: Scene): State {
    scene.emit({ type: 'close', socket: link.socket });
    this.#disconnected();
    return this.#retry(this.#attemptAfter(link, scene), reason, scene);
  }

  #attemptAfter(link: Link, scene: Scene): number {
    return scene.now - link.openedAt >= LASTED_MS ? 0 : link.attempt;
  }

  #closed(attempt: number, event: Extract<FollowEvent, { type: 'closed' }>, scene: Scene): State {
    this.#disconnected();
    const { code, reason } = event;
    const words = `${reason === '' ? 'the connection was closed' : reason} [${code}]`;
    const exit = exitOfClose(code);
    if (exit !== null) return this.#fail(exit, words, null, scene);
    return this.#retry(attempt, words, scene);
  }

  /** An answer to the handshake that is not the feed's own: a proxy, or the wrong address. */
  #answered(attempt: number, status: number, scene: Scene): State {
    const words = `HTTP ${status} instead of a feed`;
    const exit = exitOfStatus(status, this.#everOpen);
    if (exit !== null) return this.#fail(exit, words, null, scene);
    return this.#retry(attempt, words, scene);
  }

  /** Waits for the next try (F14), or gives up where there never was a connection. */
  #retry(attempt: number, reason: string, scene: Scene): State {
    return this.#wait(attempt + 1, backoff(attempt, scene.random), reason, scene);
  }

  #wait(attempt: number, afterMs: number, reason: string, scene: Scene): State {
    const { waitMs } = this.#wanted;
    const first = this.#outage.failed(reason, scene.now);
    if (!this.#everOpen) {
      if (scene.now + afterMs > this.#startedAt + waitMs)
        return this.#fail('unreachable', `no feed: ${reason}`, null, scene);
      if (first) say(scene, 'always', `no feed yet: ${reason}; trying for ${waitMs / 1000} s`);
    } else {
      say(scene, 'detail', `${reason}; again in ${(afterMs / 1000).toFixed(1)} s`);
    }
    return { name: 'waiting', attempt, retryAt: scene.now + afterMs };
  }

  /** Tells of an outage once it has lasted. */
  #tellOutage(scene: Scene): void {
    const words = this.#outage.tell(scene.now);
    // Before the first connection the failures themselves were told of.
    if (words !== null && this.#everOpen) say(scene, 'always', words);
  }

  #encourage(link: Link, scene: Scene): void {
    for (const subscription of this.#subscriptions.values()) subscription.encourage(link, scene);
  }

  #disconnected(): void {
    for (const subscription of this.#subscriptions.values()) subscription.disconnected();
  }

  #fail(exit: Exit, reason: string, socket: number | null, scene: Scene): State {
    say(scene, 'always', reason);
    if (socket !== null) scene.emit({ type: 'close', socket });
    scene.emit({ type: 'end', exit });
    return ENDED;
  }

  #end(socket: number | null, scene: Scene): State {
    if (socket !== null) scene.emit({ type: 'close', socket });
    scene.emit({ type: 'end', exit: this.lost ? 'lost' : 'done' });
    return ENDED;
  }
}

function stay<S extends State>(state: S): S {
  return state;
}

function say(scene: Scene, weight: Weight, text: string): void {
  scene.emit({ type: 'say', weight, text });
}

function run<S extends StateName, E extends EventName>(
  row: Row<S>,
  state: Extract<State, { name: S }>,
  event: Extract<FollowEvent, { type: E }>,
  scene: Scene,
): State {
  return row[event.type](state, event, scene);
}
