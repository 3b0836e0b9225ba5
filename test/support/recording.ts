/** What a recorder holds of one stream, and the rules that its frames are held against; it lives over connections. */
import type { Frame, Via } from '../../shared/protocol.ts';
import type { StreamName } from '../../shared/streams.ts';
import { STREAMS } from '../../shared/streams.ts';
import { MARK_COLUMNS, markOf } from './writers.ts';

/** Where the subscription stands on the present connection. */
type Phase =
  | { readonly name: 'away' }
  | { readonly name: 'asked'; readonly since: string | null }
  /** Between `subscribed` and `synced`. `again`: rows that a cut replay brought and that have not come again yet. */
  | { readonly name: 'owed'; readonly resumed: boolean; readonly said: boolean; readonly again: Set<number> }
  | { readonly name: 'live' }
  /** A gap is outstanding: what comes until `synced` moves no cursor. */
  | { readonly name: 'gap' };

/** A recorded row: its id, or null where it came in a snapshot, which carries none. */
interface Recorded {
  readonly id: number | null;
  readonly key: string;
}

type StreamFrame = Frame<'subscribed'> | Frame<'snapshot'> | Frame<'synced'> | Frame<'delta'> | Frame<'gap'>;

export class Recording {
  readonly stream: StreamName;
  readonly #range: string | null;
  #phase: Phase = { name: 'away' };
  #since: string | null = null;
  #subscriptions = 0;
  #resumes = 0;
  /** Rows by their number: all up to `#since`, and those that came after it without moving it. */
  #rows = new Map<number, Recorded>();
  /**
   * What takes the place of the rows once it is whole: history that comes anew. Until then they stay, for a connection that
   * is cut before `synced` goes on from `#since` with them (F6).
   */
  #draft: Map<number, Recorded> | null = null;
  /** Rows that came after `#since` without moving it: a resumption from there brings them again. */
  #unsure = new Set<number>();
  /** The cursor that a key's next delta must follow (F3). */
  readonly #chains = new Map<string, string>();
  /** How many rows came in which way. */
  readonly ways: Record<Via, number> = { notify: 0, tick: 0, replay: 0 };
  readonly gaps: Frame<'gap'>['reason'][] = [];

  constructor(stream: StreamName, range: string | null) {
    this.stream = stream;
    this.#range = range;
  }

  /** The id of the newest subscription. */
  get id(): string {
    return `${this.stream}.${this.#subscriptions}`;
  }

  get live(): boolean {
    return this.#phase.name === 'live';
  }

  /** How often the server went on exactly where the recorder had been. */
  get resumes(): number {
    return this.#resumes;
  }

  /** The cursor that the next subscription goes on from (F6). */
  get since(): string | null {
    return this.#since;
  }

  /** Whether it was told that rows may be missing, and has no history that would bring them. */
  get incomplete(): boolean {
    return this.#range === null && this.gaps.length > 0;
  }

  /** The rows that it holds: number to id and key. */
  get rows(): ReadonlyMap<number, Recorded> {
    return this.#rows;
  }

  /** Goes on from another cursor than its own: what it holds is then no longer what the server thinks. */
  goOnFrom(cursor: string): void {
    this.#since = cursor;
  }

