/** What is held of one stream, and the view that is built of it: for whoever shows it, a page or a terminal. No signals. */
import type { StreamName } from '../../shared/streams.ts';
import type { Feed } from '../feed.ts';
import type { StreamView } from '../model.ts';
import { type Picture, StreamSeries } from '../series.ts';
import { chartState } from './state.ts';

/** What a view is built from, beside the rows. `now`: server clock, epoch ms. */
export interface Moment {
  readonly machine: Feed;
  readonly now: number;
  /** Since when the feed is not live; null while it is. */
  readonly since: number | null;
  /** Whether the count of rows is followed between two pictures. */
  readonly countsFollow: boolean;
}

/** The reason why a stream is off; null where it is not. */
export function offReason(machine: Feed, name: StreamName): string | null {
  const phase = machine.phase(name);
  return phase?.name === 'off' ? phase.reason : null;
}

/** One stream: its rows, and what may be missing of them. */
export class HeldStream {
  readonly name: StreamName;
  readonly series: StreamSeries;
  /** Device pixel columns of the plot that its history is asked for. */
  columns: number;
  /** Device pixel columns that the plot was last said to have. */
  width: number;
  /** Whether rows have come since the view was built. */
  dirty = false;
  /** What was last shown beside the rows. */
  #mark = '';
  #rowsShown = 0;
  #lostFrom: number | null = null;

  constructor(name: StreamName, picture: Picture, columns: number) {
    this.name = name;
    this.series = new StreamSeries(name, picture);
    this.columns = columns;
    this.width = columns;
  }

  /** Rows may be missing from `from` on (server clock, epoch ms), or from earlier where some were missing already. */
  lose(from: number): void {
    this.#lostFrom ??= this.#quietSince(from);
  }

  /** Nothing is missing any more. */
  complete(): void {
    this.#lostFrom = null;
  }

  /** Whether something beside the rows is not as it is shown: a state, a reason, a line's age, the count of rows. */
  isOutdated(moment: Moment): boolean {
    const rows = moment.countsFollow ? this.series.rowsLastHour(moment.now) : this.#rowsShown;
    return this.#markOf(moment, rows) !== this.#mark;
  }

  /** Builds the view anew. `version`: the one that it gets. */
  viewAt(moment: Moment, version: number): StreamView {
    const { machine, now } = moment;
    const reason = offReason(machine, this.name);
    const lostFrom = this.#lostAt(moment);
    this.#rowsShown = this.series.rowsLastHour(now);
    this.#mark = this.#markOf(moment, this.#rowsShown);
    this.dirty = false;
    return {
      stream: this.name,
      state: chartState(machine.phase(this.name), this.series, lostFrom !== null, now),
      off: reason === null ? null : { reason },
      channels: this.series.views(now),
      range: this.series.range,
      bucketMs: this.series.pixelMs,
      lostFrom,
      arrivedAt: this.series.arrivedAt,
      version,
    };
  }

  /** Also while the connection stands but brings nothing: what stands at the right edge then is not known to be whole. */
  #lostAt({ machine, since }: Moment): number | null {
    const { state } = machine;
    if (this.#lostFrom !== null || state.name !== 'stale' || state.cause === 'off') return this.#lostFrom;
    return since === null ? null : this.#quietSince(since);
  }

  /** Where every line was silent already, the time without rows began with its last row. */
  #quietSince(from: number): number {
    return this.series.health(from) === 'stale' ? (this.series.arrivedAt ?? from) : from;
  }

  #markOf(moment: Moment, rows: number): string {
    const { machine, now } = moment;
    const lostFrom = this.#lostAt(moment);
    return [
      chartState(machine.phase(this.name), this.series, lostFrom !== null, now),
      offReason(machine, this.name),
      this.series.staleMark(now),
      rows,
      lostFrom,
    ].join('\n');
  }
}
