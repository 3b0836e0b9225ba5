/** The thin edge of the feed: the browser's WebSocket, timer and wake-up events, and nothing that decides anything. */
import { takeEarly, tellEarly } from './feed/early.ts';
import { feedUrl } from './feed/url.ts';
import type { Command, FeedEvent } from './feed.ts';
import { reloadNever, reloadOnceIdle } from './reload.ts';
import type { FeedEdge } from './store/types.ts';

/** What stands for a socket that could not even be made. */
const ABNORMAL_CLOSURE = 1006;

/** This page's build, as the server wrote it into the page; null where it did not. */
export function pageBuild(): string | null {
  return document.querySelector('meta[name="build"]')?.getAttribute('content') || null;
}

/** Opens the edge. `hear` is told everything that happens. */
export function openSocketEdge(hear: (event: FeedEvent) => void): FeedEdge {
  let current: { readonly number: number; readonly socket: WebSocket } | null = null;
  let wake: ReturnType<typeof setTimeout> | undefined;

  function connect(number: number): void {
    const early = takeEarly();
    let socket: WebSocket;
    try {
      socket = early?.socket ?? new WebSocket(feedUrl(location));
    } catch {
      // A browser that forbids the connection throws; to the feed that is a connection that did not come.
      hear({ type: 'closed', socket: number, code: ABNORMAL_CLOSURE });
      return;
    }
    current = { number, socket };
    // One that was given up meanwhile is not heard any more.
    const listen = (): void => {
      if (current?.number !== number) return;
      socket.onopen = () => hear({ type: 'opened', socket: number, ...(early && { asked: early.asked }) });
      socket.onclose = ({ code }) => hear({ type: 'closed', socket: number, code });
      socket.onmessage = ({ data }: MessageEvent<unknown>) =>
        hear({ type: 'frame', socket: number, text: typeof data === 'string' ? data : null });
    };
    tellEarly(early?.heard ?? [], (event) => hear({ ...event, socket: number }), listen);
  }

  function close(number: number): void {
    if (current?.number !== number) return;
    const { socket } = current;
    current = null;
    // A socket that was given up may take a minute to notice it; what it says until then is not heard.
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }

  const online = (): void => hear({ type: 'online' });
  const visible = (): void => {
    if (document.visibilityState === 'visible') hear({ type: 'visible' });
  };
  addEventListener('online', online);
  addEventListener('pageshow', visible);
  document.addEventListener('visibilitychange', visible);

  return {
    run(command: Command) {
      switch (command.type) {
        case 'connect':
          connect(command.socket);
          break;
        case 'send':
          // A socket that is closing says so in its own event; what it can no longer send is asked for after that.
          if (current?.number === command.socket && current.socket.readyState === WebSocket.OPEN) {
            current.socket.send(command.text);
          }
          break;
        case 'close':
          close(command.socket);
          break;
        case 'wake':
          clearTimeout(wake);
          wake = setTimeout(() => hear({ type: 'tick' }), command.afterMs);
          break;
        case 'reload':
          reloadOnceIdle(command.build ?? 'another');
      }
    },
    stop() {
      clearTimeout(wake);
      reloadNever();
      removeEventListener('online', online);
      removeEventListener('pageshow', visible);
      document.removeEventListener('visibilitychange', visible);
      if (current !== null) close(current.number);
    },
  };
}
