/** What happens to a follower of the feed, what it has done, and the states in between. */
import type { SubscribeFrame } from '../../shared/protocol.ts';
import type { Detail } from '../../shared/rows.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { WireEvent } from '../connect/wire.ts';
import type { Exit } from './exit.ts';

/** What is followed, and from where. */
export interface Wanted {
  readonly streams: readonly StreamName[];
  /** Null: every key. */
  readonly keys: readonly string[] | null;
  readonly detail: Detail;
  /** Where to go on from, by stream; a stream that is not in it begins with what is committed from now on. */
  readonly from: ReadonlyMap<StreamName, Place>;
  /** How long to try for the first connection, in ms. */
  readonly waitMs: number;
  /** Age in ms from which a stream's newest row is worth a line; null for none. */
  readonly staleMs: number | null;
}

/** How far a stream has been printed. */
export interface Place {
  /** What to hand to the server as `since` (F6). */
  readonly cursor: string;
  /** Rows behind the cursor that are printed already (`rowIdentity`): a replay that was cut sends them again. */
  readonly printed: readonly string[];
}

/** How far a stream is once something was printed: at a cursor, or some rows further with no cursor of their own yet. */
export type Progress =
  | { readonly kind: 'reached'; readonly cursor: string }
  | { readonly kind: 'printed'; readonly rows: readonly string[] };

export type FollowEvent =
  | { readonly type: 'start' }
  | WireEvent
  | { readonly type: 'tick' }
  /** Who reads the output does not take any more for now. */
  | { readonly type: 'blocked' }
  | { readonly type: 'drained' }
  | { readonly type: 'stop' };
export type EventName = FollowEvent['type'];

/** `always` is for what could not be made good or what somebody has to see to; `detail` for who watches. */
export type Weight = 'always' | 'detail';

export type Effect =
  | { readonly type: 'connect'; readonly socket: number }
  | { readonly type: 'close'; readonly socket: number }
  | { readonly type: 'send'; readonly socket: number; readonly frame: SubscribeFrame }
  /** `text` may be empty: then nothing is printed, and the progress holds once all before it is. */
  | { readonly type: 'print'; readonly stream: StreamName; readonly text: string; readonly progress: Progress }
  | { readonly type: 'say'; readonly weight: Weight; readonly text: string }
  /** Asks for a `tick` after so many ms; an earlier one does no harm. */
  | { readonly type: 'wake'; readonly afterMs: number }
  | { readonly type: 'end'; readonly exit: Exit };

/** A connection that said hello. */
export interface Link {
  readonly socket: number;
  /** Failures in a row before this connection. */
  readonly attempt: number;
  readonly openedAt: number;
  /** The server's clock at its hello, epoch ms. */
  readonly helloTime: number;
  /** Silence of so many ms means that nobody is there (F13). */
  readonly silenceMs: number;
  readonly tickMs: number;
  heardAt: number;
  database: 'up' | 'down';
  doorbell: 'up' | 'down';
  /** Streams whose newest row was told to be old. */
  readonly stale: Set<StreamName>;
}

/** Times are those of the clock that `Follow.handle` is given. */
export type State =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly socket: number; readonly attempt: number; readonly deadline: number }
  | { readonly name: 'open'; readonly link: Link }
  | { readonly name: 'waiting'; readonly attempt: number; readonly retryAt: number }
  | { readonly name: 'ended' };
export type StateName = State['name'];

/** What the parts of the machine have of it. */
export interface Scene {
  readonly now: number;
  readonly random: () => number;
  emit(effect: Effect): void;
}
