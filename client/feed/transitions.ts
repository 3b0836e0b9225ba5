/**
 * What happens in each state at each event: the table is total by its type, so that no combination is forgotten. States
 * and their names are those of the page; the reasons for each move stand at the functions that make it.
 */

import { backoff } from '../../shared/backoff.ts';
import type { ServerFrame } from '../../shared/protocol.ts';
import { CLOSE, SILENT_HEARTBEATS } from '../../shared/protocol.ts';
import { encodeClientFrame, parseServerMessage } from './frames.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Connected, EventName, FeedEvent, Link, Scene, State, StateName } from './types.ts';

/** How long a socket may take to open and say `hello`. */
export const HELLO_MS = 10_000;
/** How long an answer to a probe may take, when something woke the page and the connection may have died meanwhile. */
export const PROBE_MS = 2000;
/** A connection that lasted so long ends the row of failures (F14). */
export const LASTED_MS = 10_000;
/** Silence of so many heartbeats is shown; of SILENT_HEARTBEATS, it ends the connection (F13). */
export const DOUBTFUL_HEARTBEATS = 2;
/** Nobody is left alone for longer, whatever was asked for. */
export const ABSENCE_MOST_MS = 60_000;
/** Tries in a row after which the back-off is at its longest: where a refusal will not go away by itself. */
const PATIENT_ATTEMPT = 6;

/** The transitions of one state. */
export type Row<S extends StateName> = {
  readonly [E in EventName]: (state: State<S>, event: FeedEvent<E>, scene: Scene) => State;
};

const stay = <S extends State>(state: S): S => state;

/** Without a connection nothing is asked for; but the next one is not to go on from what is held. */
const forget = <S extends State>(state: S, event: FeedEvent<'resync'>, scene: Scene): S => {
  scene.cursors.forget(event.stream);
  return state;
};

/** The transitions that a connection has whatever else is the matter with it. */
const connected: Row<'syncing' | 'live' | 'stale'> = {
  start: stay,
  stop: (state, _event, scene) => {
    scene.emit({ type: 'close', socket: state.link.socket });
    return { name: 'offline', attempt: 0, retryAt: null, refusal: null, notBefore: 0 };
  },
  want: (state, event, scene) => {
    state.link.subscriptions.want(event.want, scene);
    return settle(state.link, scene.now);
  },
  resync: (state, event, scene) => {
    state.link.subscriptions.renew(event.stream, scene);
    return settle(state.link, scene.now);
  },
  opened: stay,
  closed: (state, event, scene) => (event.socket === state.link.socket ? fail(state.link, event.code, scene) : state),
  frame: (state, event, scene) => (event.socket === state.link.socket ? hear(state, event.text, scene) : state),
  tick: (state, _event, scene) => watch(state.link, scene),
  online: (state, _event, scene) => probe(state, scene),
  visible: (state, _event, scene) => probe(state, scene),
};

/** For every state and every event, the state after it. */
export const TRANSITIONS: { readonly [S in StateName]: Row<S> } = {
  offline: {
    start: (_state, _event, scene) => dial(0, scene),
    stop: (state) => ({ ...state, retryAt: null }),
    want: stay,
    resync: forget,
    // What a socket that was given up still has to say is nobody's business any more.
    opened: stay,
    closed: stay,
    frame: stay,
    tick: (state, _event, scene) =>
      state.retryAt !== null && scene.now >= state.retryAt ? dial(state.attempt, scene) : state,
    online: redial,
    visible: redial,
  },
  connecting: {
    start: stay,
    stop: (state, _event, scene) => {
      scene.emit({ type: 'close', socket: state.socket });
      return { name: 'offline', attempt: 0, retryAt: null, refusal: null, notBefore: 0 };
    },
    want: stay,
    resync: forget,
    opened: (state, { socket, asked }) =>
      socket === state.socket && asked !== undefined ? { ...state, asked } : state,
    closed: (state, event, scene) => (event.socket === state.socket ? retry(state.attempt, event.code, scene) : state),
    frame: greet,
    tick: (state, _event, scene) => {
      if (scene.now < state.deadline) return state;
      scene.emit({ type: 'close', socket: state.socket });
      return retry(state.attempt, null, scene);
    },
    // A socket that was begun without a network may hang in its first packet.
    online: (state, _event, scene) => {
      scene.emit({ type: 'close', socket: state.socket });
      return dial(0, scene);
    },
    visible: (state) => ({ ...state, attempt: 0 }),
  },
  syncing: connected,
  live: connected,
  stale: connected,
};

/** When the state has something to do by itself (epoch ms); Infinity where it only waits for events. */
export function deadlineOf(state: State, now: number): number {
  if (state.name === 'offline') return state.retryAt ?? Number.POSITIVE_INFINITY;
  if (state.name === 'connecting') return state.deadline;
  const { link } = state;
  const doubtAt = link.heardAt + DOUBTFUL_HEARTBEATS * link.heartbeatMs;
  return Math.min(
    doubtAt > now ? doubtAt : link.heardAt + SILENT_HEARTBEATS * link.heartbeatMs,
    link.probeBy ?? Number.POSITIVE_INFINITY,
    link.subscriptions.nextAt(now),
  );
}

function dial(attempt: number, scene: Scene): State<'connecting'> {
  const socket = scene.nextSocket();
  scene.emit({ type: 'connect', socket });
  return { name: 'connecting', attempt, socket, deadline: scene.now + HELLO_MS };
}

