/** What the page reads of its store, and what the store needs of the world. */
import type { ReadonlySignal, Signal } from '@preact/signals';
import type { ClientFrame, Frame } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import type { Command, FeedCounts, FeedEvent, News } from '../feed.ts';
import type { FeedState, StreamView } from '../model.ts';
import type { Span } from '../painters/span.ts';
import type { Picture } from '../recipes/recipe.ts';
import type { View } from '../view.ts';

/** Brings finer rows for what a zoomed page shows; loaded when it is first needed. */
export interface Lens {
  /** Grows whenever there is something finer to see. */
  readonly version: ReadonlySignal<number>;
  /** A stream's view with the finest rows that are there for `span`; asks for finer ones where they are not. */
  refine(view: StreamView, span: Span): StreamView;
}

/** A stretch of time (epoch ms) that is marked at the lower edge of charts. */
export interface Mark {
  readonly stream: StreamName;
  readonly from: number;
  readonly to: number;
}

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
  /** Written by the part of the page that zooms, once it is there. */
  readonly lens: Signal<Lens | null>;
  /** Changes a recipe's picture before it is drawn: leaves lines out that the visitor hid. Written by a later part of the page. */
  readonly adapt: Signal<((picture: Picture, stream: StreamName) => Picture) | null>;
  /** Stretches whose rows came late. Written by a later part of the page. */
  readonly marks: Signal<readonly Mark[]>;
  /** Calls back with everything that the feed brings, in order, after it is taken in; the result stops that. */
  listen(listener: (news: News) => void): () => void;
  /** Says something to the server beside what the feed itself says; without a connection it goes nowhere. */
  send(frame: ClientFrame): void;
  /** Lets what is held of a stream be replaced by its history, loaded anew. */
  resync(name: StreamName): void;
  /**
   * What the page knows of a stream for the chosen symbol and range. Changes with the data when live (at most once in
   * 30 ms); else at the refresh's pace, and when its state does. While another symbol or range loads, it is the old
   * picture with state `loading`.
   */
  stream(name: StreamName): ReadonlySignal<StreamView>;
  /** Tells how many device pixel columns a stream's plot has, which decides in which buckets its history is loaded. */
  setChartWidth(name: StreamName, columns: number): void;
  /**
   * What happened out of sight, for whoever looks into a fault; and what the page holds: `points` rows of all lines, with
   * room for `capacity` rows in its arrays.
   */
  counts(): Readonly<FeedCounts & { symbolFailures: number; points: number; capacity: number }>;
  /** Connects, and starts the clock. */
  start(): void;
  /** Lets everything go: connection, timers, listeners. */
  stop(): void;
}

/** Timers; each call gives what cancels it. */
export interface Timers {
  after(ms: number, action: () => void): () => void;
  every(ms: number, action: () => void): () => void;
  /** When the browser next paints; absent where nothing says when that is, which is at once then. */
  frame?(action: () => void): () => void;
}

/** Carries out the feed's commands. */
export interface FeedEdge {
  run(command: Command): void;
  /** Ends what is open and hears nothing any more. */
  stop(): void;
}

/** Everything that the store has from outside. */
export interface StoreDeps {
  readonly view: View;
  readonly timers: Timers;
  /** This machine's clock, epoch ms. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** The page's build; null where it is not known. */
  readonly build: string | null;
  openEdge(hear: (event: FeedEvent) => void): FeedEdge;
  fetchSymbols(): Promise<readonly string[]>;
  isHidden(): boolean;
  /** Calls back when the tab is hidden or shown; the result stops that. */
  onVisibility(listener: () => void): () => void;
}
