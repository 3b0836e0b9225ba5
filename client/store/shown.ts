/** One stream as the store shows it: its rows, and the view that was last built of them. */
import { type Signal, signal } from '@preact/signals';
import type { StreamName } from '../../shared/streams.ts';
import type { Feed } from '../feed.ts';
import type { StreamView } from '../model.ts';
import { type Picture, StreamSeries } from '../series.ts';
import type { Holes } from './holes.ts';
import { chartState } from './state.ts';

/** What a view is built from, beside the rows. `now`: server clock, epoch ms. */
export interface Moment {
  readonly machine: Feed;
  readonly holes: Holes;
  readonly now: number;
  /** Whether the count of rows is followed between two pictures. */
  readonly countsFollow: boolean;
}

/** The reason why a stream is off; null where it is not. */
export function offReason(machine: Feed, name: StreamName): string | null {
  const phase = machine.phase(name);
  return phase?.name === 'off' ? phase.reason : null;
}

/** One stream in the store. */
export class ShownStream {
  readonly name: StreamName;
  readonly series: StreamSeries;
  readonly view: Signal<StreamView>;
  /** Columns of its chart, in steps. */
  points: number;
  /** Whether rows have come since the view was built. */
  dirty = false;
  /** What was last shown beside the rows. */
  #mark = '';
  #rowsShown = 0;

  constructor(name: StreamName, picture: Picture, points: number) {
    this.name = name;
    this.series = new StreamSeries(name, picture);
    this.points = points;
    const { range } = picture;
    this.view = signal({ stream: name, state: 'loading', off: null, channels: [], range, arrivedAt: null, version: 0 });
  }

  /** Whether something beside the rows is not as it is shown: a state, a reason, a line's age, the count of rows. */
  isOutdated(moment: Moment): boolean {
    const rows = moment.countsFollow ? this.series.rowsLastHour(moment.now) : this.#rowsShown;
    return this.#markOf(moment, rows) !== this.#mark;
  }

  /** Builds the view anew. */
  build(moment: Moment): void {
    const { machine, now, holes } = moment;
    const reason = offReason(machine, this.name);
    this.#rowsShown = this.series.rowsLastHour(now);
    this.#mark = this.#markOf(moment, this.#rowsShown);
    this.dirty = false;
    this.view.value = {
      stream: this.name,
      state: chartState(machine.state, machine.phase(this.name), this.series, now),
      off: reason === null ? null : { reason },
      channels: this.series.views(now, (loadedAt) => holes.seenFrom(loadedAt, now)),
      range: this.series.range,
      arrivedAt: this.series.arrivedAt,
      version: this.view.peek().version + 1,
    };
  }

  #markOf({ machine, now, holes }: Moment, rows: number): string {
    return [
      chartState(machine.state, machine.phase(this.name), this.series, now),
      offReason(machine, this.name),
      this.series.staleMark(now),
      rows,
      // An open hole grows with every second.
      holes.isOpen ? Math.floor(now / 1000) : '',
    ].join('\n');
  }
}
