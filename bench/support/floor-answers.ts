/**
 * The least that could answer a question for history out of memory, and still know that nothing was committed before it: one
 * prepared query of the database's snapshot, then a text of as many bytes as the question says. It keeps no history.
 *
 * Argument: the URL of the database.
 */
import pg from 'pg';
import { WebSocketServer } from 'ws';
import { z } from 'zod';

const question = z.object({ type: z.enum(['subscribe', 'unsubscribe']), id: z.string(), bytes: z.number().default(0) });

const [url = ''] = process.argv.slice(2);
const client = new pg.Client(url);
await client.connect();
const texts = new Map<number, string>();
function textOf(bytes: number): string {
  const text = texts.get(bytes) ?? 'x'.repeat(bytes);
  texts.set(bytes, text);
  return text;
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.send('{"type":"hello"}');
  socket.on('message', (data) => {
    const { type, id, bytes } = question.parse(JSON.parse(String(data)));
    if (type === 'unsubscribe') {
      socket.send(`{"type":"unsubscribed","id":"${id}"}`);
      return;
    }
    void client
      .query({ name: 'snapshot', text: 'select pg_current_snapshot()::text' })
      .then(() => socket.send(`{"type":"snapshot","id":"${id}","text":"${textOf(bytes)}"}`));
  });
});
server.on('listening', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`ready ${address.port}\n`);
});
