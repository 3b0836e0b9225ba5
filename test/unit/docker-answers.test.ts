/** How a test run tells that Docker answers, so that a machine without it runs on the embedded PostgreSQL and says nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { dockerAnswers } from '../support/server.ts';

let folder: string;
let daemon: Server | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alphapulse-docker-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  daemon?.closeAllConnections();
  daemon?.close();
  daemon = undefined;
});

async function listen(answer: RequestListener): Promise<string> {
  const path = join(folder, 'docker.sock');
  const server = createServer(answer);
  daemon = server;
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return `unix://${path}`;
}

it('takes a daemon that answers a ping', async () => {
  const asked: (string | undefined)[] = [];
  const host = await listen((request, response) => {
    asked.push(request.url);
    response.end('OK');
  });
  expect(await dockerAnswers(host)).toBe(true);
  expect(asked).toEqual(['/_ping']);
});

it('takes no socket, no socket of its own, an error and silence for no Docker, and throws at none of them', async () => {
  expect(await dockerAnswers(`unix://${join(folder, 'none.sock')}`)).toBe(false);
  expect(await dockerAnswers('tcp://127.0.0.1:2375')).toBe(false);
  const host = await listen((_, response) => {
    response.statusCode = 500;
    response.end();
  });
  expect(await dockerAnswers(host)).toBe(false);
});

it('waits for a mute daemon no longer than a second or so', async () => {
  expect(await dockerAnswers(await listen(() => undefined))).toBe(false);
});
