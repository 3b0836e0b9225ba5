/** The follower's rules about rows: where it goes on from, chains, replays, and what it cannot make good. */
import { describe, expect, it } from 'vitest';
import type { Place, Wanted } from '../../server/tail/types.ts';
import type { StreamName } from '../../shared/streams.ts';
import { Bench, STREAM } from '../support/tail-bench.ts';

const from = (cursor: string, printed: readonly string[] = []): Partial<Wanted> => ({
  from: new Map<StreamName, Place>([[STREAM, { cursor, printed }]]),
});

describe('what is asked for', () => {
  it('F1 nothing before hello; then each stream, with its keys, its detail and where it ended', () => {
    const bench = new Bench({ ...from('c1'), streams: [STREAM, 'funding_rates'], keys: ['A'], detail: 'values' });
    expect(bench.of('send')).toEqual([]);
    bench.hello();
    const common = { type: 'subscribe', keys: ['A'], detail: 'values' };
    expect(bench.of('send').map(({ frame }) => frame)).toEqual([
      { ...common, id: STREAM, stream: STREAM, since: 'c1' },
      { ...common, id: 'funding_rates', stream: 'funding_rates' },
    ]);
  });

  it('F1 a first frame that is not hello is no feed', () => {
    const bench = new Bench();
    bench.beat('up');
    expect(bench.follow.state.name).toBe('waiting');
    expect(bench.said[0]).toMatch(/not hello but heartbeat/);
  });
});

describe('F6 since', () => {
  /** The cursor that is handed back after a cut. */
  const resumedFrom = (bench: Bench): string | undefined => {
    bench.close(1006);
    bench.pass(10_000);
    bench.hello();
    return bench.since;
  };

  it('is the newest cursor of a synced, or of a delta after it', () => {
    const bench = new Bench().live('c1');
    expect(resumedFrom(bench)).toBe('c1');
    bench.live('c2', true);
    bench.delta('x', 'c3', [1]);
    expect(resumedFrom(bench)).toBe('c3');
  });

  it('does not move within a replay, whose rows are dropped when they come again', () => {
    const bench = new Bench(from('c1', ['1@1']));
    bench.hello();
    bench.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor: 'c9', resumed: true });
    bench.delta('x', 'c2', [1, 2]);
    expect(resumedFrom(bench)).toBe('c1');
    bench.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor: 'c9', resumed: true });
    bench.delta('x', 'c2', [1, 2]);
    bench.delta('c2', 'c3', [3]);
    bench.frame({ type: 'synced', id: STREAM, cursor: 'c9' });
    expect(bench.printed).toEqual([2, 3]);
    expect(resumedFrom(bench)).toBe('c9');
  });

  it('is the cursor of a gap of the whole subscription, which is where it is whole again', () => {
    const bench = new Bench().live('c1');
    bench.gap('c5');
    expect(resumedFrom(bench)).toBe('c5');
    bench.live('c6', true);
    bench.gap('c7', 'A');
    expect(resumedFrom(bench)).toBe('c6');
  });

  it('is not taken from what still arrives of a subscription that is being replaced', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.delta('lost', 'c4', [3]);
    bench.delta('c4', 'c5', [4]);
    bench.gap('c6');
    bench.frame({ type: 'synced', id: STREAM, cursor: 'c6' });
    expect(resumedFrom(bench)).toBe('c2');
    expect(bench.printed).toEqual([1]);
  });
});

describe('F3 a chain that breaks', () => {
  it('is asked for again from before the break; nothing is lost where no other channel has moved on', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.delta('c3', 'c4', [3]);
    expect(bench.since).toBe('c2');
    bench.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor: 'c4', resumed: true });
    bench.delta('c2', 'c3', [2]);
    bench.delta('c3', 'c4', [3]);
    bench.frame({ type: 'synced', id: STREAM, cursor: 'c4' });
    bench.delta('c4', 'c5', [4]);
    expect(bench.printed).toEqual([1, 2, 3, 4]);
    expect(bench.follow.lost).toBe(false);
  });

  it('is told as a loss where another channel has moved the cursor on', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.delta('x', 'c3', [2], 'B');
    bench.delta('lost', 'c5', [4]);
    expect(bench.said.at(-1)).toMatch(/rows of A .* were lost/);
    expect(bench.follow.lost).toBe(true);
  });

  it('ends the connection where asking again did not help', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.delta('lost', 'c4', [3]);
    bench.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor: 'c4', resumed: true });
    bench.delta('x', 'c3', [2]);
    bench.delta('lost', 'c4', [3]);
    expect(bench.follow.state.name).toBe('waiting');
    expect(bench.of('close')).toHaveLength(1);
  });

  it('begins anew after subscribed, and after a gap of every channel, and goes on from a gap with a key', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.gap('c4');
    bench.delta('c3', 'c5', [2]);
    bench.gap('c6', 'A');
    bench.delta('c6', 'c7', [3]);
    expect(bench.printed).toEqual([1, 2, 3]);
    expect(bench.of('send')).toHaveLength(1);
  });
});

