/**
 * WebSocket text frames, made once and written to many sockets. A server's frames are not masked, so the same bytes
 * serve every client (RFC 6455, section 5.2).
 */
import type { OutFrame } from '../feed/frames.ts';

/** FIN and the opcode of a text frame. */
const FINAL_TEXT = 0x81;

/** The bytes of one unfragmented, unmasked text frame. */
export function encodeTextFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(head + length);
  bytes[0] = FINAL_TEXT;
  if (head === 2) {
    bytes[1] = length;
  } else if (head === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  bytes.write(text, head);
  return bytes;
}

/** A frame's bytes, kept on the frame for the other clients that get it. */
export function preparedFrame(frame: OutFrame): Uint8Array {
  frame.prepared ??= encodeTextFrame(frame.text);
  return frame.prepared;
}
