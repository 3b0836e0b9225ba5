/**
 * Positions in a stream's feed and the cursors that name them: PostgreSQL's snapshots, written short.
 *
 * A cursor names a look (the positions it led from and to) and a frame's place in it, so that any server on the same
 * database can find the row after it. Grammar, all numbers in base 36:
 *
 *   cursor   = run "-" position [ "-" position "-" place ]     (the look's end; for a frame also its start and the place)
 *   position = snapshot [ "!" snapshot "!" bound ]             (recent; all and bound only where there is a bound)
 *   snapshot = xmin "." xmax [ "." offset { "_" offset } ]     (offsets of the running transactions from xmin)
 *   place    = xid "." id "." frame                            (last row of the frame's batch, number in the batch)
 */
import type { Position, Snapshot } from './ports.ts';

/** Where a frame stands in its look: the last row of its batch in (xid, id) order, and its number within the batch. */
export interface Place {
  readonly xid: bigint;
  readonly id: string;
  readonly frame: number;
}

/** What a cursor says. `from` and `place` are null for a position between looks. */
export interface Cursor {
  readonly to: Position;
  readonly from: Position | null;
  readonly place: Place | null;
}

/** Parses PostgreSQL's text of a pg_snapshot, `xmin:xmax:xip,...`. Throws on anything else. */
export function parseSnapshot(text: string): Snapshot {
  const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
  if (match === null) throw new Error(`not a snapshot: ${text}`);
  const [, xmin = '', xmax = '', running = ''] = match;
  return { xmin: BigInt(xmin), xmax: BigInt(xmax), running: running === '' ? [] : running.split(',').map(BigInt) };
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
  return { run, bound: position.bound, all: clip(position.all, highest), recent: clip(position.recent, highest) };
}

function encodeSnapshot({ xmin, xmax, running }: Snapshot): string {
  const head = `${xmin.toString(36)}.${xmax.toString(36)}`;
  return running.length === 0 ? head : `${head}.${running.map((xid) => (xid - xmin).toString(36)).join('_')}`;
}

function encodePosition({ all, recent, bound }: Position): string {
  return bound === null
    ? encodeSnapshot(recent)
    : `${encodeSnapshot(recent)}!${encodeSnapshot(all)}!${bound.toString(36)}`;
}

/** The cursor of a position between looks. */
export function positionCursor(position: Position): string {
  return `${position.run}-${encodePosition(position)}`;
}

/**
 * Writes the cursors of one look's frames; what they have in common is encoded once.
 */
export function frameCursors(from: Position, to: Position): (place: Place) => string {
  const look = `${positionCursor(to)}-${encodePosition(from)}`;
  return ({ xid, id, frame }) => `${look}-${xid.toString(36)}.${BigInt(id).toString(36)}.${frame.toString(36)}`;
}

const DIGITS = /^[0-9a-z]{1,14}$/;

function decodeInteger(text: string | undefined): bigint | null {
  if (text === undefined || !DIGITS.test(text)) return null;
  let value = 0n;
  for (const digit of text) value = value * 36n + BigInt(Number.parseInt(digit, 36));
  return value;
}

function decodeSnapshot(text: string | undefined): Snapshot | null {
  const [low, high, offsets, ...rest] = (text ?? '').split('.');
  const xmin = decodeInteger(low);
  const xmax = decodeInteger(high);
  if (xmin === null || xmax === null || xmin > xmax || rest.length > 0) return null;
  const running: bigint[] = [];
  for (const offset of offsets === undefined ? [] : offsets.split('_')) {
    const distance = decodeInteger(offset);
    if (distance === null || xmin + distance >= xmax) return null;
    running.push(xmin + distance);
  }
  return { xmin, xmax, running };
}

function decodePosition(run: string, text: string | undefined): Position | null {
  const [near, far, edge, ...rest] = (text ?? '').split('!');
  const recent = decodeSnapshot(near);
  if (recent === null || rest.length > 0) return null;
  if (far === undefined) return { run, recent, all: recent, bound: null };
  const all = decodeSnapshot(far);
  const bound = decodeInteger(edge);
  return all === null || bound === null ? null : { run, recent, all, bound: Number(bound) };
}

/** Parses a cursor; null where it is none (F11 `bad_cursor`). */
export function parseCursor(text: string): Cursor | null {
  const [run, end, start, where, ...rest] = text.split('-');
  if (run === undefined || !/^[0-9a-z~]{1,40}$/.test(run) || rest.length > 0) return null;
  const to = decodePosition(run, end);
  if (to === null) return null;
  if (start === undefined) return { to, from: null, place: null };
  const from = decodePosition(run, start);
  const [xidText, idText, frameText, ...more] = (where ?? '').split('.');
  const xid = decodeInteger(xidText);
  const id = decodeInteger(idText);
  const frame = decodeInteger(frameText);
  if (from === null || xid === null || id === null || frame === null || more.length > 0) return null;
  return { to, from, place: { xid, id: id.toString(), frame: Number(frame) } };
}

/** The part of a run's name that stays the same over restarts of the database server: its identity and history. */
export function epochOf(run: string): string {
  return run.split('~')[0] ?? run;
}
