/** What the feed machine is told, what it answers, and the states it can be in. */
import type { Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { FeedState } from '../model.ts';
import type { Cursors } from './cursors.ts';
import type { Subscriptions } from './subscriptions.ts';

/** What the page wants of one stream. There is one want a stream; another one for the same stream replaces it. */
export interface Want {
  readonly stream: StreamName;
  /** Null: every key. */
  readonly keys: readonly string[] | null;
  readonly range: string;
  /** Width of a bucket of its history in ms; absent: as `points` and the range have it. */
  readonly bucketMs?: number;
  /** So many buckets up to the newest, if that is more than the range; absent where the range is `latest`, which has none. */
  readonly points?: number;
}

/** What a connection was asked for before the machine was there: the id of each stream's subscription, and what it is to bring. */
export type Asked = ReadonlyMap<StreamName, { readonly id: string; readonly want: Want }>;

/** Everything that can happen to the feed: what each event carries. `socket` is the number that the `connect` command gave. */
export interface Events {
  start: Empty;
  stop: Empty;
  want: { readonly want: Want };
  /** What is held of a stream is not to be trusted: its history is to be had anew. */
  resync: { readonly stream: StreamName };
  opened: { readonly socket: number; readonly asked?: Asked };
  closed: { readonly socket: number; readonly code: number };
  /** One message; null where it was not text. */
  frame: { readonly socket: number; readonly text: string | null };
  /** Time went on: a wake that was asked for, or an early one, which does no harm. */
  tick: Empty;
  online: Empty;
  visible: Empty;
}
type Empty = Readonly<Record<never, never>>;
export type EventName = keyof Events;
/** An event of one name, or any. Built so that a table keyed by `type` and its argument are seen to fit together. */
export type FeedEvent<E extends EventName = EventName> = { [K in E]: { readonly type: K } & Events[K] }[E];

/** What the world is to do, in order. */
export type Command =
  | { readonly type: 'connect'; readonly socket: number }
  | { readonly type: 'send'; readonly socket: number; readonly text: string }
  /** The machine has given the socket up and hears nothing from it any more. */
  | { readonly type: 'close'; readonly socket: number }
  /** Send a `tick` after so many ms; replaces the wish before it. */
  | { readonly type: 'wake'; readonly afterMs: number }
  /** The server serves another build of the page (null: unknown which): load it once the visitor is idle. */
  | { readonly type: 'reload'; readonly build: string | null };

/** What the page learns, in order. Frames come only from the newest subscription of a stream, and only in an unbroken chain. */
export type News =
  | { readonly type: 'hello'; readonly frame: Frame<'hello'> }
  | { readonly type: 'heartbeat'; readonly frame: Frame<'heartbeat'> }
  | { readonly type: 'snapshot'; readonly frame: Frame<'snapshot'> }
  | { readonly type: 'delta'; readonly frame: Frame<'delta'> }
  /** History of every channel of a stream follows; what it does not bring is gone. */
  | { readonly type: 'restart'; readonly stream: StreamName }
  /** Rows of a stream are missing on a connection that stands; with `synced` they have come. */
  | { readonly type: 'lost'; readonly stream: StreamName }
  /** All that was owed for a stream has come, history or missed rows: nothing of it is missing. */
  | { readonly type: 'synced'; readonly stream: StreamName };

export type Effect = Command | News;

/** A connection that said `hello`. Times are on this machine's clock, in epoch ms. */
export interface Link {
  readonly socket: number;
  readonly attempt: number;
  readonly heartbeatMs: number;
  readonly openedAt: number;
  readonly heardAt: number;
  /** When a probe is taken as unanswered; null where none is under way. */
  readonly probeBy: number | null;
  readonly database: 'up' | 'down';
  /** Until when the server wants to be left alone once it has said `bye`; 0 before. */
  readonly notBefore: number;
  /** The one part that is changed in place: copying every chain for every delta would cost more than the delta. */
  readonly subscriptions: Subscriptions;
}

/** Why a connected feed is not to be trusted. */
export type StaleCause = 'database' | 'silent' | 'off';

/** The states, each with only what it needs. */
export interface States {
  /**
   * No connection. `retryAt` null: not started, or stopped. `refusal`: the close code that said why, where one did.
   * `notBefore`: until when the server asked to be left alone, 0 where it did not.
   */
  offline: {
    readonly attempt: number;
    readonly retryAt: number | null;
    readonly refusal: number | null;
    readonly notBefore: number;
  };
  /** A socket is being opened, or is open and has not said `hello`; given up at `deadline`. */
  connecting: {
    readonly attempt: number;
    readonly socket: number;
    readonly deadline: number;
    readonly asked?: Asked;
  };
  syncing: { readonly link: Link };
  live: { readonly link: Link };
  stale: { readonly link: Link; readonly cause: StaleCause };
}
export type StateName = keyof States & FeedState;
/** A state of one name, or any. */
export type State<S extends StateName = StateName> = { [K in S]: { readonly name: K } & States[K] }[S];
export type Connected = State<'syncing' | 'live' | 'stale'>;

/** What happened that nobody sees on the page, counted since start. */
export interface FeedCounts {
  /** Connections that were lost or never came. */
  failures: number;
  /** Frames that were no frames of the protocol; each ended its connection. */
  malformed: number;
  /** Chains that did not fit; each had its stream subscribed anew. */
  breaks: number;
  /** Frames of subscriptions that had been replaced before. */
  late: number;
  /** `error` frames. */
  errors: number;
  gaps: number;
  /** Subscriptions that went on from a cursor. */
  resumes: number;
  /** Rows that a replay brought again. */
  repeats: number;
}

/** What a transition has at hand beside its state and event. */
export interface Scene {
  /** This machine's clock, epoch ms. */
  readonly now: number;
  /** In [0, 1). */
  random(): number;
  readonly wants: ReadonlyMap<StreamName, Want>;
  readonly counts: FeedCounts;
  readonly cursors: Cursors;
  emit(effect: Effect): void;
  /** A number that no socket had before. */
  nextSocket(): number;
  /** A subscription id that none had before. */
  nextId(stream: StreamName): string;
  /** Compares the server's build of the page with this one's. */
  noteBuild(build: string): void;
}
