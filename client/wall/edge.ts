/**
 * The feed's edge with somebody watching it: it can be asked to find out whether the connection still stands, and tells the
 * wall what the store does not: a refusal, a new build, that something came.
 */
import { signal } from '@preact/signals';
import { CLOSE } from '../../shared/protocol.ts';
import { encodeClientFrame } from '../feed/frames.ts';
import type { FeedEvent } from '../feed.ts';
import { openSocketEdge } from '../socket.ts';
import type { FeedEdge } from '../store/types.ts';

/** How long a connection that is in doubt may take to bring anything. */
const ANSWER_MS = 4000;
/** What stands for a socket that ended without a word. */
const ABNORMAL_CLOSURE = 1006;

const REFUSALS: ReadonlySet<number> = new Set([CLOSE.unauthorized, CLOSE.forbiddenOrigin, CLOSE.protocolVersion]);

export type WatchedEdge = ReturnType<typeof createWatchedEdge>;

/** @param onFrame is told that a frame came. @param onBuild is told that the server has another page. */
export function createWatchedEdge({ onFrame, onBuild }: { onFrame(): void; onBuild(build: string | null): void }) {
  const refusal = signal<number | null>(null);
  let edge: FeedEdge | null = null;
  let hear: (event: FeedEvent) => void = () => {};
  let socket = 0;
  let frames = 0;
  let doubt: ReturnType<typeof setTimeout> | undefined;

  return {
    /** The close code by which the server sends this page away; null while it does not. */
    refusal,
    open(listener: (event: FeedEvent) => void): FeedEdge {
      hear = (event) => {
        if (event.type === 'frame') {
          frames += 1;
          refusal.value = null;
          onFrame();
        } else if (event.type === 'closed') refusal.value = REFUSALS.has(event.code) ? event.code : null;
        listener(event);
      };
      const inner = openSocketEdge((event) => hear(event));
      edge = inner;
      return {
        run(command) {
          if (command.type === 'connect') socket = command.socket;
          // A wall reloads by rules of its own: nobody is there to see that it went wrong.
          if (command.type === 'reload') onBuild(command.build);
          else inner.run(command);
        },
        stop() {
          clearTimeout(doubt);
          inner.stop();
        },
      };
    },
    /** Time has leapt, so that the feed's own clock may not tell how long it has been silent: asks, and gives up without an answer. */
    check(): void {
      const [asked, before] = [socket, frames];
      edge?.run({ type: 'send', socket: asked, text: encodeClientFrame({ type: 'ping' }) });
      clearTimeout(doubt);
      doubt = setTimeout(() => {
        if (asked !== socket || frames !== before) return;
        edge?.run({ type: 'close', socket: asked });
        hear({ type: 'closed', socket: asked, code: ABNORMAL_CLOSURE });
      }, ANSWER_MS);
      // One that waits for its next try need not wait any longer.
      hear({ type: 'visible' });
    },
  };
}
