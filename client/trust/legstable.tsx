/** One stream's legs as a small table: of the newest row, and of the last minutes. */
import { Fragment } from 'preact';
import type { StreamName } from '../../shared/streams.ts';
import { clock, fixed, NOTHING, SPACE } from '../format.ts';
import type { Store } from '../store.ts';
import { LEGS, type Leg, legOf } from './legs.ts';
import { shareOutages } from './outages.ts';
import type { Trust } from './watch.ts';

/** A time that passed, as short as it can be read: `0.4 ms`, `12 ms`, `3.21 s`, `4 min`. */
export function span(ms: number): string {
  const size = Math.abs(ms);
  if (size < 9.95) return `${fixed(ms, 1)}${SPACE}ms`;
  if (size < 999.5) return `${fixed(ms, 0)}${SPACE}ms`;
  if (size < 99_950) return `${fixed(ms / 1000, size < 9995 ? 2 : 1)}${SPACE}s`;
  return `${fixed(ms / 60_000, 0)}${SPACE}min`;
}

const LEG_NAMES: Readonly<Record<Leg, string>> = {
  'to-server': 'Row time to sent',
  network: 'Network, estimated',
  paint: 'Painted',
};

/** What stands above the first leg once the time of writing is known. */
export interface Written {
  readonly id: number;
  readonly at: number | null;
}

interface LegsProps {
  readonly store: Store;
  readonly trust: Trust;
  readonly stream: StreamName;
  /** When the newest row was written; undefined where nobody asked. */
  readonly written?: Written | undefined;
}

export function Legs({ store, trust, stream, written }: LegsProps) {
  // Once a second, whatever comes: figures that flicker cannot be read.
  trust.sampled.value;
  const { samples } = trust;
  const newest = samples.newest(stream);
  const zone = store.view.zone.value;
  const now = Date.now() + store.serverClockOffset.peek();
  const missed = shareOutages(trust.outages.value.filter((outage) => outage.stream === stream)).slice(0, 3);
  if (newest === null)
    return (
      <>
        <p class="legs-none">No row has come while the page was watching.</p>
        <Missed missed={missed} zone={zone} />
      </>
    );
  const isKnown = written !== undefined && written.at !== null && written.id === newest.id;
  const writtenAt = isKnown ? (written.at ?? 0) : null;
  const total = newest.painted === null ? null : newest.painted - newest.row;
  return (
    <>
      <table class="legs">
        <thead>
          <tr>
            <th scope="col">
              {newest.key} {clock(newest.row, zone)}
            </th>
            <th scope="col">newest</th>
            <th scope="col">median</th>
            <th scope="col">worst, 5 min</th>
          </tr>
        </thead>
        <tbody>
          {LEGS.map((leg) => {
            const summary = samples.summary(stream, leg, now);
            return (
              <Fragment key={leg}>
                <LegRow
                  name={LEG_NAMES[leg]}
                  values={[legOf(newest, leg), summary?.median ?? null, summary?.worst ?? null]}
                />
                {leg === 'to-server' && writtenAt !== null && (
                  <>
                    <LegRow name="of that, to written" isPart values={[writtenAt - newest.row]} />
                    <LegRow name="written to sent" isPart values={[newest.sent - writtenAt]} />
                  </>
                )}
              </Fragment>
            );
          })}
          <LegRow name="Row time to screen" values={[total]} />
        </tbody>
      </table>
      <Missed missed={missed} zone={zone} />
    </>
  );
}

interface LegRowProps {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** Whether it is a part of the leg above it. */
  readonly isPart?: boolean;
}

function LegRow({ name, values, isPart = false }: LegRowProps) {
  return (
    <tr {...(isPart ? { class: 'legs-part' } : {})}>
      <th scope="row">{name}</th>
      {[0, 1, 2].map((at) => {
        const value = values[at];
        return <td key={at}>{value == null ? (at < values.length ? NOTHING : '') : span(value)}</td>;
      })}
    </tr>
  );
}

function Missed({ missed, zone }: { missed: ReturnType<typeof shareOutages>; zone: 'utc' | 'local' }) {
  if (missed.length === 0) return null;
  return (
    <ul class="legs-missed">
      {missed.map(({ from, to, how }) => (
        <li key={from}>
          {how === 'refilled' ? 'Refilled' : 'Loaded anew'} {clock(from, zone)}–{clock(to, zone)}
        </li>
      ))}
    </ul>
  );
}
