/** The built page and its files, the headers on all answers, and the host names that a server on this machine answers to. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BUILD, readBuildId } from '../../server/http/pages.ts';
import { isLoopbackName } from '../../server/http/pages-headers.ts';
import { packageRoot } from '../../server/root.ts';
import { runProgram } from '../support/program.ts';
import { type RestApp, restApp } from '../support/rest.ts';

// Nothing here reads the database.
const NOWHERE = { host: '127.0.0.1', port: 1 };
const PAGE = '<!doctype html><head><title>page</title><script type="module" src="/assets/index-abc123.js"></script>';

let folder: string;
let rest: RestApp;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-pages-'));
  await mkdir(join(folder, 'client', 'assets'), { recursive: true });
  await writeFile(join(folder, 'client', 'index.html'), PAGE);
  await writeFile(join(folder, 'client', 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(join(folder, 'client', '.hidden'), 'hidden');
  await writeFile(join(folder, 'client', 'assets', 'index-abc123.js'), 'export {};');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  rest = await restApp(NOWHERE, { clientDir: join(folder, 'client') });
});
afterAll(async () => {
  await rest.close();
  await rm(folder, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = {}) => rest.app.inject({ method: 'GET', url, headers });

describe('the page', () => {
  it.each(['/', '/wall', '/?symbol=BTC/USDT&range=1h'])('is at %s, and asked for anew each time', async (url) => {
    const reply = await get(url);
    // The page is told its build, to hold it against the one that the feed's hello names.
    const build = readBuildId(join(folder, 'client'));
    const told = PAGE.replace('<head>', `<head>\n    <meta name="build" content="${build}" />`);
    expect([reply.statusCode, reply.body]).toEqual([200, told]);
    expect(reply.headers['content-type']).toMatch(/^text\/html/);
    expect(reply.headers['cache-control']).toBe('no-cache');
    const again = await get(url, { 'if-none-match': String(reply.headers.etag) });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });

  it('loads files that are kept for ever where their name has a hash', async () => {
    const script = await get('/assets/index-abc123.js');
    expect([script.statusCode, script.body]).toEqual([200, 'export {};']);
    expect(script.headers['content-type']).toMatch(/javascript/);
    expect(script.headers['cache-control']).toBe('private, max-age=31536000, immutable');
    expect((await get('/icon.svg')).headers['cache-control']).toBe('no-cache');
  });

  it('sends the files of the built page compressed to whom takes that, and as they are to others', async () => {
    // Any command builds what is stale.
    expect(await runProgram(['--version'])).toMatchObject({ code: 0 });
    const clientDir = join(packageRoot(), 'dist', 'client');
    const built = await restApp(NOWHERE, { clientDir });
    const ask = (url: string, encoding: string) =>
      built.app.inject({ method: 'GET', url, headers: { 'accept-encoding': encoding } });
    const page = await ask('/', 'gzip');
    const files = [...page.body.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)].map(
      ([, path]) => path ?? '',
    );
    expect(files).toHaveLength(2);
    for (const file of files) {
      const plain = await ask(file, 'identity');
      expect(plain.headers['content-encoding']).toBeUndefined();
      expect(plain.rawPayload).toEqual(await readFile(join(clientDir, file)));
      // Browsers offer Brotli over https and on the machine itself, elsewhere gzip.
      for (const [offered, taken, unpack] of [
        ['gzip, deflate', 'gzip', gunzipSync],
        ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ] as const) {
        const reply = await ask(file, offered);
        expect(reply.headers).toMatchObject({
          'content-encoding': taken,
          'content-type': plain.headers['content-type'],
          'cache-control': plain.headers['cache-control'],
          vary: expect.stringMatching(/accept-encoding/i),
        });
        expect(unpack(reply.rawPayload)).toEqual(plain.rawPayload);
        expect(reply.rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
      }
    }
    await built.close();
  });

  it.each(['/assets/none.js', '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/.hidden', '/assets/'])(
    'has nothing at %s',
    async (url) => {
      const reply = await get(url);
      expect(reply.statusCode).toBeGreaterThanOrEqual(400);
      expect(reply.statusCode).toBeLessThan(500);
      expect(reply.headers['content-type']).toMatch(/problem\+json/);
      expect(reply.body).not.toContain('hidden"');
    },
  );

  it('has an id that changes with its content', async () => {
    const before = readBuildId(join(folder, 'client'));
    expect(before).toMatch(/^[0-9a-f]{16}$/);
    await writeFile(join(folder, 'client', 'index.html'), `${PAGE}\n`);
    expect(readBuildId(join(folder, 'client'))).not.toBe(before);
    await writeFile(join(folder, 'client', 'index.html'), PAGE);
    expect(readBuildId(join(folder, 'client'))).toBe(before);
  });

  it('says how to build it where it is not built', async () => {
    const clientDir = join(folder, 'nothing');
    expect(readBuildId(clientDir)).toBe(NO_BUILD);
    const unbuilt = await restApp(NOWHERE, { clientDir });
    for (const url of ['/', '/wall']) {
      const reply = await unbuilt.app.inject({ method: 'GET', url });
      expect([reply.statusCode, reply.headers['content-type']]).toEqual([503, 'text/plain; charset=utf-8']);
      expect(reply.body).toContain('npm run build');
    }
    await unbuilt.close();
  });
});

describe('headers', () => {
  it.each(['/', '/assets/index-abc123.js', '/api/streams', '/api/nothing', '/api/health'])(
    'keep %s to itself',
    async (url) => {
      const { headers } = await get(url);
      const policy = String(headers['content-security-policy']);
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|\*/);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    },
  );
});

describe('host names', () => {
  it.each([
    'localhost',
    'localhost:8050',
    'LOCALHOST.',
    'dash.localhost:1',
    '127.0.0.1:8050',
    '127.8.9.1',
    '[::1]',
    '[::1]:8050',
  ])('%s is this machine', async (host) => {
    expect(isLoopbackName(host)).toBe(true);
    expect((await get('/api/streams', { host })).statusCode).toBe(200);
  });

  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.evil.example:8050',
    '0.0.0.0',
    '192.168.1.5',
    '[::2]',
    'notlocalhost',
  ])('%s is not, and gets nothing', async (host) => {
    for (const url of ['/', '/api/streams', '/feed']) {
      const reply = await get(url, { host });
      expect([reply.statusCode, reply.headers['content-type']]).toEqual([421, expect.stringMatching(/problem\+json/)]);
      expect(reply.json().detail).toContain(JSON.stringify(host));
    }
  });

  it('that are allowed are answered as well', async () => {
    expect((await get('/api/streams', { host: 'dashboard.example' })).statusCode).toBe(200);
  });
});
