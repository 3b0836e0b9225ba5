/**
 * WebSocket frames, made once and written to many sockets. A server's frames are not masked, so the same bytes serve every
 * client (RFC 6455, section 5.2).
 */
import { promisify } from 'node:util';
import { constants, deflateRaw } from 'node:zlib';
import type { OutFrame, SharedText } from '../feed/frames.ts';

const FINAL = 0x80;
/** RSV1: the message is compressed (RFC 7692, section 6). */
const COMPRESSED = 0x40;
const TEXT = 0x01;
const CONTINUATION = 0x00;
const PING = 0x09;
/** A message above this goes in fragments, so that pings get in between and a slow reader's progress is seen. */
const FRAGMENT_BYTES = 65_536;
/** Below this, compressing costs more than it saves. */
const LEAST_TO_DEFLATE = 1024;
/** As small as zlib's own choice (level 6, memory 8) makes columns of numbers, in half the time: shorter blocks suit them better. */
const QUICK = { level: 4, memLevel: 5 };

const deflate = promisify(deflateRaw);

function header(first: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  bytes[0] = first;
  if (bytes.length === 2) {
    bytes[1] = length;
  } else if (bytes.length === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  return bytes;
}

/** The bytes of one unfragmented text frame. */
export function encodeTextFrame(text: string): Buffer {
  const head = header(FINAL | TEXT, Buffer.byteLength(text));
  return Buffer.concat([head, Buffer.from(text)]);
}

/** The bytes of a ping; `payload` has at most 125 characters, all of them ASCII. */
export function encodePing(payload: string): Buffer {
  return Buffer.concat([header(FINAL | PING, payload.length), Buffer.from(payload, 'latin1')]);
}

/**
 * Makes ready what many frames will share: its bytes, and its bytes compressed, once for all. The compressed text ends at
 * a byte's edge and refers to nothing before it, so that it can stand behind any other (RFC 7692, section 7.2.1).
 */
export async function prepareShared(shared: SharedText): Promise<void> {
  const bytes = Buffer.from(shared.text);
  shared.bytes = bytes;
  if (bytes.length < LEAST_TO_DEFLATE) return;
  shared.deflated = await deflate(bytes, { ...QUICK, finishFlush: constants.Z_SYNC_FLUSH });
}

/** A block of deflate that holds bytes as they are (RFC 1951, section 3.2.4); at most 65,535 of them. */
function storedBlock(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(bytes.length, 1);
  head.writeUInt16LE(bytes.length ^ 0xffff, 3);
  return Buffer.concat([head, bytes]);
}

/** The four bytes that every compressed message would end with, and leaves out. */
const DEFLATE_TAIL = 4;

/**
 * The pieces of a frame that shares its tail, in the order in which they are written: whole frames or fragments, between
 * any two of which a control frame may stand.
 *
 * @param deflated whether the client negotiated compression.
 */
function sharedFrame(text: string, tail: SharedText, deflated: boolean): Uint8Array[][] {
  const head = Buffer.from(text);
  const compressed = deflated && head.length < 65_536 ? tail.deflated : undefined;
  const parts =
    compressed === undefined
      ? [head, tail.bytes ?? Buffer.from(tail.text)]
      : [storedBlock(head), compressed.subarray(0, compressed.length - DEFLATE_TAIL)];
  return fragments(parts, compressed === undefined ? TEXT : TEXT | COMPRESSED);
}

function fragments(parts: readonly Uint8Array[], opcode: number): Uint8Array[][] {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const written: Uint8Array[][] = [];
  let queue = [...parts];
  for (let sent = 0; sent < total; ) {
    const size = Math.min(FRAGMENT_BYTES, total - sent);
    const isLast = sent + size === total;
    const piece: Uint8Array[] = [header((isLast ? FINAL : 0) | (sent === 0 ? opcode : CONTINUATION), size)];
    for (let left = size; left > 0; ) {
      const [part = new Uint8Array(), ...rest] = queue;
      piece.push(part.subarray(0, left));
      queue = part.length > left ? [part.subarray(left), ...rest] : rest;
      left -= Math.min(left, part.length);
    }
    written.push(piece);
    sent += size;
  }
  return written;
}

/** The pieces of a frame of any kind; what many clients get is made once and kept on the frame. */
export function piecesOf(frame: OutFrame, deflated: boolean): readonly (readonly Uint8Array[])[] {
  if (frame.tail !== undefined) return sharedFrame(frame.text, frame.tail, deflated);
  frame.prepared ??=
    frame.text.length * 3 <= FRAGMENT_BYTES
      ? [[encodeTextFrame(frame.text)]]
      : fragments([Buffer.from(frame.text)], TEXT);
  return frame.prepared;
}
