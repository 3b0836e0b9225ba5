/** One connection of a command to the feed: a WebSocket that speaks in events, for the machine that follows it. */
import WebSocket from 'ws';
import { messageOf } from '../errors.ts';
import type { FeedTarget } from './target.ts';

/** How long the peer may take to answer the close, in ms. */
const CLOSE_MS = 1000;
/** Far above the largest frame that a server makes; a bound all the same. */
const LARGEST_FRAME = 256 * 1024 * 1024;

/** What a connection says. Each has a number, so that what one says after it was given up is not taken for the word of another. */
export type WireEvent =
  | { readonly type: 'frame'; readonly socket: number; readonly text: string }
  /** A sign of life that carries nothing, such as a WebSocket ping. */
  | { readonly type: 'heard'; readonly socket: number }
  | { readonly type: 'closed'; readonly socket: number; readonly code: number; readonly reason: string }
  /** The handshake was answered by something other than a feed. */
  | { readonly type: 'answered'; readonly socket: number; readonly status: number };

export interface Wire {
  /** Sends one frame. What a connection that is closing cannot send any more is dropped: its end is told as an event. */
  send(text: string): void;
  /** Ends the connection; what still arrives is not read. */
  close(): void;
  /** Stops reading, so that the server notices and waits; `resume` goes on. */
  pause(): void;
  resume(): void;
}

/**
 * Opens a connection. `handle` gets its events, under the number `socket`. `compressed`: whether snapshots are asked for,
 * which the server compresses for who can read that; rows alone are sent uncompressed.
 */
export function openWire(
  target: FeedTarget,
  socket: number,
  handle: (event: WireEvent) => void,
  { compressed }: { readonly compressed: boolean },
): Wire {
  const connection = new WebSocket(target.url, {
    perMessageDeflate: compressed,
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
    send(text) {
      if (connection.readyState === WebSocket.OPEN) connection.send(text);
    },
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
