/**
 * The least that could carry a row from PostgreSQL to a WebSocket: one LISTEN, each notification's payload sent as it is
 * to every client. No cursor, no reconnection, no catching up: whatever it misses is lost. It is what the dashboard's
 * latency is compared with.
 */
import pg from 'pg';
import { WebSocketServer } from 'ws';

const [url = ''] = process.argv.slice(2);
const client = new pg.Client(url);
await client.connect();
await client.query('listen floor');
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
client.on('notification', ({ payload }) => {
  for (const socket of server.clients) socket.send(payload ?? '');
});
server.on('listening', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`ready ws://127.0.0.1:${address.port}\n`);
});
