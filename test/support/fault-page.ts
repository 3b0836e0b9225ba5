/** A page without a browser: the client's own feed logic and series, on a real WebSocket to a real server. */
import WebSocket from 'ws';
import type { FeedEvent } from '../../client/feed.ts';
import type { FeedEdge } from '../../client/store/types.ts';
import { createStore, type Store } from '../../client/store.ts';
import { createView } from '../../client/view.ts';
import type { StreamName } from '../../shared/streams.ts';
import { FakeBrowser } from './client-page.ts';
import { MARK_COLUMNS, markOf, SHOWN_SYMBOL, type Truth } from './writers.ts';

/** The range that the page shows, in its URL and in ms. */
const RANGE = '6h';
const RANGE_MS = 6 * 3_600_000;

/** The numbers of the rows in a page's charts, sorted; one that is drawn twice stands here twice. */
export type ChartMarks = ReadonlyMap<StreamName, readonly number[]>;

export class FaultPage {
  readonly store: Store;
  readonly #streams: readonly StreamName[];
  #socket: WebSocket | null = null;

  /** @param url where its server is; asked before each try to connect. */
  constructor(url: () => string, streams: readonly StreamName[]) {
    this.#streams = streams;
    this.store = createStore({
      view: createView(new FakeBrowser(`?symbol=${SHOWN_SYMBOL}&range=${RANGE}`)),
      timers: {
        after(ms, action) {
          const timer = setTimeout(action, ms);
          return () => clearTimeout(timer);
        },
        every(ms, action) {
          const timer = setInterval(action, ms);
          return () => clearInterval(timer);
        },
      },
      now: () => Date.now(),
      random: () => Math.random(),
      build: null,
      openEdge: (hear) => this.#open(hear, url),
      fetchSymbols: async () => [SHOWN_SYMBOL],
      isHidden: () => false,
      onVisibility: () => () => undefined,
    });
    this.store.start();
  }

  get live(): boolean {
    return this.store.feed.value === 'live';
  }

  /** Cuts the connection as a network does; the page comes back by itself. */
  cut(): void {
    this.#socket?.terminate();
  }

  /** What its charts hold within their range; a line may keep the row before it, from where it is drawn to the edge. */
  marks(): ChartMarks {
    const from = Date.now() - RANGE_MS;
    return new Map(
      this.#streams.map((stream) => {
        const lines = this.store.stream(stream).value.channels.flatMap((channel) => channel.lines);
        const marks = lines.flatMap(({ times, columns }) =>
          Array.from(columns[MARK_COLUMNS[stream]] ?? [], (value) => markOf(stream, value)).filter(
            (_, index) => (times[index] ?? 0) >= from,
          ),
        );
        return [stream, marks.sort((a, b) => a - b)];
      }),
    );
  }

  stop(): void {
    this.store.stop();
  }

  /** The same edge as a browser's, with another library's WebSocket. */
  #open(hear: (event: FeedEvent) => void, url: () => string): FeedEdge {
    let current: { readonly number: number; readonly socket: WebSocket } | null = null;
    let wake: NodeJS.Timeout | undefined;
    const close = (): void => {
      const closing = current?.socket;
      current = null;
      closing?.terminate();
    };
    return {
      run: (command) => {
        switch (command.type) {
          case 'connect': {
            const number = command.socket;
            const socket = new WebSocket(`${url()}?protocol=1`);
            current = { number, socket };
            this.#socket = socket;
            const mine = (event: FeedEvent): void => {
              if (current?.socket === socket) hear(event);
            };
            socket.on('open', () => mine({ type: 'opened', socket: number }));
            socket.on('message', (data) => mine({ type: 'frame', socket: number, text: String(data) }));
            socket.on('close', (code) => mine({ type: 'closed', socket: number, code }));
            // A close follows.
            socket.on('error', () => undefined);
            break;
          }
          case 'send':
            if (current?.number === command.socket && current.socket.readyState === WebSocket.OPEN)
              current.socket.send(command.text);
            break;
          case 'close':
            if (current?.number === command.socket) close();
            break;
          case 'wake':
            clearTimeout(wake);
            wake = setTimeout(() => hear({ type: 'tick' }), command.afterMs);
            break;
          case 'reload':
        }
      },
      stop() {
        clearTimeout(wake);
        close();
      },
    };
  }
}

/** What the charts are to hold by the tables; a row counts from the moment at which its hour is within the range. */
export function chartTruth(truth: Truth, streams: readonly StreamName[]): ChartMarks {
  const from = Date.now() - RANGE_MS;
  return new Map(
    streams.map((stream) => {
      const rows = [...(truth.get(stream) ?? [])];
      const shown = rows.filter(
        ([, { key, time }]) => time >= from && (stream === 'system_metrics' || key === SHOWN_SYMBOL),
      );
      return [stream, shown.map(([mark]) => mark).sort((a, b) => a - b)];
    }),
  );
}
