/** One connection of `tail` to the feed: a WebSocket that speaks in the machine's events. */
import WebSocket from 'ws';
import type { SubscribeFrame } from '../../shared/protocol.ts';
import { messageOf } from '../errors.ts';
import type { FeedTarget } from './target.ts';
import type { FollowEvent } from './types.ts';

/** How long the peer may take to answer the close, in ms. */
const CLOSE_MS = 1000;
/** Far above the largest frame that a server makes; a bound all the same. */
const LARGEST_FRAME = 256 * 1024 * 1024;

export interface Wire {
  send(frame: SubscribeFrame): void;
  /** Ends the connection; what still arrives is not read. */
  close(): void;
  /** Stops reading, so that the server notices and waits; `resume` goes on. */
  pause(): void;
  resume(): void;
}

/** Opens a connection. `handle` gets its events, under the number `socket`. */
export function openWire(target: FeedTarget, socket: number, handle: (event: FollowEvent) => void): Wire {
  const connection = new WebSocket(target.url, {
    // Rows are sent uncompressed; snapshots, which are not, are never asked for.
    perMessageDeflate: false,
    maxPayload: LARGEST_FRAME,
    headers: target.token === null ? {} : { authorization: `Bearer ${target.token}` },
  });
  let failure = '';
  let paused = false;
  connection.on('message', (data, isBinary) => {
    // The feed speaks text; what is binary is no frame, and is told apart by its first character.
    const bytes = Array.isArray(data)
      ? Buffer.concat(data)
      : Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
    handle({ type: 'frame', socket, text: isBinary ? '' : bytes.toString('utf8') });
  });
  connection.on('ping', () => handle({ type: 'heard', socket }));
  connection.on('open', () => {
    if (paused) connection.pause();
  });
  connection.on('unexpected-response', (_request, { statusCode = 0 }) => {
    handle({ type: 'answered', socket, status: statusCode });
    connection.terminate();
  });
  // The close event follows, without the reason.
  connection.on('error', (error) => {
    failure = messageOf(error);
  });
  connection.on('close', (code, reason) => {
    handle({ type: 'closed', socket, code, reason: reason.toString('utf8') || failure });
  });
  return {
    send: (frame) => connection.send(JSON.stringify(frame)),
    close() {
      if (connection.readyState !== WebSocket.OPEN) {
        connection.terminate();
        return;
      }
      connection.close(1000);
      setTimeout(() => connection.terminate(), CLOSE_MS).unref();
    },
    pause() {
      paused = true;
      if (connection.readyState === WebSocket.OPEN) connection.pause();
    },
    resume() {
      paused = false;
      if (connection.readyState === WebSocket.OPEN || connection.readyState === WebSocket.CLOSING) connection.resume();
    },
  };
}
