/** The follower's connections: which closes end it, when it comes back, and what silence means; every event in every state. */
import { describe, expect, it } from 'vitest';
import type { EventName, FollowEvent, StateName } from '../../server/tail/types.ts';
import { BACKOFF_LEAST_MS } from '../../shared/backoff.ts';
import { Bench, HEARTBEAT_MS } from '../support/tail-bench.ts';

describe('connections', () => {
  it.each([
    [4401, 'unauthorized'],
    [4403, 'unauthorized'],
    [4426, 'protocol'],
    [4400, 'failed'],
  ] as const)('F12 close code %i ends the run: %s', (code, exit) => {
    const bench = new Bench();
    bench.close(code, 'why');
    expect(bench.exit).toBe(exit);
    expect(bench.said.at(-1)).toBe(`why [${code}]`);
  });

  it.each([1001, 1006, 1013, 4408])('F12 after close code %i it tries again', (code) => {
    const bench = new Bench().live('c1');
    bench.close(code);
    bench.pass(10_000);
    expect(bench.of('connect')).toHaveLength(2);
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'unreachable'],
    [502, undefined],
  ] as const)('HTTP %i instead of a feed: %s', (status, exit) => {
    const bench = new Bench();
    bench.tell({ type: 'answered', socket: bench.socket, status });
    expect(bench.exit).toBe(exit);
  });

  it('HTTP 404 passes where there was a feed before', () => {
    const bench = new Bench().live('c1');
    bench.close(1001);
    bench.pass(10_000);
    bench.tell({ type: 'answered', socket: bench.socket, status: 404 });
    expect(bench.exit).toBeUndefined();
  });

  it('the first connection is waited for no longer than wanted', () => {
    const bench = new Bench({ waitMs: 3000 });
    for (let tries = 0; tries < 50 && bench.exit === undefined; tries += 1) {
      bench.close(1006, 'connect ECONNREFUSED');
      bench.pass(1000);
    }
    expect(bench.exit).toBe('unreachable');
    expect(bench.said).toEqual([
      'no feed yet: connect ECONNREFUSED [1006]; trying for 3 s',
      'no feed: connect ECONNREFUSED [1006]',
    ]);
    const once = new Bench({ waitMs: 0 });
    once.close(1006);
    expect(once.exit).toBe('unreachable');
  });

  it('a later one is waited for without end, and told of once when that lasts', () => {
    const bench = new Bench().live('c1');
    for (let tries = 0; tries < 200; tries += 1) {
      bench.close(1006, 'refused');
      bench.pass(1000);
    }
    expect(bench.exit).toBeUndefined();
    expect(bench.said).toEqual([expect.stringMatching(/^no connection for 10 s: refused/)]);
    bench.close(1006, 'refused');
    bench.pass(10_000);
    bench.hello();
    expect(bench.said.at(-1)).toMatch(/^connected after 2\d\d\.\d s/);
  });

  it('F13 three heartbeats of silence end a connection; whatever is heard counts', () => {
    const bench = new Bench().live('c1');
    bench.pass(3 * HEARTBEAT_MS - 1);
    bench.tell({ type: 'heard', socket: bench.socket });
    bench.pass(3 * HEARTBEAT_MS - 1);
    expect(bench.follow.state.name).toBe('open');
    bench.pass(1);
    expect(bench.follow.state.name).toBe('waiting');
    expect(bench.of('close')).toHaveLength(1);
  });

  it('F13 while its own output is blocked it reads nothing, so silence means nothing', () => {
    const bench = new Bench().live('c1');
    bench.tell({ type: 'blocked' });
    bench.pass(100 * HEARTBEAT_MS);
    expect(bench.follow.state.name).toBe('open');
    bench.tell({ type: 'drained' });
    bench.pass(3 * HEARTBEAT_MS - 1);
    expect(bench.follow.state.name).toBe('open');
    bench.pass(1);
    expect(bench.follow.state.name).toBe('waiting');
  });

  it('does not come back before its output has drained', () => {
    const bench = new Bench().live('c1');
    bench.tell({ type: 'blocked' });
    bench.close(4408);
    bench.pass(100_000);
    expect(bench.of('connect')).toHaveLength(1);
    bench.tell({ type: 'drained' });
    expect(bench.of('connect')).toHaveLength(2);
  });

  it('gives up a socket that says no hello, and a subscription that gets no answer', () => {
    const bench = new Bench({ waitMs: 60_000 });
    bench.pass(10_000);
    expect(bench.of('close')).toHaveLength(1);
    const mute = new Bench().hello();
    for (let beats = 0; beats < 12; beats += 1) {
      mute.pass(HEARTBEAT_MS);
      mute.beat('up');
    }
    expect(mute.of('close')).toHaveLength(1);
  });

  it('F14 waits longer from try to try, and begins anew after a connection that lasted', () => {
    const bench = new Bench().live('c1');
    bench.close(1006);
    expect(bench.follow.state).toEqual({ name: 'waiting', attempt: 1, retryAt: bench.now + BACKOFF_LEAST_MS });
    bench.pass(BACKOFF_LEAST_MS);
    bench.close(1006);
    expect(bench.follow.state).toMatchObject({ attempt: 2 });
    bench.pass(BACKOFF_LEAST_MS);
    bench.live('c2', true);
    // One that is cut at once does not count as a success.
    bench.close(1006);
    expect(bench.follow.state).toMatchObject({ attempt: 3 });
    bench.pass(BACKOFF_LEAST_MS);
    bench.live('c3', true);
    bench.now += 10_000;
    bench.close(1006);
    expect(bench.follow.state).toMatchObject({ attempt: 1 });
  });

  it('F12 F14 after bye it comes back when it was told to', () => {
    const bench = new Bench().live('c1');
    bench.frame({ type: 'bye', reason: 'restart', retry_after_ms: 3210 });
    expect(bench.follow.state).toEqual({ name: 'waiting', attempt: 0, retryAt: bench.now + 3210 });
    bench.pass(3210);
    bench.hello();
    expect(bench.since).toBe('c1');
    expect(bench.said).toEqual([]);
  });
});