  /** The next frame to subscribe with. */
  request(): object {
    this.#subscriptions += 1;
    this.#phase = { name: 'asked', since: this.#since };
    this.#chains.clear();
    return {
      type: 'subscribe',
      id: this.id,
      stream: this.stream,
      detail: 'values',
      ...(this.#range === null ? {} : { range: this.#range, points: 10_000 }),
      ...(this.#since === null ? {} : { since: this.#since }),
    };
  }

  /** The connection is gone, or the subscription came to nothing. */
  lost(): void {
    this.#phase = { name: 'away' };
    this.#draft = null;
    this.#chains.clear();
  }

  /** Takes a frame in. Throws where it breaks a rule; the message begins with the rule's number. */
  take(frame: StreamFrame): void {
    switch (frame.type) {
      case 'subscribed':
        this.#subscribed(frame);
        break;
      case 'snapshot':
        this.#snapshot(frame);
        break;
      case 'synced':
        this.#synced(frame);
        break;
      case 'gap':
        this.#gap(frame);
        break;
      case 'delta':
        this.#delta(frame);
    }
  }

  #subscribed({ resumed }: Frame<'subscribed'>): void {
    const phase = this.#phase;
    // Unasked it comes to a recorder that is so far behind that the server goes on from the tables (F7): nothing is lost.
    if (phase.name !== 'asked' && !(resumed && this.#range === null && phase.name === 'live'))
      throw new Error('F2 subscribed came twice');
    const since = phase.name === 'asked' ? phase.since : this.#since;
    this.#chains.clear();
    if (resumed && since === null) throw new Error('F6 resumed without a cursor');
    if (resumed) this.#resumes += 1;
    // A chart begins anew with its snapshots.
    else if (this.#range !== null) this.#draft = new Map();
    this.#phase = { name: 'owed', resumed, said: resumed || since === null, again: new Set(this.#unsure) };
  }

  #gap({ key, cursor, reason }: Frame<'gap'>): void {
    const phase = this.#phase;
    if (phase.name === 'away' || phase.name === 'asked') throw new Error('F2 gap before subscribed');
    if (phase.name === 'owed' && phase.resumed) throw new Error('F6 a resumption was given up in part');
    this.gaps.push(reason);
    if (key === null) {
      this.#chains.clear();
      if (this.#range !== null) this.#draft = new Map();
    } else {
      this.#chains.set(key, cursor);
      if (this.#range !== null) this.#draft = new Map(this.#draft ?? this.#rows);
    }
    this.#phase = phase.name === 'owed' ? { ...phase, said: true } : { name: 'gap' };
  }

  #snapshot({ key, cursor, series, reduced }: Frame<'snapshot'>): void {
    if (this.#range === null) throw new Error('F2 a snapshot that nobody asked for');
    if (this.#phase.name !== 'owed' && this.#phase.name !== 'gap')
      throw new Error(`F2 snapshot while ${this.#phase.name}`);
    if (this.#phase.name === 'owed' && this.#phase.resumed) throw new Error('F2 snapshot after a resumption');
    if (reduced) throw new Error('the test writes more rows than a snapshot holds whole');
    this.#chains.set(key, cursor);
    for (const [mark, row] of this.#draft ?? []) if (row.key === key) this.#draft?.delete(mark);
    for (const { columns } of series) {
      for (const value of columns[MARK_COLUMNS[this.stream]] ?? [])
        this.#add(markOf(this.stream, value), { id: null, key });
    }
  }

  #synced({ cursor }: Frame<'synced'>): void {
    const phase = this.#phase;
    if (phase.name === 'away' || phase.name === 'asked') throw new Error('F2 synced before subscribed');
    if (phase.name === 'owed') {
      if (!phase.said) throw new Error('F6 neither resumed nor told of a gap');
      const left = [...phase.again].slice(0, 5).join();
      if (phase.resumed && left !== '') throw new Error(`F6 a replay left out rows that an earlier one had: ${left}`);
    }
    this.#since = cursor;
    this.#unsure.clear();
    this.#rows = this.#draft ?? this.#rows;
    this.#draft = null;
    this.#phase = { name: 'live' };
  }

  #delta({ key, prev, cursor, via, rows }: Frame<'delta'>): void {
    const phase = this.#phase;
    if (phase.name === 'away' || phase.name === 'asked') throw new Error('F2 delta before subscribed');
    if (phase.name === 'owed' && phase.resumed && via !== 'replay') throw new Error(`F6 via ${via} before synced`);
    const head = this.#chains.get(key);
    if (head !== undefined && head !== prev) throw new Error(`F3 the chain of ${key} stood at ${head}`);
    this.#chains.set(key, cursor);
    this.ways[via] += rows.length;
    for (const row of rows) {
      if (row[STREAMS[this.stream].key.name] !== key) throw new Error(`F4 row ${row.id} is not of ${key}`);
      const mark = markOf(this.stream, row[MARK_COLUMNS[this.stream]]);
      // The one case in which a row may come again: an earlier replay brought it and was cut.
      if (phase.name === 'owed' && phase.again.delete(mark)) continue;
      this.#add(mark, { id: row.id, key });
      if (phase.name !== 'live' && this.#draft === null) this.#unsure.add(mark);
    }
    if (phase.name === 'live') this.#since = cursor;
  }

  #add(mark: number, row: Recorded): void {
    const rows = this.#draft ?? this.#rows;
    const known = rows.get(mark);
    if (known !== undefined) throw new Error(`F4 row ${mark} came twice, as id ${known.id} and ${row.id}`);
    rows.set(mark, row);
  }
}
