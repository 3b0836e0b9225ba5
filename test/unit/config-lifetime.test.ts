/** The life of a serving process: one stop, whatever arrives and however often. */
import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Host, type Running, runUntilSignal } from '../../server/lifetime.ts';

/** A process that only notes how it was ended. */
class FakeHost extends EventEmitter implements Host {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

const log = pino({ level: 'silent' });

function running(stop: () => Promise<void>): Running {
  return { address: 'http://127.0.0.1:1', stop };
}

describe('the end of a process', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('%s stops once and exits with 0', async (signal) => {
    const host = new FakeHost();
    const stop = vi.fn(async () => {});
    const ready = vi.fn();
    await runUntilSignal(async () => running(stop), ready, log, host);
    expect(ready).toHaveBeenCalledExactlyOnceWith('http://127.0.0.1:1');
    expect(host.exits).toEqual([]);
    host.emit(signal);
    // The echo of the same signal, as npm passes it on.
    host.emit(signal);
    await vi.waitFor(() => expect(host.exits).toEqual([0]));
    expect(stop).toHaveBeenCalledOnce();
  });

  it('is at once with 1 at a second signal', async () => {
    const host = new FakeHost();
    await runUntilSignal(
      async () => running(() => new Promise(() => {})),
      () => {},
      log,
      host,
    );
    host.emit('SIGINT');
    vi.advanceTimersByTime(600);
    expect(host.exits).toEqual([]);
    host.emit('SIGINT');
    expect(host.exits).toEqual([1]);
  });

  it('is with 1 when the stop takes too long, and when it fails', async () => {
    const slow = new FakeHost();
    await runUntilSignal(
      async () => running(() => new Promise(() => {})),
      () => {},
      log,
      slow,
    );
    slow.emit('SIGTERM');
    vi.advanceTimersByTime(4999);
    expect(slow.exits).toEqual([1]);
    const failing = new FakeHost();
    await runUntilSignal(
      async () => running(() => Promise.reject(new Error('stuck'))),
      () => {},
      log,
      failing,
    );
    failing.emit('SIGTERM');
    await vi.waitFor(() => expect(failing.exits).toEqual([1]));
  });

  it.each(['uncaughtException', 'unhandledRejection'])('%s stops and exits with 1', async (event) => {
    const host = new FakeHost();
    const stop = vi.fn(async () => {});
    await runUntilSignal(
      async () => running(stop),
      () => {},
      log,
      host,
    );
    host.emit(event, new Error('x'));
    await vi.waitFor(() => expect(host.exits).toEqual([1]));
    expect(stop).toHaveBeenCalledOnce();
  });

  it('comes during the start: the start is told, what came up is stopped, nothing is called ready', async () => {
    const host = new FakeHost();
    const stop = vi.fn(async () => {});
    const ready = vi.fn();
    const life = runUntilSignal(
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(running(stop)))),
      ready,
      log,
      host,
    );
    host.emit('SIGTERM');
    await life;
    expect(host.exits).toEqual([0]);
    expect(stop).toHaveBeenCalledOnce();
    expect(ready).not.toHaveBeenCalled();
  });

  it('comes during a start that gives up by itself: exits with 0', async () => {
    const host = new FakeHost();
    const life = runUntilSignal(
      (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      () => {},
      log,
      host,
    );
    host.emit('SIGINT');
    await life;
    expect(host.exits).toEqual([0]);
  });

  it('is the thrown error of a start that fails', async () => {
    const host = new FakeHost();
    const failed = runUntilSignal(
      () => Promise.reject(new Error('no')),
      () => {},
      log,
      host,
    );
    await expect(failed).rejects.toThrow('no');
    expect(host.exits).toEqual([]);
  });
});