describe('every event in every state', () => {
  const states: Record<StateName, () => Bench> = {
    idle: () => new Bench({}, false),
    connecting: () => new Bench(),
    open: () => new Bench().live('c1'),
    waiting: () => {
      const bench = new Bench().live('c1');
      bench.close(1006);
      return bench;
    },
    ended: () => {
      const bench = new Bench();
      bench.tell({ type: 'stop' });
      return bench;
    },
  };
  const events: Record<EventName, (socket: number) => FollowEvent> = {
    start: () => ({ type: 'start' }),
    frame: (socket) => ({ type: 'frame', socket, text: '{"type":"pong","time":1}' }),
    heard: (socket) => ({ type: 'heard', socket }),
    closed: (socket) => ({ type: 'closed', socket, code: 1006, reason: '' }),
    answered: (socket) => ({ type: 'answered', socket, status: 500 }),
    tick: () => ({ type: 'tick' }),
    blocked: () => ({ type: 'blocked' }),
    drained: () => ({ type: 'drained' }),
    stop: () => ({ type: 'stop' }),
  };
  /** States that an event leads to, other than the one it finds; of the current socket and of one that was given up. */
  const moves: Partial<Record<`${StateName} ${EventName}`, StateName>> = {
    'idle start': 'connecting',
    'idle stop': 'ended',
    'connecting frame': 'waiting',
    'connecting closed': 'waiting',
    'connecting answered': 'waiting',
    'connecting stop': 'ended',
    'open closed': 'waiting',
    'open stop': 'ended',
    'waiting stop': 'ended',
  };
  const names = <K extends string>(record: Record<K, unknown>): K[] =>
    Object.keys(record).filter((key): key is K => key in record);

  it.each(names(states).flatMap((state) => names(events).map((event) => [state, event] as const)))(
    '%s, %s',
    (state, event) => {
      const bench = states[state]();
      expect(bench.follow.state.name).toBe(state);
      bench.tell(events[event](bench.socket));
      expect(bench.follow.state.name).toBe(moves[`${state} ${event}`] ?? state);
      const other = states[state]();
      const about = events[event](99);
      other.tell(about);
      expect(other.follow.state.name).toBe('socket' in about ? state : (moves[`${state} ${event}`] ?? state));
    },
  );
});
