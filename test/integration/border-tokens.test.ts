/** Tokens of the built server that are given, hashed, replaced and taken back while it runs. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Built, startBuilt } from '../support/built.ts';
import { FeedSocket } from '../support/feed-socket.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';

const FIXED = 'a-fixed-secret-of-the-variable';
const DESK = 'desk-secret-of-some-length';
const BOT = 'bot-secret-of-some-length';
const HALL = 'hall-secret-of-some-length';

let database: TestDatabase;
let folder: string;
let server: Built;
const at = (name: string): string => join(folder, name);

/** Puts a file in the place of another in one step, as an editor or an orchestrator does. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(at(`${name}.new`), text);
  await rename(at(`${name}.new`), at(name));
}

beforeAll(async () => {
  [database, folder] = await Promise.all([
    freshDatabase({ migrated: true }),
    mkdtemp(join(tmpdir(), 'alphapulse-tokens-')),
  ]);
  await Promise.all([put('view', `desk:${DESK}\n`), put('write', `bot:${BOT}\n`), put('display', `hall:${HALL}\n`)]);
  server = await startBuilt(database.url, {
    DASHBOARD_VIEW_TOKENS: `fixed:${FIXED}`,
    DASHBOARD_VIEW_TOKENS_FILE: at('view'),
    DASHBOARD_WRITE_TOKENS_FILE: at('write'),
    DASHBOARD_DISPLAY_TOKENS_FILE: at('display'),
    // The tests ask with tokens that do not count yet or any more.
    DASHBOARD_MAX_FAILED_SIGN_INS: '0',
  });
});

afterAll(async () => {
  await server?.stop();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

const status = async (headers: Record<string, string>): Promise<number> =>
  (await fetch(`${server.url}/api/streams`, { headers })).status;
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const untilStatus = (headers: Record<string, string>, wanted: number) =>
  expect.poll(() => status(headers), { timeout: 20_000 }).toBe(wanted);

/** The cookie that a link sets. */
async function cookieOf(secret: string): Promise<{ cookie: string }> {
  const reply = await fetch(`${server.url}/?token=${secret}`, { redirect: 'manual' });
  return { cookie: (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
}

describe('a token in a file', () => {
  it('is taken back without a restart: its requests, cookies and feeds end, those of others go on', async () => {
    const cookies = await Promise.all([DESK, HALL, FIXED].map(cookieOf));
    const [desk = { cookie: '' }, hall = { cookie: '' }, fixed = { cookie: '' }] = cookies;
    const byToken = await FeedSocket.open(`${server.feedUrl}?token=${DESK}`);
    const byCookie = await FeedSocket.open(server.feedUrl, { headers: desk });
    const others = [
      await FeedSocket.open(server.feedUrl, { headers: hall }),
      await FeedSocket.open(server.feedUrl, { headers: bearer(FIXED) }),
    ];
    expect(await status(desk)).toBe(200);

    await put('view', '# nobody\n');
    for (const feed of [byToken, byCookie]) {
      await feed.until(() => feed.closed !== null);
      expect(feed.closed).toEqual({ code: 4401, reason: 'the token was taken back' });
    }
    expect([await status(bearer(DESK)), await status(desk)]).toEqual([401, 401]);
    const back = new FeedSocket(server.feedUrl, { headers: desk });
    await back.until(() => back.closed !== null);
    expect(back.closed?.code).toBe(4401);
    expect([await status(hall), await status(fixed), await status(bearer(BOT))]).toEqual([200, 200, 200]);
    for (const feed of others) {
      feed.say({ type: 'ping' });
      await feed.until(() => feed.of('pong').length === 1);
      await feed.close();
    }
  });

  it('counts from when it is there, also as a hash that the program made, and its old cookie with it', async () => {
    await put('view', `desk:${DESK}\n`);
    await untilStatus(bearer(DESK), 200);
    const cookie = await cookieOf(DESK);

    const made = await runProgram(['token', 'desk2']);
    const secret = /^secret: (\S+)$/m.exec(made.stdout)?.[1] ?? '';
    const line = /^line: +(\S+)$/m.exec(made.stdout)?.[1] ?? '';
    expect([made.code, line.startsWith('desk2:sha256:'), secret.length]).toEqual([0, true, 32]);
    await put('view', `desk:${DESK}\n${line}\n`);
    await untilStatus(bearer(secret), 200);
    expect([await status(cookie), await status(await cookieOf(secret))]).toEqual([200, 200]);
  });

  it('with another secret under the same name is another token', async () => {
    await put('view', `desk:${DESK}\n`);
    await untilStatus(bearer(DESK), 200);
    const cookie = await cookieOf(DESK);
    await put('view', `desk:${DESK}-2\n`);
    await untilStatus(bearer(`${DESK}-2`), 200);
    expect([await status(bearer(DESK)), await status(cookie)]).toEqual([401, 401]);
  });

  it.each([
    ['has a line that is no token', () => put('write', `bot:${BOT}\n${BOT}\n`), /line 2 is no token/],
    ['is gone', () => rm(at('write')), /cannot be read \(ENOENT\)/],
  ])('stays valid when the file %s, and the log says so without showing it', async (_what, spoil, said) => {
    await put('write', `bot:${BOT}\n`);
    await untilStatus(bearer(BOT), 200);
    const before = server.program.stderr.length;
    await spoil();
    await expect.poll(() => server.program.stderr.slice(before), { timeout: 20_000 }).toMatch(said);
    expect(server.program.stderr.slice(before)).toContain('the tokens stay as they were');
    expect(await status(bearer(BOT))).toBe(200);
    await put('write', 'other:another-secret-of-some-length\n');
    await untilStatus(bearer(BOT), 401);
  });

  it('leaves no secret in the log', () => {
    for (const secret of [FIXED, DESK, BOT, HALL]) expect(server.program.stderr).not.toContain(secret);
    expect(server.program.stderr).toContain('the tokens were read again');
  });
});

describe('several servers', () => {
  it('take the cookie of one another, whichever has the secret and whichever the hash', async () => {
    const made = await runProgram(['token', 'desk']);
    const secret = /^secret: (\S+)$/m.exec(made.stdout)?.[1] ?? '';
    const line = /^line: +(\S+)$/m.exec(made.stdout)?.[1] ?? '';
    const [plain, hashed] = await Promise.all([
      startBuilt(database.url, { DASHBOARD_VIEW_TOKENS: `desk:${secret}` }),
      startBuilt(database.url, { DASHBOARD_VIEW_TOKENS: line }),
    ]);
    try {
      for (const [from, to] of [
        [plain, hashed],
        [hashed, plain],
      ] as const) {
        const set = await fetch(`${from.url}/?token=${secret}`, { redirect: 'manual' });
        const cookie = (set.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
        expect((await fetch(`${to.url}/api/streams`, { headers: { cookie } })).status).toBe(200);
      }
    } finally {
      await Promise.all([plain.stop(), hashed.stop()]);
    }
  });
});