/** There is reason to hope: do not wait any longer, but where the server asked for it. */
function redial(state: State<'offline'>, _event: unknown, scene: Scene): State {
  if (state.retryAt === null) return state;
  if (scene.now >= state.notBefore) return dial(0, scene);
  return { ...state, attempt: 0 };
}

/** A connection is lost, or did not come: wait, longer each time, and at least as long as the server asked for. */
function retry(attempt: number, code: number | null, scene: Scene, notBefore = 0): State<'offline'> {
  scene.counts.failures += 1;
  const refused = code === CLOSE.unauthorized || code === CLOSE.forbiddenOrigin || code === CLOSE.protocolVersion;
  // A page that is too old for the server is the one refusal that loading the page again mends.
  if (code === CLOSE.protocolVersion) scene.emit({ type: 'reload', build: null });
  const tries = refused ? Math.max(attempt, PATIENT_ATTEMPT) : attempt;
  const retryAt = Math.max(scene.now, notBefore) + backoff(tries, scene.random);
  return { name: 'offline', attempt: tries + 1, retryAt, refusal: refused ? code : null, notBefore };
}

function fail(link: Link, code: number | null, scene: Scene): State<'offline'> {
  const lasted = scene.now - link.openedAt >= LASTED_MS;
  return retry(lasted ? 0 : link.attempt, code, scene, link.notBefore);
}

/** Gives the connection up from this side. */
function abandon(link: Link, scene: Scene): State<'offline'> {
  scene.emit({ type: 'close', socket: link.socket });
  return fail(link, null, scene);
}

/** The first frame must be `hello` (F1), in a message of its own (F16); anything else is no feed. */
function greet(state: State<'connecting'>, event: FeedEvent<'frame'>, scene: Scene): State {
  if (event.socket !== state.socket) return state;
  const [frame, more] = parseServerMessage(event.text) ?? [];
  if (frame?.type !== 'hello' || more !== undefined) {
    scene.counts.malformed += 1;
    scene.emit({ type: 'close', socket: state.socket });
    return retry(state.attempt, null, scene);
  }
  scene.emit({ type: 'hello', frame });
  scene.noteBuild(frame.build);
  const subscriptions = new Subscriptions(state.socket, state.asked);
  const link: Link = {
    socket: state.socket,
    attempt: state.attempt,
    heartbeatMs: frame.heartbeat_ms,
    openedAt: scene.now,
    heardAt: scene.now,
    probeBy: null,
    database: 'up',
    notBefore: 0,
    subscriptions,
  };
  for (const want of scene.wants.values()) subscriptions.want(want, scene);
  return settle(link, scene.now);
}

/** Takes a message in. One that is none is taken for a broken connection: nothing after it could be trusted. */
function hear(state: Connected, text: string | null, scene: Scene): State {
  const frames = parseServerMessage(text);
  let link: Link = { ...state.link, heardAt: scene.now, probeBy: null };
  for (const frame of frames ?? [null]) {
    if (frame === null || frame.type === 'hello') {
      scene.counts.malformed += 1;
      return abandon(link, scene);
    }
    link = understand(link, frame, scene);
  }
  return settle(link, scene.now);
}

function understand(link: Link, frame: Exclude<ServerFrame, { type: 'hello' }>, scene: Scene): Link {
  switch (frame.type) {
    case 'heartbeat':
      scene.emit({ type: 'heartbeat', frame });
      link.subscriptions.confirm(scene);
      // What was refused for want of the database need not wait for its back-off.
      if (link.database === 'down' && frame.database === 'up') link.subscriptions.retryOff(scene);
      return { ...link, database: frame.database };
    case 'bye':
      return { ...link, notBefore: scene.now + Math.min(frame.retry_after_ms, ABSENCE_MOST_MS) };
    case 'pong':
      return link;
    default:
      if (frame.type === 'error') scene.counts.errors += 1;
      link.subscriptions.receive(frame, scene);
      return link;
  }
}

/** The state that a connection is in. Connected is not live: not while the database is away, and not in a long silence. */
function settle(link: Link, now: number): Connected {
  if (link.database === 'down') return { name: 'stale', link, cause: 'database' };
  if (now - link.heardAt >= DOUBTFUL_HEARTBEATS * link.heartbeatMs) return { name: 'stale', link, cause: 'silent' };
  const summary = link.subscriptions.summary();
  return summary === 'off' ? { name: 'stale', link, cause: 'off' } : { name: summary, link };
}

/** The watchdog (F13), and what waits for its time. */
function watch(link: Link, scene: Scene): State {
  const silent = scene.now - link.heardAt >= SILENT_HEARTBEATS * link.heartbeatMs;
  if (silent || (link.probeBy !== null && scene.now >= link.probeBy)) return abandon(link, scene);
  link.subscriptions.flush(scene);
  return settle(link, scene.now);
}

/** Something woke the page: if the connection was quiet for longer than a heartbeat, it may be gone, so ask. */
function probe(state: Connected, scene: Scene): Connected {
  const { link } = state;
  const quiet = scene.now - link.heardAt > link.heartbeatMs;
  if (!quiet || link.probeBy !== null) return { ...state, link: { ...link, attempt: 0 } };
  scene.emit({ type: 'send', socket: link.socket, text: encodeClientFrame({ type: 'ping' }) });
  return { ...state, link: { ...link, attempt: 0, probeBy: scene.now + PROBE_MS } };
}
