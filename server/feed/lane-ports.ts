/** What a lane is given: its subscriptions, its stream, and its connection. */
import type { ErrorCode, Frame } from '../../shared/protocol.ts';
import type { OutFrame } from './frames.ts';
import type { Lane } from './lane.ts';
import type { Clock } from './ports.ts';
import type { ReplaySource } from './replay.ts';
import type { SubscriptionRequest } from './requests.ts';

/** A subscription on its way through a lane. */
export interface Entry {
  readonly request: SubscriptionRequest;
  /** Set by unsubscribe and by a later subscription with the same id. */
  dropped: boolean;
}

/** What a lane needs of its stream. */
export interface StreamPort extends ReplaySource {
  /** Keeps the routing of deltas to this lane; null keys mean every key. */
  route(lane: Lane, keys: ReadonlySet<string> | null): void;
  unroute(lane: Lane, keys: ReadonlySet<string> | null): void;
  /** Counts a gap that a client is told. */
  gap(reason: Frame<'gap'>['reason']): void;
  /** Counts a subscription that begins. */
  started(how: 'new' | 'resumed'): void;
  /** Notes a read that failed, with its cause and the connection that it was for. */
  failed(error: unknown, connection: string): void;
}

/** What a lane needs of its connection. */
export interface LaneOwner {
  /** What the connection is known by in the log. */
  readonly connection: string;
  readonly clock: Clock;
  /** Whether the client has taken enough for another delta. */
  readonly hasRoom: boolean;
  /** Whether so little is under way that a snapshot will not be old when it arrives. */
  readonly isDrained: boolean;
  send(frame: OutFrame): void;
  /** Resolves when there is room, or nothing more to be sent; rejects never. */
  room(): Promise<void>;
  /** What was sent so far is large by its nature, and no sign of a slow client. */
  excuse(): void;
  /** Has `advance` called when there is room again, and `slow` where that takes long. */
  press(lane: Lane): void;
  /** The client is so far behind that what it is owed has gone. */
  giveUp(): void;
  refuse(code: ErrorCode, message: string, id: string | undefined): void;
  /** A subscription has become live: an earlier one with its id ends, whatever its stream. */
  placed(entry: Entry, lane: Lane): void;
  /** A subscription came to nothing. */
  lost(entry: Entry): void;
}