describe('what cannot be made good', () => {
  it('F6 a gap is told with its reason and since when, and the exit code tells in the end', () => {
    const bench = new Bench().live('c1');
    bench.delta('x', 'c2', [1]);
    bench.gap('c5', null, 'epoch_changed');
    expect(bench.said).toEqual([
      `${STREAM} rows committed after ${new Date(60_000).toISOString()} were lost: the cursor belongs to another database, or to one that was restored or rewound (epoch_changed)`,
    ]);
    bench.tell({ type: 'stop' });
    expect(bench.exit).toBe('lost');
  });

  it('a cursor that the server cannot read ends the run where it came from outside', () => {
    const bench = new Bench(from('nonsense'));
    bench.hello();
    bench.error('bad_cursor');
    expect(bench.exit).toBe('refused');
  });

  it('a cursor of its own that a server cannot read is a loss, and the stream begins anew', () => {
    const bench = new Bench().live('c1');
    bench.close(1006);
    bench.pass(10_000);
    bench.hello();
    bench.error('bad_cursor');
    bench.pass(10_000);
    bench.live('c2');
    expect(bench.since).toBeUndefined();
    expect(bench.follow.lost).toBe(true);
  });

  it.each(['unknown_stream', 'limit', 'bad_frame'])('F11 %s ends the run', (code) => {
    const bench = new Bench().hello();
    bench.error(code, 'what is accepted');
    expect(bench.exit).toBe('refused');
    expect(bench.said.at(-1)).toContain('what is accepted');
  });

  it('F11 a stream that is not served is told once and asked for until it is', () => {
    const bench = new Bench(from('c1')).hello();
    bench.error('unavailable', 'it is off');
    bench.pass(10_000);
    bench.error('unavailable', 'it is off');
    bench.pass(10_000);
    expect(bench.of('send')).toHaveLength(3);
    expect(bench.said).toEqual([`${STREAM} is not served: it is off`]);
    bench.frame({ type: 'subscribed', id: STREAM, stream: STREAM, keys: null, cursor: 'c2', resumed: true });
    expect(bench.said.at(-1)).toBe(`${STREAM} is served again`);
  });

  it('the database and the notifications of the server are told when they change', () => {
    const bench = new Bench().live('c1');
    bench.beat('up');
    bench.beat('up', 'down');
    bench.beat('up', 'down');
    bench.beat('up');
    bench.beat('down', 'down');
    bench.error('unavailable', 'away');
    const asked = bench.of('send').length;
    bench.beat('up');
    // What was refused while the database was away is asked for at once.
    expect(bench.of('send')).toHaveLength(asked + 1);
    expect(bench.said).toEqual([
      expect.stringContaining('notifications are down: rows arrive within 10 s'),
      expect.stringContaining('notifications work again'),
      expect.stringContaining('database is away'),
      expect.stringContaining('is not served'),
      expect.stringContaining('database is back'),
    ]);
  });

  it('a stream without new rows is told where that is wanted, and when it has some again', () => {
    const bench = new Bench({ staleMs: 60_000 }).live('c1');
    for (const age of [null, 59_000, 61_000, 66_000, 2000, 70_000]) bench.beat('up', 'up', age);
    expect(bench.said).toEqual([
      `${STREAM} has had no new row for 61 s`,
      `${STREAM} has new rows again`,
      `${STREAM} has had no new row for 70 s`,
    ]);
    const calm = new Bench().live('c1');
    calm.beat('up', 'up', 1e9);
    expect(calm.said).toEqual([]);
  });

  it('F6 a server that neither goes on from the cursor nor says that it cannot has lost rows', () => {
    const bench = new Bench(from('c1')).live('c9');
    expect(bench.said).toEqual([`${STREAM} rows after the cursor were lost: the server did not go on from the cursor`]);
    expect(bench.follow.lost).toBe(true);
    expect(new Bench().live('c9').said).toEqual([]);
  });

  it('a frame that cannot be read is not passed over: the connection ends and what it was is sent again', () => {
    const bench = new Bench().live('c1');
    bench.tell({ type: 'frame', socket: bench.socket, text: '{"type":"delta","stream":"anomalies"' });
    expect(bench.follow.state.name).toBe('waiting');
    bench.pass(10_000);
    bench.hello();
    expect(bench.since).toBe('c1');
  });

  it('a type of frame that this version does not know is passed over', () => {
    const bench = new Bench().live('c1');
    bench.frame({ type: 'weather', fair: true });
    expect(bench.follow.state.name).toBe('open');
  });
});
