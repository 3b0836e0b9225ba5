/** The page's one store: feeds the frames into the series, and shows the page what there is to see, as signals. */
import { batch, effect, signal, untracked } from '@preact/signals';
import type { Frame } from '../shared/protocol.ts';
import { STREAM_NAMES, type StreamName } from '../shared/streams.ts';
import { ServerClock } from './feed/clock.ts';
import { encodeClientFrame } from './feed/frames.ts';
import { Feed, type FeedEvent, type News } from './feed.ts';
import { type FeedState, RANGE_MS } from './model.ts';
import { columnsToAsk } from './painters/span.ts';
import type { Picture, StreamSeries } from './series.ts';
import { type Moment, offReason } from './store/held.ts';
import { Pacer } from './store/pacer.ts';
import { COLUMNS_USUAL, pictureFor } from './store/picture.ts';
import { ShownStream } from './store/shown.ts';
import { troubleOf } from './store/state.ts';
import { createSymbolList } from './store/symbols.ts';
import type { FeedEdge, Lens, Mark, Store, StoreDeps } from './store/types.ts';

export type { Lens, Mark, Store, StoreDeps } from './store/types.ts';

/** Pixel columns that a chart's history is asked for at most. */
const COLUMNS_MOST = 4800;
/** How long a chart must keep its new width before its history is loaded anew. */
const RESIZE_MS = 500;
/** From such a silence on rows are held, whatever the clock says. */
const QUIET_MS = 30_000;
/** Ages and the clock are written in seconds: between two ticks they need not follow every picture. */
const CLOCK_MS = 500;

