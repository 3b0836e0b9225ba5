/** What the page knows of its own trustworthiness, gathered while it runs: legs, periods that were missed, checks. */
import { effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { inFrame } from '../draw.ts';
import type { News } from '../feed.ts';
import type { Store } from '../store.ts';
import { askSums } from './ask.ts';
import { Checker, type CheckWorld, type Finding } from './check.ts';
import { heldSums, isHeld, settledSpan } from './held.ts';
import { Samples } from './legs.ts';
import { type Outage, Outages } from './outages.ts';

export interface Trust {
  readonly isOpen: Signal<boolean>;
  readonly samples: Samples;
  /** Grows with every row that was noted or painted, at most once a second. */
  readonly sampled: ReadonlySignal<number>;
  readonly outages: ReadonlySignal<readonly Outage[]>;
  /** The last finding of each channel. */
  readonly findings: ReadonlySignal<readonly Finding[]>;
  /** What was not as it should be, the newest first. */
  readonly faults: ReadonlySignal<readonly Finding[]>;
  readonly isChecking: ReadonlySignal<boolean>;
  /** Checks everything now. */
  check(): void;
  /** Begins; the result stops it. */
  start(): () => void;
}

const MOST_FINDINGS = 200;
const MOST_FAULTS = 50;

const made = new WeakMap<Store, Trust>();

/** The same for everybody who asks. */
export function trustOf(store: Store): Trust {
  const known = made.get(store);
  if (known !== undefined) return known;
  const trust = create(store);
  made.set(store, trust);
  return trust;
}

function create(store: Store): Trust {
  const isOpen = signal(false);
  const samples = new Samples();
  const sampled = signal(0);
  const outages = signal<readonly Outage[]>([]);
  const findings = signal<readonly Finding[]>([]);
  const faults = signal<readonly Finding[]>([]);
  const isChecking = signal(false);
  const now = (): number => Date.now() + store.serverClockOffset.peek();
  let checker: Checker | null = null;

  const world: CheckWorld = {
    now,
    after(ms, action) {
      const timer = setTimeout(action, ms);
      return () => clearTimeout(timer);
    },
    candidates() {
      const found = new Map<StreamName, readonly string[]>();
      // A picture that holds still is not what the page has by now.
      if (document.visibilityState === 'hidden' || store.view.refresh.peek() === 'paused') return found;
      if (store.feed.peek() !== 'live') return found;
      for (const stream of STREAM_NAMES)
        if (isWhole(stream))
          found.set(
            stream,
            store
              .stream(stream)
              .peek()
              .channels.map(({ key }) => key),
          );
      return found;
    },
    target(stream, key) {
      const span = isWhole(stream) ? settledSpan(store.stream(stream).peek(), store.viewNow.peek()) : null;
      return span === null ? null : { stream, key, span };
    },
    held({ stream, key, span }, parts) {
      const view = store.stream(stream).peek();
      if (!isWhole(stream) || !isHeld(view, store.viewNow.peek(), span)) return null;
      const channel = view.channels.find((one) => one.key === key);
      return channel === undefined ? null : heldSums(channel, span, parts);
    },
    ask: askSums,
    resync: (stream) => store.resync(stream),
    report(finding) {
      const others = findings.peek().filter(({ stream, key }) => stream !== finding.stream || key !== finding.key);
      findings.value = [...others.slice(1 - MOST_FINDINGS), finding];
      if (finding.outcome === 'same' || finding.outcome === 'uncounted') return;
      faults.value = [finding, ...faults.peek()].slice(0, MOST_FAULTS);
    },
  };

  function isWhole(stream: StreamName): boolean {
    const { state, lostFrom, range } = store.stream(stream).peek();
    return (state === 'live' || state === 'stale') && lostFrom === null && range === store.view.range.peek();
  }

  function note(news: News): void {
    if (news.type !== 'delta' || news.frame.via === 'replay') return;
    const { stream, key, time, rows } = news.frame;
    const [first] = rows;
    if (first === undefined) return;
    const newest = rows.reduce((best, row) => (row.timestamp >= best.timestamp ? row : best), first);
    samples.note(stream, { id: newest.id, key, row: newest.timestamp, sent: time, received: now(), painted: null });
  }

  /** Notes when a picture that was ordered is on the screen: after the frame that draws it, as nearly as a page can know. */
  let isAwaited = false;
  function awaitPaint(): void {
    if (isAwaited) return;
    isAwaited = true;
    inFrame(() => {
      // The charts draw in this frame, and with the task after it they have been painted.
      const drawn = now();
      setTimeout(() => {
        isAwaited = false;
        samples.paint(drawn, now());
      });
    });
  }

  function start(): () => void {
    const whole = STREAM_NAMES.filter(isWhole);
    const missed = new Outages(whole, now());
    const stopListening = store.listen((news) => {
      note(news);
      missed.hear(news, now());
      if (missed.list === outages.peek()) return;
      outages.value = missed.list;
      store.marks.value = missed.list.map(({ stream, from, to }) => ({ stream, from, to }));
    });
    const stops = [
      stopListening,
      effect(() => {
        store.frame.value;
        untracked(awaitPaint);
      }),
      effect(() => {
        store.view.keys.value;
        untracked(() => samples.forget());
      }),
      effect(() => {
        if (store.view.refresh.value === 'paused') samples.abandon();
      }),
    ];
    const timer = setInterval(() => {
      sampled.value = sampled.peek() + 1;
    }, 1000);
    const onVisibility = (): void => {
      if (document.visibilityState === 'hidden') samples.abandon();
    };
    document.addEventListener('visibilitychange', onVisibility);
    checker = new Checker(world);
    checker.start(() => Math.random());
    return () => {
      checker?.stop();
      checker = null;
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onVisibility);
      for (const stop of stops) stop();
    };
  }

  return {
    isOpen,
    samples,
    sampled,
    outages,
    findings,
    faults,
    isChecking,
    check() {
      if (checker === null || isChecking.peek()) return;
      isChecking.value = true;
      void checker.all().finally(() => {
        isChecking.value = false;
      });
    },
    start,
  };
}
