/**
 * Cursors: positions written short, so that any server on the same database finds the row after one.
 *
 * A cursor names a position between looks or, for a frame, the look (the positions that it led from and to), the rows that
 * the frame's batch began and ended with, and the frame's number in the batch. Grammar, all numbers in base 36:
 *
 *   cursor   = run "-" position [ "-" position "-" place ]     (the look's end; for a frame also its start and the place)
 *   position = highest "!" snapshot [ "!" snapshot "!" bound ] (recent; all and bound only where there is a bound)
 *   snapshot = xmin "." xmax [ "." offset { "_" offset } ]     (offsets of the running transactions from xmin)
 *   place    = xid "." id "." xid "." id "." frame             (first and last row of the batch, number in the batch)
 */
import type { Position, RowPlace, Snapshot } from './ports.ts';
import { clipPosition } from './position.ts';

/** Where a frame stands in its look: the first and last row of its batch in (xid, id) order, and its number within. */
export interface Place {
  readonly first: RowPlace;
  readonly last: RowPlace;
  readonly frame: number;
}

/** What a cursor says: everything up to `to` was sent or, for a frame, the look from `from` to `to` up to `place`. */
export type Cursor =
  | { readonly to: Position; readonly from: null; readonly place: null }
  | { readonly to: Position; readonly from: Position; readonly place: Place };

/** The longest text that is looked at: a snapshot may name many running transactions, but not without end. */
const LONGEST = 16_384;

/** The last ms that a JavaScript date can be at. */
const LATEST = 8_640_000_000_000_000n;

function encodeSnapshot({ xmin, xmax, running }: Snapshot): string {
  const head = `${xmin.toString(36)}.${xmax.toString(36)}`;
  return running.length === 0 ? head : `${head}.${running.map((xid) => (xid - xmin).toString(36)).join('_')}`;
}

function encodePosition({ all, recent, bound, highest }: Position): string {
  const head = `${highest.toString(36)}!${encodeSnapshot(recent)}`;
  return bound === null ? head : `${head}!${encodeSnapshot(all)}!${bound.toString(36)}`;
}

/** The cursor of a position between looks. */
export function positionCursor(position: Position): string {
  return `${position.run}-${encodePosition(position)}`;
}

function encodeRow({ xid, id }: RowPlace): string {
  return `${xid.toString(36)}.${BigInt(id).toString(36)}`;
}

/** Writes the cursors of one batch's frames; what they have in common is encoded once. */
export function frameCursors(from: Position, to: Position, first: RowPlace, last: RowPlace): (frame: number) => string {
  const batch = `${positionCursor(to)}-${encodePosition(from)}-${encodeRow(first)}.${encodeRow(last)}`;
  return (frame) => `${batch}.${frame.toString(36)}`;
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
    const xid = xmin + distance;
    if ((running.at(-1) ?? -1n) >= xid) return null;
    running.push(xid);
  }
  return { xmin, xmax, running };
}

function decodePosition(run: string, text: string | undefined): Position | null {
  const [top, near, far, edge, ...rest] = (text ?? '').split('!');
  const highest = decodeInteger(top);
  const recent = decodeSnapshot(near);
  if (highest === null || recent === null || rest.length > 0) return null;
  if (far === undefined) return { run, recent, all: recent, bound: null, highest };
  const all = decodeSnapshot(far);
  const bound = decodeInteger(edge);
  if (all === null || bound === null || bound > LATEST) return null;
  return { run, recent, all, bound: Number(bound), highest };
}

function decodePlace(text: string | undefined): Place | null {
  const [firstXid, firstId, lastXid, lastId, frame, ...rest] = (text ?? '').split('.').map(decodeInteger);
  if (firstXid == null || firstId == null || lastXid == null || lastId == null || frame == null) return null;
  if (rest.length > 0) return null;
  return {
    first: { xid: firstXid, id: firstId.toString() },
    last: { xid: lastXid, id: lastId.toString() },
    frame: Number(frame),
  };
}

/** Parses a cursor; null where it is none (F11 `bad_cursor`). */
export function parseCursor(text: string): Cursor | null {
  if (text.length > LONGEST) return null;
  const [run, end, start, where, ...rest] = text.split('-');
  if (run === undefined || !/^[0-9a-z~]{1,40}$/.test(run) || rest.length > 0) return null;
  const to = decodePosition(run, end);
  if (to === null) return null;
  if (start === undefined) return { to, from: null, place: null };
  const from = decodePosition(run, start);
  const place = decodePlace(where);
  return from === null || place === null ? null : { to, from, place };
}

/**
 * A cursor of an earlier run of the server, as it stands in this one. Ids up to the highest one that was delivered are
 * durable and mean what they meant; those above it may by now be other transactions', and count as not seen.
 */
export function clipCursor(cursor: Cursor, run: string): Cursor {
  const { to, from, place } = cursor;
  if (to.run === run) return cursor;
  if (from === null) return { to: clipPosition(to, to.highest, run), from, place };
  const highest = place.last.xid > from.highest ? place.last.xid : from.highest;
  return { to: clipPosition(to, highest, run), from: clipPosition(from, from.highest, run), place };
}

/** The highest transaction id that had been delivered at a cursor. */
export function highestOf({ to, from, place }: Cursor): bigint {
  if (from === null) return to.highest;
  return place.last.xid > from.highest ? place.last.xid : from.highest;
}
