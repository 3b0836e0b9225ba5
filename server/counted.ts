/** What the server counts, by name: the words that its figures are explained with, and the labels that they are told by. */
import { SCREEN_PAGES } from '../shared/requests.ts';
import { STREAM_NAMES } from '../shared/streams.ts';

/** One count. `labels`: every value of each label, so that a count that is still nought is told too. */
interface Counted {
  readonly help: string;
  readonly labels?: Readonly<Record<string, readonly string[]>>;
}

/** All counts. Their names are snake_case and end in `_total`; for Prometheus they begin with `alphapulse_`. */
export const COUNTED = {
  http_requests_total: { help: 'Requests that were answered' },
  http_errors_total: { help: 'Answers of 500 or above' },
  rows_total: { help: 'Rows delivered' },
  deltas_total: { help: 'Delta frames made; each is made once for all of its subscribers' },
  tick_rows_total: { help: 'Rows that the tick found, because no ring had told of them' },
  subscriptions_total: {
    help: 'Subscriptions that began, by how: anew, or resumed from a cursor',
    labels: { stream: STREAM_NAMES, start: ['new', 'resumed'] },
  },
  gaps_total: {
    help: 'Gaps that clients were told, by why; those with a range then get their history anew',
    labels: { stream: STREAM_NAMES, reason: ['slow_consumer', 'replay_exhausted', 'epoch_changed'] },
  },
  credit_stalls_total: { help: 'Times that something began to wait for a client to take what it was sent' },
  slow_consumers_closed_total: { help: 'Connections that were closed for being too slow' },
  snapshot_reads_total: { help: 'Histories that were read from the database' },
  client_errors_total: {
    help: 'Errors that pages reported of themselves',
    labels: { page: SCREEN_PAGES, kind: ['error', 'rejection'] },
  },
  rows_refused_total: { help: 'Rows that cannot be delivered, such as those dated at infinity' },
  rewrites_total: { help: 'Times that rows of a stream were updated or deleted' },
  rewinds_total: { help: 'Times that the database went back behind what was delivered' },
  rings_total: { help: 'Notifications of the doorbell' },
  doorbell_probes_total: { help: 'Notifications to itself that the doorbell was probed with' },
  doorbell_probes_unsent_total: { help: 'Probes that could not be sent' },
  doorbell_deaf_total: { help: 'Probes that were not heard' },
  database_errors_total: { help: 'Faults of connections to the database' },
  rollup_packs_built_total: { help: 'Packs of rollups that were made' },
  rollup_packs_dropped_total: { help: 'Packs of rollups that were let go' },
  rollup_errors_total: { help: 'Rounds of the rollups that failed' },
  retention_rounds_total: { help: 'Rounds of the retention' },
  retention_failed_rounds_total: { help: 'Rounds of the retention that failed' },
  retention_rows_total: { help: 'Rows that the retention deleted' },
  retention_packs_total: { help: 'Packs of rollups that the retention deleted' },
} as const satisfies Readonly<Record<string, Counted>>;

/** The name of a count. */
export type CounterName = keyof typeof COUNTED;

/** Values of labels by their names. */
export type Labels = Readonly<Record<string, string>>;

/** A count with labels, as it stands. */
export interface LabelledCount {
  readonly labels: Labels;
  readonly total: number;
}

/** The counts with their words. */
export function countedNames(): readonly { readonly name: CounterName; readonly counted: Counted }[] {
  return Object.entries(COUNTED).flatMap(([name, counted]) => (isCounterName(name) ? [{ name, counted }] : []));
}

function isCounterName(name: string): name is CounterName {
  return name in COUNTED;
}

/** Totals since start. */
export class Counters {
  readonly #totals = new Map<CounterName, Map<string, { readonly labels: Labels; total: number }>>();

  constructor() {
    for (const { name, counted } of countedNames()) {
      const parts = new Map<string, { readonly labels: Labels; total: number }>();
      for (const labels of everyLabel(counted.labels ?? {})) parts.set(keyOf(labels), { labels, total: 0 });
      this.#totals.set(name, parts);
    }
  }

  /** Adds to a count. @param labels what the count is told by, where it is told by anything. */
  add(name: CounterName, amount = 1, labels: Labels = {}): void {
    const part = this.#totals.get(name)?.get(keyOf(labels));
    if (part === undefined)
      throw new RangeError(`${name} is not counted by ${JSON.stringify(labels)}; counted.ts lists it`);
    part.total += amount;
  }

  /** All totals, sorted by name. */
  read(): Readonly<Record<string, number>> {
    const sums = [...this.#totals].map(
      ([name, parts]) => [name, [...parts.values()].reduce((sum, { total }) => sum + total, 0)] as const,
    );
    return Object.fromEntries(sums.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** A total by its labels. */
  parts(name: CounterName): Iterable<LabelledCount> {
    return this.#totals.get(name)?.values() ?? [];
  }
}

const keyOf = (labels: Labels): string => Object.values(labels).join('\n');

/** Every combination of values. */
function everyLabel(labels: NonNullable<Counted['labels']>): readonly Labels[] {
  let all: readonly Labels[] = [{}];
  for (const [name, values] of Object.entries(labels))
    all = all.flatMap((others) => values.map((value) => ({ ...others, [name]: value })));
  return all;
}
