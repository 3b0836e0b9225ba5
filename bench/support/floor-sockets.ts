/**
 * The least that could bring the same bytes to many clients: raw sockets, a handshake, and frames made once. It knows no
 * streams, positions or limits. On connecting each client is sent what the arguments say; a message from the benchmark has
 * a frame written to each, one at a time.
 *
 * Arguments: bytes of a delta frame, bytes of a snapshot (0: none).
 */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { encodeTextFrame } from '../../server/http/text-frame.ts';

const [deltaBytes = 300, snapshotBytes = 0] = process.argv.slice(2).map(Number);
const command = z.object({ frames: z.number() });

const padded = (type: string, bytes: number): Buffer => {
  const bare = JSON.stringify({ type, pad: '' });
  return encodeTextFrame(JSON.stringify({ type, pad: 'x'.repeat(Math.max(0, bytes - bare.length)) }));
};
const delta = padded('delta', deltaBytes);
const synced = padded('synced', 100);
const welcome = snapshotBytes > 0 ? Buffer.concat([padded('snapshot', snapshotBytes), synced]) : synced;

const sockets = new Set<Socket>();
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.once('data', (request) => {
    const key = /^sec-websocket-key: (\S+)/im.exec(request.toString('latin1'))?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.cork();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(welcome);
    socket.uncork();
    sockets.add(socket);
    socket.resume();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`ready ${address.port}\n`);
});
process.on('message', (message) => {
  const parsed = command.safeParse(message);
  if (!parsed.success) return;
  for (let i = 0; i < parsed.data.frames; i += 1) for (const socket of sockets) socket.write(delta);
});
