/** The failing network of the tests, tested itself: a fault that does not happen would prove everything. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** What one end of a connection has seen so far. */
interface End {
  readonly socket: Socket;
  text: string;
  ended: boolean;
  closed: boolean;
}

function watch(socket: Socket): End {
  const end: End = { socket, text: '', ended: false, closed: false };
  socket.setEncoding('utf8').on('data', (text: string) => {
    end.text += text;
  });
  socket.on('end', () => {
    end.ended = true;
  });
  socket.on('close', () => {
    end.closed = true;
  });
  socket.on('error', () => undefined);
  return end;
}

let server: Server;
let proxy: TcpProxy;
let accepted: End[];
let target: number;

beforeEach(async () => {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(watch(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  target = address.port;
  proxy = await TcpProxy.start({ host: '127.0.0.1', port: target });
});

afterEach(async () => {
  await proxy.stop();
  for (const { socket } of accepted) socket.destroy();
  server.close();
});

function dial(): End {
  return watch(connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true }));
}

/** A connection through the proxy with both its ends, tried in both directions. */
async function pair(): Promise<{ near: End; far: End }> {
  const near = dial();
  const before = accepted.length;
  near.socket.write('hello');
  await expect.poll(() => accepted.slice(before).find(({ text }) => text === 'hello')).toBeDefined();
  const far = accepted.slice(before).find(({ text }) => text === 'hello');
  if (far === undefined) throw new Error('nobody was accepted');
  far.socket.write('welcome');
  await expect.poll(() => near.text).toBe('welcome');
  return { near, far };
}

describe('the proxy', () => {
  it('carries large amounts and an orderly end to the other side, whole', async () => {
    const { near, far } = await pair();
    const bulk = 'x'.repeat(5_000_000);
    far.socket.end(bulk);
    await expect.poll(() => near.ended).toBe(true);
    expect(near.text.length).toBe('welcome'.length + bulk.length);
    near.socket.end('bye');
    await expect.poll(() => far.ended).toBe(true);
    expect(far.text).toBe('hellobye');
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it('cuts both ends, and takes new connections', async () => {
    const { near, far } = await pair();
    proxy.cut();
    await expect.poll(() => near.closed && far.closed).toBe(true);
    expect(proxy.connections).toBe(0);
    await pair();
    expect(proxy.connections).toBe(1);
  });

  it('holds bytes, closes and new connections while it is frozen, and lets them go on after it', async () => {
    const { near, far } = await pair();
    const other = await pair();
    proxy.freeze();
    near.socket.write(' near');
    far.socket.write(' far');
    other.near.socket.end();
    const late = dial();
    late.socket.write('late');
    await expect.poll(() => proxy.connections).toBe(3);
    // Who goes past the proxy has been heard by now.
    const direct = connect({ host: proxy.host, port: target });
    direct.write('direct');
    await expect.poll(() => accepted.some(({ text }) => text === 'direct')).toBe(true);
    direct.destroy();
    expect([near.text, far.text, other.far.ended]).toEqual(['welcome', 'hello', false]);
    expect(accepted.some(({ text }) => text === 'late')).toBe(false);
    proxy.thaw();
    await expect.poll(() => [near.text, far.text, other.far.ended]).toEqual(['welcome far', 'hello near', true]);
    await expect.poll(() => accepted.some(({ text }) => text === 'late')).toBe(true);
  });

  it('swallows bytes and closes in a black hole; what lived through it stays dead, new ones pass', async () => {
    const { near, far } = await pair();
    const other = await pair();
    proxy.blackHole();
    const hanging = dial();
    hanging.socket.write('anybody?');
    near.socket.write(' lost');
    far.socket.write(' lost');
    other.near.socket.destroy();
    await expect.poll(() => proxy.connections).toBe(2);
    expect(other.far.closed || other.far.ended).toBe(false);
    proxy.pass();
    // The one whose other end has gone is told so as soon as the network works again.
    await expect.poll(() => other.far.closed || other.far.ended).toBe(true);
    near.socket.write(' again');
    await pair();
    expect([near.text, near.closed, far.text, far.closed]).toEqual(['welcome', false, 'hello', false]);
    expect([hanging.text, hanging.closed]).toEqual(['', false]);
    proxy.cut();
    await expect.poll(() => near.closed && far.closed && hanging.closed).toBe(true);
  });

  it('cuts the client where the target refuses', async () => {
    server.close();
    await once(server, 'close');
    const refused = dial();
    await expect.poll(() => refused.closed || refused.ended).toBe(true);
    await expect.poll(() => proxy.connections).toBe(0);
  });
});
