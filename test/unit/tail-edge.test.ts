/** What surrounds tail's machine: the address that it finds, the output that it prints to, and the places that it keeps. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../server/command-line.ts';
import { feedTarget } from '../../server/connect/target.ts';
import { CursorFile } from '../../server/tail/cursor-file.ts';
import { Ledger } from '../../server/tail/ledger.ts';
import { Output } from '../../server/tail/output.ts';
import type { StreamName } from '../../shared/streams.ts';

describe('the address', () => {
  const find = (url: string | null, env: Readonly<Record<string, string>> = {}, token: string | null = null) =>
    feedTarget({ url, token }, env);

  it.each<[string | null, Readonly<Record<string, string>>, string]>([
    [null, {}, 'ws://127.0.0.1:8050/feed'],
    [null, { DASHBOARD_HOST: 'desk', DASHBOARD_PORT: '9000' }, 'ws://desk:9000/feed'],
    [null, { DASHBOARD_HOST: '', DASHBOARD_PORT: '' }, 'ws://127.0.0.1:8050/feed'],
    // What a server listens at is not always what it is reached by.
    [null, { DASHBOARD_HOST: '0.0.0.0' }, 'ws://127.0.0.1:8050/feed'],
    [null, { DASHBOARD_HOST: '::' }, 'ws://[::1]:8050/feed'],
    ['http://desk:1', { DASHBOARD_PORT: 'nonsense' }, 'ws://desk:1/feed'],
    ['https://desk.example.com/pulse/', {}, 'wss://desk.example.com/pulse/feed'],
    ['wss://desk.example.com/feed?streams=anomalies', {}, 'wss://desk.example.com/feed'],
    ['ws://[::1]:80', {}, 'ws://[::1]/feed'],
  ])('%s with %o is %s', (url, env, shown) => {
    const base = shown.replace('ws', 'http').replace(/feed$/, '');
    expect(find(url, env)).toEqual({ url: `${shown}?protocol=1`, shown, base, token: null });
  });

  it('takes a token from the flag, else from the link, else from the environment', () => {
    const env = { ALPHAPULSE_TOKEN: 'c' };
    expect(find('http://desk/?token=b', env, 'a').token).toBe('a');
    expect(find('http://desk/?token=b', env)).toMatchObject({ token: 'b', url: 'ws://desk/feed?protocol=1' });
    expect(find('http://desk', env).token).toBe('c');
    expect(find('http://desk', { ALPHAPULSE_TOKEN: '' }).token).toBeNull();
  });

  it.each([
    ['desk:8050', /--url "desk:8050": accepted is/],
    ['nothing', /--url "nothing"/],
    ['ftp://desk', /--url "ftp:\/\/desk"/],
    ['http://me:hunter2@desk', /a user and a password have no effect/],
  ])('refuses %s', (url, message) => {
    expect(() => find(url)).toThrow(UsageError);
    expect(() => find(url)).toThrow(message);
    expect(() => find(url)).not.toThrow(/hunter2/);
  });

  it('names the variable that is wrong, and shows no token', () => {
    expect(() => find(null, { DASHBOARD_PORT: 'x' })).toThrow(/DASHBOARD_PORT="x"/);
    expect(() => find('http://desk', {}, 'two words')).toThrow(/token/);
    expect(() => find('http://desk', {}, 'two words')).not.toThrow(/two words/);
  });
});

describe('the output', () => {
  /** A stream that takes a text when it is told to. */
  function slow() {
    const waiting: ((error?: Error) => void)[] = [];
    const events: string[] = [];
    const stream = new Writable({ highWaterMark: 4, write: (_chunk, _encoding, done) => void waiting.push(done) });
    const output = new Output(stream, {
      blocked: () => events.push('blocked'),
      drained: () => events.push('drained'),
      failed: (_error, gone) => events.push(gone ? 'gone' : 'failed'),
    });
    const take = async (error?: Error): Promise<void> => {
      waiting.shift()?.(error);
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { output, events, take };
  }

  it('counts a text as printed when it has left, and one without content when all before it have', async () => {
    const { output, events, take } = slow();
    const done: string[] = [];
    output.print('', () => done.push('at once'));
    output.print('aaaa', () => done.push('a'));
    output.print('b', () => done.push('b'));
    output.print('', () => done.push('after b'));
    let idle = false;
    void output.idle().then(() => {
      idle = true;
    });
    expect([done, events]).toEqual([['at once'], ['blocked', 'blocked']]);
    await take();
    expect([done, idle]).toEqual([['at once', 'a'], false]);
    await take();
    expect([done, idle, events.at(-1)]).toEqual([['at once', 'a', 'b', 'after b'], true, 'drained']);
  });

  it('says once that its reader is gone, counts nothing after that, and waits for nothing', async () => {
    const { output, events, take } = slow();
    const done: string[] = [];
    output.print('a', () => done.push('a'));
    output.print('b', () => done.push('b'));
    await take(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    output.print('c', () => done.push('c'));
    await output.idle();
    expect([done, events]).toEqual([[], ['gone']]);
  });
});

