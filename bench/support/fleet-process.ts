/** A process full of clients, told what to do by the benchmark (fleet.ts). */
import process from 'node:process';
import { type Command, command, type Reply } from './fleet-messages.ts';
import { Reader } from './fleet-reader.ts';
import { typeOf, WebSocketClient } from './web-socket-client.ts';

const clients: WebSocketClient[] = [];
const readers: Reader[] = [];
let deltas = 0;
let deltaBytes = 0;
/** How many deltas are waited for; null while nobody waits. */
let expected: number | null = null;

const reply = (message: Reply): void => void process.send?.(message);

function counted(bytes: number): void {
  deltas += 1;
  deltaBytes += bytes;
  if (expected !== null && deltas >= expected) {
    expected = null;
    reply({ did: 'deltas', deltas, bytes: deltaBytes });
  }
}

/** Opens clients, spread evenly over a time; resolves when each is in sync or was cut before. */
async function open(order: Extract<Command, { do: 'open' }>): Promise<{ times: number[]; failed: number }> {
  const { count, spreadMs, port, path, deflate, rate, read } = order;
  const times: number[] = [];
  let failed = 0;
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let opened = 0;
    const one = (): void => {
      const began = performance.now();
      let inSync = false;
      const reader = read ? new Reader() : null;
      if (reader !== null) readers.push(reader);
      const client = new WebSocketClient(
        { port, path, texts: read, deflate, ...(rate === null ? {} : { rate }) },
        {
          message(head, bytes, text) {
            const type = typeOf(head);
            if (type === 'delta') counted(bytes);
            if (reader !== null && text !== null) reader.take(text);
            if (inSync || type !== 'synced') return;
            inSync = true;
            times.push(performance.now() - began);
            if (times.length + failed === count) resolve();
          },
          closed(code) {
            reader?.close(code);
            if (inSync) return;
            failed += 1;
            if (times.length + failed === count) resolve();
          },
        },
      );
      clients.push(client);
    };
    const timer = setInterval(() => {
      const due = spreadMs === 0 ? count : Math.min(count, Math.ceil(((performance.now() - start) / spreadMs) * count));
      // A backlog of handshakes is no part of what is measured: without a spread they come a few at a time.
      const most = spreadMs === 0 ? Math.min(due, times.length + failed + 200) : due;
      for (; opened < most; opened += 1) one();
      if (opened === count) clearInterval(timer);
    }, 1);
    // Who reads nothing is never in sync, and is not waited for.
    if (rate === 0 || count === 0) resolve();
  });
  return { times, failed };
}

process.on('message', (message) => {
  const order = command.parse(message);
  switch (order.do) {
    case 'open':
      void open(order).then((done) => reply({ did: 'open', ...done }));
      break;
    case 'deltas':
      if (deltas >= order.total) reply({ did: 'deltas', deltas, bytes: deltaBytes });
      else expected = order.total;
      break;
    case 'hurry':
      for (const client of clients) client.hurry();
      reply({ did: 'hurry' });
      break;
    case 'report':
      reply({ did: 'report', readers: readers.map((reader) => reader.report(order.anew)) });
      break;
    case 'end':
      for (const client of clients) client.cut();
      setTimeout(() => process.exit(0), 50);
      break;
  }
});
process.once('disconnect', () => process.exit(0));
