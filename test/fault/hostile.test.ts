/**
 * A hundred thousand hostile frames against the running product, on bare sockets: it neither dies nor grows, and who
 * subscribes beside it misses nothing. A run is repeated with the seed that its title and its failure carry.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { type Dashboard, startDashboard } from '../support/dashboard.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { CUT, drawEnding, drawQuery } from '../support/hostile-endings.ts';
import { type Attack, drawAttack, int } from '../support/hostile-frames.ts';
import { heapInUse, INSPECTED } from '../support/inspector.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Program, startProgram, stopProgram } from '../support/program.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { clientFrame, RawWebSocket } from '../support/raw-websocket.ts';

const FILE = 'test/fault/hostile.test.ts';
/** Frames in all, of which some end their connection. */
const FRAMES = 100_000;
const FRAMES_A_CONNECTION = 250;
/** Connections that attack at the same time. */
const ATTACKERS = 6;
/** Longest message of an error: it names the offending value and never repeats a frame. */
const LONGEST_MESSAGE = 1000;
/** What caches and compiled code may add to the heap; they were seen to add half a megabyte. */
const HEAP_SLACK = 4 * 1_048_576;
/** Far above what an attacker sends, so that a connection outlives its errors. */
const RAISED = {
  DASHBOARD_MAX_ERRORS_PER_MINUTE: '100000',
  DASHBOARD_MAX_FRAMES_PER_SECOND: '100000',
  DASHBOARD_MAX_REPLAY_BYTES: '262144',
};
const DEFLATE = {
  'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
};

let database: TestDatabase;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
});

afterAll(async () => {
  await database?.drop();
});

/** A subscriber that does nothing wrong, and a writer that waits until each of its rows has arrived there. */
class Neighbour {
  readonly feed: FeedSocket;
  readonly #client: pg.Client;
  readonly #written: number[] = [];
  #writing = true;
  readonly #work: Promise<void>;

  private constructor(feed: FeedSocket, client: pg.Client) {
    this.feed = feed;
    this.#client = client;
    this.#work = this.#write();
    // Whoever stops the neighbour hears of a failure.
    this.#work.catch(() => undefined);
  }

  static async start(feedUrl: string): Promise<Neighbour> {
    const client = await database.connect();
    const feed = await FeedSocket.open(feedUrl);
    await feed.subscribe({ id: 'good', stream: 'anomalies', range: '1h' });
    return new Neighbour(feed, client);
  }

  get cursors(): readonly string[] {
    return this.feed
      .of('delta')
      .slice(-5)
      .map(({ cursor }) => cursor);
  }

