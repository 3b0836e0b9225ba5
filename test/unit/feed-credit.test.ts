/** What a client has taken, from the pings that it was sent and the pongs that came back. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Credit } from '../../server/feed/credit.ts';

let credit: Credit;

beforeEach(() => {
  credit = new Credit();
});

describe('credit', () => {
  it('F7 asks for an acknowledgement every 64 kB, and has no room above 256 kB', () => {
    credit.send(65_535);
    expect(credit.isPingDue).toBe(false);
    credit.send(1);
    expect(credit.isPingDue).toBe(true);
    credit.ping(0);
    expect(credit.isPingDue).toBe(false);
    credit.send(196_607);
    expect(credit.hasRoom({ now: () => 0 }, 0)).toBe(true);
    credit.send(1);
    expect(credit.hasRoom({ now: () => 0 }, 0)).toBe(false);
    expect(credit.unacknowledged).toBe(262_144);
  });

  it('F7 counts what is queued beside what is under way', () => {
    credit.send(200_000);
    expect(credit.hasRoom({ now: () => 0 }, 60_000)).toBe(true);
    expect(credit.hasRoom({ now: () => 0 }, 70_000)).toBe(false);
  });

  it('F7 gives a client whose answers take long no more than 64 kB under way', () => {
    credit.send(70_000);
    credit.ping(1000);
    expect(credit.hasRoom({ now: () => 1400 }, 0)).toBe(true);
    expect(credit.hasRoom({ now: () => 1600 }, 0)).toBe(false);
    expect(credit.pong('70000', 1700)).toBe(true);
    expect(credit.hasRoom({ now: () => 1700 }, 0)).toBe(true);
  });

  it('takes one pong for all pings before it, and none that answers no ping', () => {
    credit.send(100);
    credit.ping(0);
    credit.send(100);
    credit.ping(10);
    for (const payload of ['', 'x', '150', '300', '1e2', '0100.', '9'.repeat(16)]) {
      expect(credit.pong(payload, 20), payload).toBe(false);
    }
    expect(credit.unacknowledged).toBe(200);
    expect(credit.lagMs(20)).toBe(20);
    expect(credit.pong('200', 20)).toBe(true);
    expect(credit.unacknowledged).toBe(0);
    expect(credit.lagMs(1000)).toBe(0);
    expect(credit.pong('200', 30)).toBe(false);
  });

  it('tells how long the oldest answer is owed, and since when there was none at all', () => {
    credit.send(10);
    credit.ping(0);
    credit.send(10);
    credit.ping(1000);
    credit.pong('10', 5000);
    expect(credit.lagMs(6000)).toBe(5000);
    expect(credit.silentMs(6000)).toBe(1000);
    credit.pong('20', 6500);
    expect(credit.silentMs(60_000)).toBe(0);
  });

  it('F2 does not take the time that history needs for slowness', () => {
    credit.send(1_000_000);
    credit.excuse();
    credit.ping(0);
    expect(credit.isExcused).toBe(true);
    credit.pong('1000000', 9000);
    expect(credit.isExcused).toBe(false);
  });
});
