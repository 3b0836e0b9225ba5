/** What the running service knows of itself: read by health, metrics and the heartbeat, written by the parts that know. */
import type { StreamName } from '../shared/streams.ts';

/** A live stream that is less than it could be, because its table may not be altered or was not yet: what that means. */
export interface StreamShortfall {
  /** Rows are found by their time of writing, and not by their transaction. */
  readonly cursor: 'overlap';
  readonly reason: string;
  readonly mend: string;
}

/** A stream as it stands: `off` streams say why, and what mends it; so do live ones that fall short of what they could be. */
export type StreamStatus =
  | { readonly state: 'starting' }
  | ({ readonly state: 'live' } & Partial<StreamShortfall>)
  | { readonly state: 'off'; readonly reason: string; readonly mend: string };

/** Why something is not as it could be, and what mends it where it does not mend itself. */
export interface Fault {
  readonly reason: string;
  readonly mend?: string;
}

/** Read side of the service's state. Ages are in ms, null where nothing has arrived yet. */
export interface ServiceStatus {
  readonly database: 'up' | 'down';
  readonly doorbell: 'up' | 'down';
  /** Why the doorbell is down; null while it is up, and before the database was reached. */
  readonly doorbellFault: Fault | null;
  readonly clients: number;
  /** Identity of the database cluster's history that cursors belong to; empty until the database was reached. */
  readonly epoch: string;
  stream(name: StreamName): StreamStatus;
  /** Ms since the stream's newest row arrived. */
  newestAgeMs(name: StreamName): number | null;
}