describe('places', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alphapulse-places-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('are kept with the rows behind their cursor, until the next cursor', () => {
    const ledger = new Ledger(
      new Map<StreamName, { cursor: string; printed: string[] }>([['anomalies', { cursor: 'c1', printed: ['1@1'] }]]),
    );
    // Rows of a stream that has no cursor yet cannot be gone on from.
    ledger.note('funding_rates', { kind: 'printed', rows: ['9@9'] });
    ledger.note('anomalies', { kind: 'printed', rows: ['2@2'] });
    expect([...ledger.places]).toEqual([['anomalies', { cursor: 'c1', printed: ['1@1', '2@2'] }]]);
    expect(ledger.repeated).toBe(2);
    ledger.note('anomalies', { kind: 'reached', cursor: "it's" });
    expect(ledger.repeated).toBe(0);
    expect(ledger.sinceFlags(['anomalies'])).toBe(`--since 'it'\\''s'`);
    expect(ledger.sinceFlags(['anomalies', 'funding_rates'])).toBe(`--since 'anomalies=it'\\''s'`);
    expect(ledger.sinceFlags(['funding_rates'])).toBeNull();
  });

  it('are read back as they were written, those of other streams among them; nothing else is left behind', async () => {
    const path = join(folder, 'place.json');
    const failures: unknown[] = [];
    const open = () => CursorFile.open(path, (error) => failures.push(error));
    const first = await open();
    expect([...first.places]).toEqual([]);
    for (let count = 0; count < 20; count += 1)
      first.save(new Map([['anomalies', { cursor: `c${count}`, printed: [`${count}@1`] }]]));
    await first.settled();
    const second = await open();
    expect([...second.places]).toEqual([['anomalies', { cursor: 'c19', printed: ['19@1'] }]]);
    second.save(new Map([['funding_rates', { cursor: 'd', printed: [] }]]));
    await second.settled();
    expect(new Map((await open()).places).size).toBe(2);
    expect(await readdir(folder)).toEqual(['place.json']);
    expect(failures).toEqual([]);
  });

  it('a file that cannot be written or is another one is told, with the mend', async () => {
    const failures: { code: string; mend: string | undefined }[] = [];
    const nowhere = await CursorFile.open(join(folder, 'no', 'place.json'), (error) => failures.push(error));
    nowhere.save(new Map());
    await nowhere.settled();
    expect(failures).toEqual([
      expect.objectContaining({ code: 'cursor_file', mend: expect.stringContaining('Name another') }),
    ]);
    for (const text of [
      '',
      '[]',
      '{"version":2,"streams":{}}',
      '{"version":1,"streams":{"anomalies":{"cursor":""}}}',
    ]) {
      const path = join(folder, 'other.json');
      await writeFile(path, text);
      await expect(CursorFile.open(path, () => undefined)).rejects.toMatchObject({ code: 'cursor_file' });
      expect(await readFile(path, 'utf8')).toBe(text);
    }
  });
});
