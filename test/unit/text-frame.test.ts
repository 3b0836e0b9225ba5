/** Frames of the wire as a WebSocket client reads them: whole, in fragments with pings between, and compressed. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { OutFrame } from '../../server/feed/frames.ts';
import { encodePing, piecesOf, prepareShared } from '../../server/http/text-frame.ts';

let server: Server;
let sockets: WebSocketServer;

beforeEach(async () => {
  server = createServer();
  sockets = new WebSocketServer({
    server,
    perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const client of sockets.clients) client.terminate();
  sockets.close();
  server.close();
  await once(server, 'close');
});

function port(): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}

/** What a client reads of frames that are written as the feed writes them, a ping after every piece. */
async function read(
  frames: readonly OutFrame[],
  perMessageDeflate: boolean,
): Promise<{ texts: string[]; pings: number }> {
  const client = new WebSocket(`ws://127.0.0.1:${port()}`, { perMessageDeflate });
  const texts: string[] = [];
  let pings = 0;
  client.on('message', (data) => texts.push(String(data)));
  client.on('ping', () => {
    pings += 1;
  });
  sockets.once('connection', (socket, request) => {
    const deflated = socket.extensions.includes('permessage-deflate');
    for (const frame of frames) {
      for (const piece of piecesOf(frame, deflated)) {
        for (const bytes of piece) request.socket.write(bytes);
        request.socket.write(encodePing('1'));
      }
    }
    socket.close();
  });
  await once(client, 'close');
  return { texts, pings };
}

const BODY = `"from":1,"text":"${'äöü€𝄞 '.repeat(20_000)}"}`;

describe('a frame on the wire', () => {
  it('F15 is read as it was written, at every length of header, and made once', async () => {
    const frames = [0, 125, 126, 21_000, 65_535, 65_536, 200_000].map((length) => ({ text: 'ä'.repeat(length) }));
    const { texts, pings } = await read(frames, false);
    expect(texts).toEqual(frames.map(({ text }) => text));
    expect(pings).toBeGreaterThan(frames.length);
    const [frame = { text: '' }] = frames;
    expect(piecesOf(frame, false)).toBe(piecesOf(frame, true));
  });

  it.each([false, true])(
    'F2 a snapshot is one text, whatever its end is shared with (compressed: %s)',
    async (deflate) => {
      const tail = { text: BODY };
      await prepareShared(tail);
      const frames = ['{"id":"a",', `{"id":"${'ü'.repeat(64)}",`].map((text) => ({ text, tail }));
      const { texts } = await read(frames, deflate);
      expect(texts).toEqual(frames.map(({ text }) => text + BODY));
    },
  );

  it('sends a compressed snapshot in far fewer bytes', async () => {
    const tail = { text: BODY };
    await prepareShared(tail);
    const size = (deflated: boolean): number =>
      piecesOf({ text: '{', tail }, deflated)
        .flat()
        .reduce((sum, { length }) => sum + length, 0);
    expect(size(true)).toBeLessThan(size(false) / 10);
  });

  it('leaves short bodies and bodies that were not prepared as they are', async () => {
    const short = { text: '"a":1}' };
    await prepareShared(short);
    const { texts } = await read(
      [
        { text: '{', tail: short },
        { text: '{', tail: { text: '"b":2}' } },
      ],
      true,
    );
    expect(texts).toEqual(['{"a":1}', '{"b":2}']);
  });
});