  async #write(): Promise<void> {
    for (let i = 0; this.#writing; i += 1) {
      const { rows } = await this.#client.query<{ id: number }>(
        `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), $1, 'x', 1, 1) returning id`,
        [`K${i % 5}`],
      );
      this.#written.push(rows[0]?.id ?? Number.NaN);
      await this.feed.until(() => this.#delivered().has(this.#written.at(-1) ?? Number.NaN));
    }
  }

  /** Deltas only grow, so each look takes those that came since the last. */
  readonly #ids = new Set<number>();
  #read = 0;
  #delivered(): ReadonlySet<number> {
    const { frames } = this.feed;
    for (; this.#read < frames.length; this.#read += 1) {
      const frame = frames[this.#read];
      if (frame?.type === 'delta') for (const { id } of frame.rows) this.#ids.add(id);
    }
    return this.#ids;
  }

  /** Ends the writing, when there was enough of it, and holds what arrived against what was written. */
  async check(): Promise<void> {
    try {
      await this.feed.until(() => this.#written.length >= 20);
    } finally {
      this.#writing = false;
    }
    await this.#work;
    const deltas = this.feed.of('delta');
    const first = Math.min(...this.#written);
    // What an earlier test wrote may come too: a snapshot that is shared stands where it was read, and deltas follow.
    const ids = this.feed.deltaIds().filter((id) => id >= first);
    expect(new Set(ids)).toEqual(new Set(this.#written));
    expect(ids).toHaveLength(this.#written.length);
    const heads = new Map<string, string>();
    for (const { key, prev, cursor } of deltas) {
      expect(prev).toBe(heads.get(key) ?? prev);
      heads.set(key, cursor);
    }
    expect(this.feed.frames.filter(({ type }) => type === 'gap' || type === 'error')).toEqual([]);
    expect(this.feed.closed).toBeNull();
    await this.feed.close();
  }
}

/** Holds what one connection was sent against the contract. */
function checkFrames(client: RawWebSocket): void {
  if (client.breach !== null) throw client.breach;
  const [first] = client.frames;
  if (first !== undefined && first.type !== 'hello') throw new Error(`F1 the first frame is ${first.type}`);
  for (const frame of client.frames) {
    if (frame.type === 'error' && frame.message.length > LONGEST_MESSAGE) {
      throw new Error(`an error of ${frame.message.length} characters: ${frame.message.slice(0, 300)}`);
    }
  }
}

/** Sends a connection's worth of attacks, and sees that each was answered as it must be and that it lives on. */
async function attack(client: RawWebSocket, attacks: readonly Attack[], nonce: string): Promise<void> {
  for (const { bytes } of attacks) client.write(bytes);
  client.say({ type: 'ping', id: nonce });
  const answered = (): boolean => client.frames.some((frame) => frame.type === 'pong' && frame.id === nonce);
  await client.until(() => answered() || client.ended, 30_000);
  const names = [...new Set(attacks.map(({ name }) => name))].join(', ');
  if (!answered())
    throw new Error(`closed with ${JSON.stringify(client.closeFrame)} (${client.fault}) after: ${names}`);
  checkFrames(client);
  const errors = client.frames.filter(({ type }) => type === 'error').length;
  const least = attacks.reduce((sum, { errors: [few] }) => sum + few, 0);
  const most = attacks.reduce((sum, { errors: [, many] }) => sum + many, 0);
  if (errors < least || errors > most) throw new Error(`${errors} errors, not ${least} to ${most}, for: ${names}`);
}

/** Ends a connection as hostile clients do: with a breach that is answered by its close code, or by a cut. */
async function end(client: RawWebSocket, random: () => number): Promise<void> {
  const way = random();
  if (way < 0.15) {
    // Half a frame, or a message that never ends, and gone.
    client.write(
      way < 0.07 ? clientFrame('x'.repeat(500)).subarray(0, 1 + int(random, 400)) : clientFrame('{', { fin: false }),
    );
    client.cut(random() < 0.5);
    await client.until(() => client.ended);
    return;
  }
  const deflate = /permessage-deflate/i.test(client.handshake);
  const { name, bytes, closes } = drawEnding(random, deflate);
  client.write(bytes);
  // What comes behind a breach is not looked at.
  if (random() < 0.3) client.write(clientFrame('{"type":"ping"}'));
  await client.until(() => client.closeFrame !== null || client.ended);
  if (!closes.includes(client.closeFrame?.code ?? CUT)) {
    throw new Error(`${name} was answered by ${JSON.stringify(client.closeFrame)}, not ${closes.join(' or ')}`);
  }
  client.cut();
}

/** Runs `body` for every index below `count`, some at a time, and fails with the first failure. */
async function inParallel(count: number, body: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await body(index);
    }
  };
  await Promise.all(Array.from({ length: ATTACKERS }, worker));
}

const metrics = z.object({
  clients: z.number(),
  feed: z.object({
    clients: z.number(),
    clients_behind: z.number(),
    unacknowledged_bytes: z.number(),
    history_bytes: z.number(),
  }),
});

async function readMetrics(url: string): Promise<z.infer<typeof metrics>> {
  return metrics.parse(await (await fetch(`${url}/api/metrics`)).json());
}

/** Waits until nobody but the neighbour is connected, and nothing is kept for those who are gone. */
async function aloneAt(url: string): Promise<void> {
  const isAlone = async (): Promise<void> => {
    const { clients, feed } = await readMetrics(url);
    expect({ clients, open: feed.clients, behind: feed.clients_behind }).toEqual({ clients: 1, open: 1, behind: 0 });
    expect(feed.history_bytes).toBeLessThan(1_048_576);
    // The neighbour acknowledges every so many bytes.
    expect(feed.unacknowledged_bytes).toBeLessThan(131_072);
  };
  await vi.waitFor(isAlone, { timeout: 15_000, interval: 20 });
}

/** Sockets and files that the program has open; 0 on systems that do not tell. */
async function openFiles(program: Program): Promise<number> {
  const folder = `/proc/${program.pid}/fd`;
  return existsSync(folder) ? (await readdir(folder)).length : 0;
}

/** What the product logged of faults of its own. */
function graveLines(program: Program): string[] {
  return program.stderr.split('\n').filter((line) => /^\{"level":[56]0/.test(line));
}

describe('with limits raised, so that connections outlive what they send', () => {
  let program: Program;
  let url: string;
  let feedUrl: string;

  beforeAll(async () => {
    const env = { DATABASE_URL: database.url, DB_SSLMODE: 'disable', DASHBOARD_PORT: '0', ...RAISED, ...INSPECTED };
    program = startProgram(['serve'], env);
    url = await program.ready();
    feedUrl = `${url.replace('http', 'ws')}/feed`;
  });

  afterAll(async () => {
    await stopProgram(program);
  });

  async function storm(seed: number): Promise<void> {
    const neighbour = await Neighbour.start(feedUrl);
    let sent = 0;
    const round = async (index: number): Promise<void> => {
      const random = seeded(seed + index);
      const client = await RawWebSocket.open(feedUrl, index % 2 === 0 ? DEFLATE : {});
      const attacks = Array.from({ length: FRAMES_A_CONNECTION }, () => drawAttack(random, neighbour.cursors));
      await attack(client, attacks, `nonce-${index}`);
      await end(client, random);
      sent += attacks.length + 1;
    };
    const rounds = Math.ceil(FRAMES / FRAMES_A_CONNECTION);
    const warm = Math.ceil(rounds / 5);
    await inParallel(warm, round);
    await aloneAt(url);
    const before = { files: await openFiles(program), heap: await heapInUse(program) };
    await inParallel(rounds - warm, (index) => round(warm + index));
    await aloneAt(url);
    expect(sent).toBeGreaterThanOrEqual(FRAMES);
    await neighbour.check();
    expect(await heapInUse(program)).toBeLessThan(before.heap + HEAP_SLACK);
    // Connections to the database come and go with the need.
    expect(await openFiles(program)).toBeLessThanOrEqual(before.files + 8);
    expect((await fetch(`${url}/api/health`)).status).toBe(200);
    expect(graveLines(program).map((line) => line.slice(0, 500))).toEqual([]);
  }

  it.each(seeds(1))(
    'F10 F12 takes 100,000 hostile frames, neither dies nor grows, and disturbs nobody, seed %i',
    async (seed) => {
      await withSeed(seed, FILE, async () => {
        try {
          await storm(seed);
        } catch (error) {
          // A product that died left its reason here, and it says more than the sockets that it cut.
          const last = graveLines(program).at(-1);
          throw last === undefined
            ? error
            : new Error(`${error}; the product says: ${last.slice(0, 2000)}`, { cause: error });
        }
      });
    },
    120_000,
  );
});

describe('with the usual limits', () => {
  let dashboard: Dashboard;

  beforeAll(async () => {
    dashboard = await startDashboard(database.url, { DASHBOARD_MAX_CONNECTIONS_PER_ADDRESS: '1000' });
  });

  afterAll(async () => {
    await dashboard?.stop();
  });

  it.each(seeds(1))('F10 F12 closes who errs too often with 4400, whatever was sent, seed %i', async (seed) => {
    await withSeed(seed, FILE, async () => {
      const neighbour = await Neighbour.start(dashboard.feedUrl);
      await inParallel(150, async (index) => {
        const random = seeded(seed + index);
        const client = await RawWebSocket.open(dashboard.feedUrl, index % 2 === 0 ? DEFLATE : {});
        const attacks = Array.from({ length: 60 }, () => drawAttack(random, neighbour.cursors));
        for (const { bytes } of attacks) client.write(bytes);
        await client.until(() => client.closeFrame !== null);
        checkFrames(client);
        const errors = client.frames.filter((frame) => frame.type === 'error' && frame.code !== 'unavailable');
        expect({ code: client.closeFrame?.code, errors: errors.length }).toEqual({ code: 4400, errors: 21 });
        client.cut(random() < 0.5);
      });
      await aloneAt(dashboard.url);
      await neighbour.check();
    });
  });

  it.each(seeds(1))('F10 reads 50 frames a second of a flood and closes it with 4400, seed %i', async (seed) => {
    await withSeed(seed, FILE, async () => {
      const neighbour = await Neighbour.start(dashboard.feedUrl);
      await inParallel(12, async () => {
        const client = await RawWebSocket.open(dashboard.feedUrl);
        client.write(Buffer.concat(Array.from({ length: 2000 }, () => clientFrame('{"type":"ping"}'))));
        await client.until(() => client.closeFrame !== null);
        checkFrames(client);
        expect(client.closeFrame?.code).toBe(4400);
        const limits = client.frames.filter((frame) => frame.type === 'error' && frame.code === 'limit');
        const pongs = client.frames.filter(({ type }) => type === 'pong').length;
        expect(limits).toHaveLength(21);
        // The second may turn over while the flood is read.
        expect(pongs).toBeGreaterThanOrEqual(50);
        expect(pongs).toBeLessThan(1000);
        client.cut();
      });
      await aloneAt(dashboard.url);
      await neighbour.check();
    });
  });

  it.each(seeds(1))(
    'F10 F12 answers any query string and any handshake with hello, a close code or a refusal, seed %i',
    async (seed) => {
      await withSeed(seed, FILE, async () => {
        const neighbour = await Neighbour.start(dashboard.feedUrl);
        await inParallel(400, async (index) => {
          const random = seeded(seed + index);
          const client = new RawWebSocket(`${dashboard.feedUrl}${drawQuery(random)}`);
          await client.until(() => client.frames.length > 0 || client.closeFrame !== null || client.ended);
          checkFrames(client);
          const closed = client.closeFrame?.code ?? null;
          expect([null, 4400, 4426]).toContain(closed);
          expect(client.frames.length > 0 || closed === 4426).toBe(true);
          client.cut(random() < 0.5);
        });
        await inParallel(60, (index) => shakeHands(new URL(dashboard.url), seeded(seed + index)));
        await aloneAt(dashboard.url);
        await neighbour.check();
      });
    },
  );
});

/** A handshake that is none: what matters is that the connection ends and that nothing else does. */
async function shakeHands({ hostname, port }: URL, random: () => number): Promise<void> {
  const upgrade = 'GET /feed HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  const junk = Array.from({ length: 200 }, () => String.fromCharCode(int(random, 256))).join('');
  const greetings = [
    junk,
    `${upgrade}\r\n`,
    `${upgrade}Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    `${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 99\r\n\r\n`,
    `${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: ;;=,"\r\n\r\n`,
    `${upgrade}X: ${'x'.repeat(20_000)}\r\n\r\n`,
    upgrade.replace('GET', 'POST'),
    upgrade.slice(0, int(random, upgrade.length)),
  ];
  const socket = connect(Number(port), hostname);
  let ended = false;
  socket.on('close', () => {
    ended = true;
  });
  // A refusal may reset the connection.
  socket.on('error', () => undefined);
  let answered = false;
  socket.on('data', () => {
    answered = true;
  });
  const whole = pick(random, greetings);
  socket.end(whole, 'latin1');
  await vi.waitUntil(() => ended || answered, { timeout: 10_000, interval: 5 });
  socket.destroy();
}