/** Builds the store of a page; `start` brings it to life. */
export function createStore(deps: StoreDeps): Store {
  const { view } = deps;
  const machine = new Feed(deps.random, deps.build);
  const clock = new ServerClock();
  const startedAt = deps.now();

  const feed = signal<FeedState>('offline');
  const since = signal<number | null>(startedAt);
  const trouble = signal<string | null>(null);
  const serverClockOffset = signal(0);
  const now = signal(startedAt);
  const viewNow = signal(startedAt);
  const frame = signal(0);
  const heartbeat = signal<Frame<'heartbeat'> | null>(null);
  const demo = signal(false);
  const version = signal<string | null>(null);
  const lens = signal<Lens | null>(null);
  const adapt = signal<Store['adapt']['value']>(null);
  const marks = signal<readonly Mark[]>([]);
  const listeners = new Set<(news: News) => void>();

  const symbolList = createSymbolList(deps.fetchSymbols, deps.timers, view.offerSymbols);
  const pacer = new Pacer(
    { timers: deps.timers, now: () => deps.now(), isHidden: () => deps.isHidden(), draw },
    view.refresh.peek(),
  );
  const streams = new Map(
    STREAM_NAMES.map((name) => [name, new ShownStream(name, pictureOf(name, COLUMNS_USUAL), COLUMNS_USUAL)]),
  );
  const disposers: (() => void)[] = [];
  let edge: FeedEdge | null = null;
  /** When the connection was last heard to tell the time, on the server's clock. */
  let heardAt = startedAt;

  const serverNow = (): number => deps.now() + clock.offset;

  function pictureOf(name: StreamName, columns: number): Picture {
    return pictureFor(name, columns, view.range.peek(), view.keys.peek());
  }

  /** Wants what the visitor chose. Returns whether that is another picture, not only a finer one. */
  function ask(held: ShownStream): boolean {
    held.columns = columnsToAsk(held.columns, held.width, RANGE_MS[view.range.peek()]);
    held.series.ask(pictureOf(held.name, held.columns));
    hear({ type: 'want', want: { stream: held.name, ...held.series.picture } });
    return !held.series.loaded;
  }

  function askAll(): void {
    let another = false;
    for (const held of streams.values()) another = ask(held) || another;
    if (another) showStates();
  }

  // An edge may answer a command before it returns; what it says then waits for its turn.
  const events: FeedEvent[] = [];
  let handling = false;
  /** What a message brought is drawn once it is taken in whole: it may be of many frames. */
  let owed: 'nothing' | 'picture' | 'picture at once' = 'nothing';
  function hear(event: FeedEvent): void {
    events.push(event);
    if (handling) return;
    handling = true;
    try {
      batch(() => {
        for (let next = events.shift(); next !== undefined; next = events.shift()) handle(next);
        pay();
        showFeed();
      });
    } finally {
      handling = false;
    }
  }

  function pay(): void {
    if (owed === 'picture at once') pacer.force();
    else if (owed === 'picture') pacer.touch();
    owed = 'nothing';
  }

  function handle(event: FeedEvent): void {
    const wasConnected = 'link' in machine.state;
    for (const result of machine.handle(event, deps.now())) {
      switch (result.type) {
        case 'connect':
        case 'send':
        case 'close':
        case 'wake':
        case 'reload':
          edge?.run(result);
          break;
        default:
          learn(result);
      }
    }
    if (wasConnected && !('link' in machine.state)) for (const held of streams.values()) held.lose(heardAt);
  }

  /** The server's time came with a frame. Frames without one do not count as heard: this machine's clock may be another one meanwhile. */
  function noteTime(time: number): void {
    clock.note(time, deps.now());
    heardAt = serverNow();
  }

  function learn(news: News): void {
    switch (news.type) {
      case 'hello':
        noteTime(news.frame.time);
        demo.value = news.frame.demo;
        version.value = news.frame.version;
        symbolList.load();
        break;
      case 'heartbeat':
        noteTime(news.frame.time);
        heartbeat.value = news.frame;
        break;
      case 'restart':
        streams.get(news.stream)?.series.restart();
        break;
      case 'snapshot':
        // It may be a few seconds old, and it comes before anything else that tells the time where the clock has just been set.
        if (news.frame.to !== null) noteTime(news.frame.to);
        changed(news.frame.stream, (series) => series.load(news.frame, serverNow()));
        break;
      case 'delta':
        // Replayed rows carry the time of their sending too, so that any delta tells the clock.
        noteTime(news.frame.time);
        changed(news.frame.stream, (series) => series.append(news.frame));
        break;
      case 'synced':
        streams.get(news.stream)?.complete();
        changed(news.stream, (series) => series.finish());
        break;
      case 'lost':
        streams.get(news.stream)?.lose(heardAt);
    }
    for (const listener of listeners) listener(news);
  }

  function changed(name: StreamName, change: (series: StreamSeries) => void): void {
    const held = streams.get(name);
    if (held === undefined) return;
    const wasLoaded = held.series.loaded;
    change(held.series);
    held.dirty = true;
    // The first rows of another picture do not wait for the refresh.
    if (!wasLoaded) owed = 'picture at once';
    else if (owed === 'nothing') owed = 'picture';
  }

  const moment = (): Moment => ({
    machine,
    now: serverNow(),
    since: since.peek(),
    countsFollow: pacer.isLive,
  });

  let shownPhases = '';
  function showFeed(): void {
    const { state } = machine;
    if (state.name === 'live') since.value = null;
    else if (since.peek() === null) since.value = heardAt;
    feed.value = state.name;
    serverClockOffset.value = clock.offset;
    const reasons = STREAM_NAMES.map((name) => offReason(machine, name));
    trouble.value = troubleOf(state, reasons.find((reason) => reason !== null) ?? null);
    // Asked at every frame, so that it has to be cheap: the lines' own ages are looked at once a second.
    const phases = [
      state.name,
      ...STREAM_NAMES.map((name, index) => reasons[index] ?? machine.phase(name)?.name),
    ].join();
    if (phases === shownPhases) return;
    shownPhases = phases;
    showStates();
  }

  /** Shows states that changed, while the rows of the picture may go on holding still. */
  function showStates(): void {
    if (deps.isHidden()) return;
    const at = moment();
    for (const held of streams.values()) if (held.isOutdated(at)) held.build(at);
  }

  /**
   * Lets the rows before the windows go. Not where nothing was heard for long: nothing gathers then, and it may be that this
   * machine's clock was set, which the next frame tells; what was let go until then would be missing.
   */
  function slide(at: number): void {
    if (at - heardAt < QUIET_MS) for (const held of streams.values()) held.series.slide(at);
  }

  function draw(): void {
    batch(() => {
      const at = moment();
      if (Math.abs(at.now - now.peek()) >= CLOCK_MS) now.value = at.now;
      viewNow.value = at.now;
      slide(at.now);
      for (const held of streams.values()) {
        if (held.dirty || held.isOutdated(at)) held.build(at);
      }
      frame.value = frame.peek() + 1;
    });
  }

  function tick(): void {
    // Also while nobody looks, or rows would gather; a picture that holds still has arrays of its own.
    slide(serverNow());
    if (deps.isHidden()) return;
    batch(() => {
      now.value = serverNow();
      // Time alone moves a live picture too, as soon as that can be seen: by half a pixel column.
      const pixelMs = RANGE_MS[view.range.peek()] / COLUMNS_USUAL;
      if (pacer.isLive && serverNow() - viewNow.peek() >= pixelMs / 2) pacer.touch();
      pacer.tick();
      showStates();
    });
  }

  function follow(): void {
    disposers.push(
      effect(() => {
        view.keys.value;
        view.range.value;
        untracked(askAll);
      }),
      effect(() => {
        const refresh = view.refresh.value;
        untracked(() => pacer.setRefresh(refresh));
      }),
      deps.timers.every(1000, tick),
      deps.onVisibility(tick),
    );
  }

  function heldInAll(): { points: number; capacity: number } {
    const held = [...streams.values()].map(({ series }) => series.held);
    return {
      points: held.reduce((sum, { points }) => sum + points, 0),
      capacity: held.reduce((sum, { capacity }) => sum + capacity, 0),
    };
  }

  const resizes = new Map<StreamName, () => void>();

  function askLater(held: ShownStream, ms: number): void {
    const due = (): void => {
      // A page that is cut off says so, which takes room for as long as it lasts. To ask for another width then, or before
      // what was missed has come, would have the chart begin anew in place of going on.
      if (held.series.loaded && machine.phase(held.name)?.name !== 'live') askLater(held, RESIZE_MS);
      else ask(held);
    };
    resizes.set(held.name, deps.timers.after(ms, due));
  }

  return {
    feed,
    since,
    trouble,
    serverClockOffset,
    now,
    viewNow,
    frame,
    heartbeat,
    demo,
    version,
    symbols: symbolList.symbols,
    view,
    lens,
    adapt,
    marks,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send(frame) {
      if ('link' in machine.state)
        edge?.run({ type: 'send', socket: machine.state.link.socket, text: encodeClientFrame(frame) });
    },
    resync: (name) => hear({ type: 'resync', stream: name }),
    stream(name) {
      const held = streams.get(name);
      if (held === undefined) throw new RangeError(`There is no stream ${name}.`);
      return held.view;
    },
    setChartWidth(name, columns) {
      const held = streams.get(name);
      if (held === undefined || !(columns > 0)) return;
      held.width = Math.min(COLUMNS_MOST, columns);
      resizes.get(name)?.();
      resizes.delete(name);
      if (edge === null) {
        held.columns = held.width;
        return;
      }
      if (columnsToAsk(held.columns, held.width, RANGE_MS[view.range.peek()]) === held.columns) return;
      if (held.series.loaded) askLater(held, RESIZE_MS);
      else ask(held);
    },
    counts: () => ({ ...machine.counts, symbolFailures: symbolList.failures(), ...heldInAll() }),
    start() {
      if (edge !== null) return;
      edge = deps.openEdge(hear);
      follow();
      hear({ type: 'start' });
    },
    stop() {
      hear({ type: 'stop' });
      for (const dispose of [...disposers.splice(0), ...resizes.values()]) dispose();
      pacer.stop();
      symbolList.stop();
      view.dispose();
      edge?.stop();
      edge = null;
    },
  };
}
