/** The page's one store: feeds the frames into the series, and shows the page what there is to see, as signals. */
import type { ReadonlySignal } from '@preact/signals';
import type { Frame } from '../shared/protocol.ts';
import type { StreamName } from '../shared/streams.ts';
import type { FeedState, StreamView } from './model.ts';
import type { View } from './view.ts';

/** What the page reads. All times are on the server's clock, in epoch ms. */
export interface Store {
  readonly feed: ReadonlySignal<FeedState>;
  /** Since when the feed is not live; null while it is. */
  readonly since: ReadonlySignal<number | null>;
  /** Why the feed is not live, in a sentence for the visitor; null while it is, or while nothing is wrong yet. */
  readonly trouble: ReadonlySignal<string | null>;
  /** Ms to add to this machine's clock to have the server's. */
  readonly serverClockOffset: ReadonlySignal<number>;
  /** The server's clock, once a second; ages are counted from it. Stands still while the tab is hidden. */
  readonly now: ReadonlySignal<number>;
  /** Right edge of every chart's window. Holds still while the page is paused or between two refreshes. */
  readonly viewNow: ReadonlySignal<number>;
  /** Grows whenever charts are to be drawn anew: at once when live, else at the refresh's pace, never while paused. */
  readonly frame: ReadonlySignal<number>;
  readonly heartbeat: ReadonlySignal<Frame<'heartbeat'> | null>;
  /** Whether the server shows made-up data. */
  readonly demo: ReadonlySignal<boolean>;
  /** Version of the server's software; null before the first `hello`. */
  readonly version: ReadonlySignal<string | null>;
  /** Every symbol that the database knows, sorted; empty until loaded. */
  readonly symbols: ReadonlySignal<readonly string[]>;
  readonly view: View;
  /** What the page knows of a stream for the chosen symbol and range. */
  stream(name: StreamName): ReadonlySignal<StreamView>;
  /** Tells how many pixel columns a stream's chart has, which decides how fine its history is loaded. */
  setChartWidth(name: StreamName, pixels: number): void;
  /** Connects, and starts the clock. */
  start(): void;
  /** Lets everything go: connection, timers, listeners. */
  stop(): void;
}

/** The store of a real page, not started yet. */
export function createPageStore(): Store {
  throw new Error('The store is being written; its signatures stand.');
}
