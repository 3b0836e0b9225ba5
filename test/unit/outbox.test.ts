/** What waits for one connection: when it goes, and in which messages. */
import { describe, expect, it, test } from 'vitest';
import * as z from 'zod';
import type { OutFrame } from '../../server/feed/frames.ts';
import { BUNDLE_CHARS, GATHER_MS, Outbox } from '../../server/feed/outbox.ts';
import { seeded, seeds, withSeed } from '../support/random.ts';

const NOON = 1_795_348_800_000;

function delta(number: number, length = 0): OutFrame {
  return { text: JSON.stringify({ type: 'delta', number, rows: 'x'.repeat(length) }), mayGather: true };
}

const pong: OutFrame = { text: '{"type":"pong","time":1}' };
const snapshot: OutFrame = { text: '{"type":"snapshot",', tail: { text: '"series":[]}' } };

/** Texts of the messages that an outbox gives. */
function taken(outbox: Outbox): string[] {
  return outbox.take().map(({ text, tail }) => text + (tail?.text ?? ''));
}

const bundle = z.object({ type: z.literal('bundle'), frames: z.array(z.unknown()) });

/** The frames of a message, each as the text that it is when made anew. */
function framesOf(message: string): string[] {
  if (!message.startsWith('{"type":"bundle"')) return [message];
  return bundle.parse(JSON.parse(message)).frames.map((frame) => JSON.stringify(frame));
}

describe('of a client that asked for bundles', () => {
  it('F16 a delta waits for others for a paint, and goes as it is where none came', () => {
    const outbox = new Outbox(true);
    outbox.add(delta(1), NOON);
    expect(outbox.waitMs(NOON)).toBe(GATHER_MS);
    expect(outbox.waitMs(NOON + GATHER_MS)).toBe(0);
    expect(taken(outbox)).toEqual([delta(1).text]);
    outbox.add(delta(2), NOON + 20);
    outbox.add(delta(3), NOON + 25);
    expect(outbox.waitMs(NOON + 25)).toBe(GATHER_MS - 5);
    expect(outbox.waitMs(NOON + 20 + GATHER_MS)).toBe(0);
    expect(taken(outbox)).toEqual([`{"type":"bundle","frames":[${delta(2).text},${delta(3).text}]}`]);
    expect(outbox.length).toBe(0);
    expect(outbox.chars).toBe(0);
  });

  it('F16 what is no delta goes at once, and takes with it what waits', () => {
    const outbox = new Outbox(true);
    outbox.add(delta(1), NOON);
    outbox.take();
    expect(outbox.add(delta(2), NOON)).toBe(true);
    expect(outbox.add(delta(3), NOON)).toBe(false);
    expect(outbox.add(pong, NOON)).toBe(true);
    expect(outbox.waitMs(NOON + 1)).toBe(0);
    expect(taken(outbox).flatMap(framesOf)).toEqual([delta(2).text, delta(3).text, pong.text]);
    outbox.add(delta(4), NOON);
    expect(outbox.waitMs(NOON + 2)).toBeGreaterThan(0);
  });

  it('F16 what fills a bundle goes at once, in bundles of at most that size', () => {
    const outbox = new Outbox(true);
    outbox.add(delta(0), NOON);
    outbox.take();
    const sent = [1, 2, 3].map((number) => delta(number, BUNDLE_CHARS / 2 - 100));
    expect(sent.map((frame) => outbox.add(frame, NOON))).toEqual([true, false, true]);
    expect(outbox.waitMs(NOON + 1)).toBe(0);
    const messages = taken(outbox);
    expect(messages.map((message) => framesOf(message).length)).toEqual([2, 1]);
    expect(messages.flatMap(framesOf)).toEqual(sent.map(({ text }) => text));
  });

  it('F15 F16 a snapshot and a delta beyond the size are the very objects that others get', () => {
    const outbox = new Outbox(true);
    const large = delta(2, BUNDLE_CHARS);
    for (const frame of [delta(1), snapshot, large, pong]) outbox.add(frame, NOON);
    const [, second, third] = outbox.take();
    expect(second).toBe(snapshot);
    expect(third).toBe(large);
  });

  it('F16 a clock that is set back holds nothing up for longer than a paint', () => {
    const outbox = new Outbox(true);
    outbox.add(delta(1), NOON);
    expect(outbox.waitMs(NOON - 3_600_000)).toBe(GATHER_MS);
  });
});

test('F16 who did not ask gets every frame at once and as it is', () => {
  const outbox = new Outbox(false);
  const frames = [delta(1), delta(2), pong, snapshot];
  outbox.take();
  for (const frame of frames) outbox.add(frame, NOON);
  expect(outbox.waitMs(NOON)).toBe(0);
  expect(outbox.take()).toEqual(frames);
});

test.each(seeds(50, [1]))(
  'F16 keeps every frame whole and in order, and holds none longer than a paint, seed %i',
  (seed) =>
    withSeed(seed, 'test/unit/outbox.test.ts', () => {
      const random = seeded(seed);
      const outbox = new Outbox(true);
      const given: { readonly text: string; readonly at: number }[] = [];
      const got: { readonly text: string; readonly at: number }[] = [];
      let now = NOON;
      const write = (): void => {
        for (const message of taken(outbox)) {
          const frames = framesOf(message);
          if (frames.length > 1) expect(message.length).toBeLessThanOrEqual(BUNDLE_CHARS);
          got.push(...frames.map((text) => ({ text, at: now })));
        }
      };
      for (let number = 0; number < 500; number += 1) {
        const kind = random();
        const frame =
          kind < 0.05 ? pong : kind < 0.1 ? snapshot : delta(number, random() < 0.05 ? random() * 90_000 : 50);
        given.push({ text: frame.text + (frame.tail?.text ?? ''), at: now });
        const isAsked = outbox.add(frame, now);
        const due = now + outbox.waitMs(now);
        // Whoever writes asks only where it is told to.
        if (isAsked && due === now) write();
        else expect(due).toBeGreaterThan(now);
        const next = now + Math.floor(random() * random() * 40);
        if (outbox.length > 0 && due <= next) {
          now = due;
          write();
        }
        now = next;
      }
      now += outbox.waitMs(now);
      write();
      expect(got.map(({ text }) => text)).toEqual(given.map(({ text }) => text));
      for (const [index, { at }] of got.entries()) expect(at - (given[index]?.at ?? 0)).toBeLessThanOrEqual(GATHER_MS);
    }),
);
