/**
 * Positions in a stream's feed: which rows one covers, and which of two is the later. A position is a database snapshot,
 * and all snapshots of one run of a server are nested: what one shows, every later one shows too.
 */
import type { Position, RowPlace, Snapshot } from './ports.ts';

/** Parses PostgreSQL's text of a pg_snapshot, `xmin:xmax:xip,...`. Throws on anything else. */
export function parseSnapshot(text: string): Snapshot {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) throw new Error(`not a snapshot: ${text}`);
  const [, xmin = '', xmax = '', running = ''] = match;
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: running === '' ? [] : running.split(',').map(BigInt) };
}

/** The snapshot as PostgreSQL reads it. */
export function formatSnapshot({ xmin, xmax, running }: Snapshot): string {
  return `${xmin}:${xmax}:${running.join(',')}`;
}

/** The order of rows within a look: negative where `a` comes first. */
export function comparePlaces(a: RowPlace, b: RowPlace): number {
  if (a.xid !== b.xid) return a.xid < b.xid ? -1 : 1;
  const [left, right] = [BigInt(a.id), BigInt(b.id)];
  return left === right ? 0 : left < right ? -1 : 1;
}

function shows({ xmax, running }: Snapshot, xid: bigint): boolean {
  return xid < xmax && !running.includes(xid);
}

/** Whether a committed row was read by then; `time` is its timestamp in epoch ms. */
export function covers(
  { all, recent, bound }: Position,
  row: { readonly xid: bigint; readonly time: number },
): boolean {
  return shows(bound === null || row.time >= bound ? recent : all, row.xid);
}

function nested(earlier: Snapshot, later: Snapshot): boolean {
  return (
    earlier.xmax <= later.xmax && later.running.every((xid) => xid >= earlier.xmax || earlier.running.includes(xid))
  );
}

/** Whether `later` covers everything that `earlier` does. False wherever that is not sure. */
export function isNotAfter(earlier: Position, later: Position): boolean {
  if (earlier.run !== later.run) return false;
  // Rows between two bounds are judged by different snapshots on either side.
  const sameBound = earlier.bound === later.bound;
  return (
    nested(earlier.all, later.all) &&
    nested(earlier.recent, later.recent) &&
    (sameBound || nested(earlier.recent, later.all))
  );
}

/**
 * The snapshot cut off above `highest`, the highest transaction id known to have been written durably. After a crash
 * PostgreSQL hands out ids again that were handed out before but not logged; all of those lie above it.
 */
export function clip(snapshot: Snapshot, highest: bigint): Snapshot {
  const xmax = highest + 1n;
  if (snapshot.xmax <= xmax) return snapshot;
  const running = snapshot.running.filter((xid) => xid < xmax);
  return { xmin: running[0] ?? xmax, xmax, running };
}

/** A position clipped for another run of the server. */
export function clipPosition(position: Position, highest: bigint, run: string): Position {
  const { all, recent, bound } = position;
  return { run, bound, highest, all: clip(all, highest), recent: clip(recent, highest) };
}

/** The part of a run's name that stays the same over restarts of the database server: its identity and history. */
export function epochOf(run: string): string {
  return run.split('~')[0] ?? run;
}
