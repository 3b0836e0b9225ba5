/** The panel that tells how far the page may be trusted: where the time went, what was missed, and what was checked. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { STREAM_NAMES, type StreamName } from '../../shared/streams.ts';
import { age, clock, clockWithZone } from '../format.ts';
import { CHART_ORDER, RECIPES } from '../recipes.ts';
import type { Store } from '../store.ts';
import { askRoundTrip, askWritten } from './ask.ts';
import type { Finding } from './check.ts';
import { faultText, OUTCOMES } from './findings.ts';
import { useHeldFocus } from './focus.ts';
import { Legs, span, type Written } from './legstable.tsx';
import { shareOutages } from './outages.ts';
import type { Trust } from './watch.ts';

/** How often the time of writing is asked for, and the round trip measured, while the panel is open. */
const ASK_MS = 5000;

interface PanelProps {
  readonly store: Store;
  readonly trust: Trust;
}

export function TrustPanel({ store, trust }: PanelProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useHeldFocus(heading);
  const { roundTrip, written } = useAsked(trust);
  return (
    <div class="trust-panel">
      <header>
        <h2 tabIndex={-1} ref={heading}>
          Trust
        </h2>
        <button
          type="button"
          class="button"
          aria-label="Close"
          onClick={() => {
            trust.isOpen.value = false;
          }}
        >
          <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
            <path d="M4.5 4.5l9 9M13.5 4.5l-9 9" />
          </svg>
        </button>
      </header>
      <Checks store={store} trust={trust} />
      <Missed store={store} trust={trust} />
      <section aria-label="Where the time went">
        <h3>Where the time went</h3>
        <ClockNote store={store} roundTrip={roundTrip} />
        <div class="trust-legs">
          {CHART_ORDER.map((stream) => (
            <section key={stream} aria-label={RECIPES[stream].title} data-testid={`trust-${stream}`}>
              <h4>{RECIPES[stream].title}</h4>
              <Legs store={store} trust={trust} stream={stream} written={written.get(stream)} />
            </section>
          ))}
        </div>
        <p class="trust-note">
          A row's own time is by the clock of who wrote it; written is when its transaction began, by the database's
          clock; sent is by the server's. Painted has in it the pace of the picture ({store.view.refresh.value}). Rows
          that were missed and sent later are left out.
        </p>
      </section>
    </div>
  );
}

/** Asks, while the panel is open, for what the feed does not carry. */
function useAsked(trust: Trust): { roundTrip: number | null; written: ReadonlyMap<StreamName, Written> } {
  const roundTrip = useSignal<number | null>(null);
  const written = useSignal<ReadonlyMap<StreamName, Written>>(new Map());
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const [trip, ...found] = await Promise.all([
        askRoundTrip().catch(() => null),
        ...STREAM_NAMES.map(async (stream) => {
          const newest = trust.samples.newest(stream);
          const at = newest === null ? null : await askWritten(stream, newest).catch(() => null);
          return newest === null ? [] : [[stream, { id: newest.id, at }] as const];
        }),
      ]);
      if (isOver) return;
      roundTrip.value = trip;
      written.value = new Map(found.flat());
      timer = setTimeout(() => void ask(), ASK_MS);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [trust]);
  return { roundTrip: roundTrip.value, written: written.value };
}

function ClockNote({ store, roundTrip }: { store: Store; roundTrip: number | null }) {
  const offset = store.serverClockOffset.value;
  const half = roundTrip === null ? null : roundTrip / 2;
  return (
    <p class="trust-note" data-testid="clock-note">
      The server's clock is {span(Math.abs(offset))} {offset < 0 ? 'behind' : 'ahead of'} this machine's, as the fastest
      frame of the last minute has it.{' '}
      {half === null
        ? 'How long that frame took is not known.'
        : `That frame itself took about ${span(half)}, give or take as much (half of a round trip of ${span(roundTrip ?? 0)}): the network takes so much longer than is told here.`}
    </p>
  );
}

function Missed({ store, trust }: PanelProps) {
  const missed = shareOutages(trust.outages.value);
  const zone = store.view.zone.value;
  return (
    <section aria-label="What was missed">
      <h3>What was missed</h3>
      {missed.length === 0 ? (
        <p class="trust-note">Nothing, since this page was opened.</p>
      ) : (
        <ul class="trust-list" data-testid="missed">
          {missed.map(({ from, to, how, streams }) => (
            <li key={`${from} ${streams.join()}`}>
              <b>
                {clock(from, zone)}–{clockWithZone(to, zone)}
              </b>{' '}
              {how === 'refilled'
                ? 'refilled: exactly the missed rows were sent'
                : 'loaded anew: the missed rows could not be sent one by one'}
              <small>{streams.length === STREAM_NAMES.length ? 'all streams' : titles(streams)}</small>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const titles = (streams: readonly StreamName[]): string => streams.map((stream) => RECIPES[stream].title).join(', ');

function Checks({ store, trust }: PanelProps) {
  const zone = store.view.zone.value;
  const findings = trust.findings.value;
  const faults = trust.faults.value;
  const isChecking = trust.isChecking.value;
  return (
    <section aria-label="Checks against the server">
      <h3>
        Checks against the server
        <button type="button" class="button" aria-disabled={isChecking} data-testid="check-now" onClick={trust.check}>
          {isChecking ? 'Checking' : 'Check now'}
        </button>
      </h3>
      <p class="trust-note">
        A checksum of the settled part of what is shown (all but the last two minutes), a stream a minute. What differs
        is loaded anew.
      </p>
      <ul class="trust-list" aria-label="Last checks" data-testid="findings">
        {CHART_ORDER.map((stream) => (
          <li key={stream} data-stream-checked={stream}>
            <b>{RECIPES[stream].title}</b> <LastCheck store={store} findings={findings} stream={stream} />
          </li>
        ))}
      </ul>
      {faults.length > 0 && (
        <ul class="trust-list trust-faults" aria-label="What was not as it should be" data-testid="faults">
          {faults.slice(0, 10).map((fault) => (
            <li key={`${fault.at} ${fault.key}`}>{faultText(fault, zone)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function LastCheck({ store, findings, stream }: { store: Store; findings: readonly Finding[]; stream: StreamName }) {
  const own = findings.filter((finding) => finding.stream === stream);
  const last = own.at(-1);
  if (last === undefined) return <>not checked yet</>;
  const passed = `${age(store.now.value - last.at)} ago`;
  const same = own.filter(({ outcome }) => outcome === 'same');
  if (same.length === own.length) {
    const rows = same.reduce((sum, finding) => sum + finding.rows, 0).toLocaleString('en-US');
    return <>{`the same ${passed}, ${rows} points`}</>;
  }
  const worst = own.findLast(({ outcome }) => outcome !== 'same') ?? last;
  return <>{OUTCOMES[worst.outcome]}</>;
}
