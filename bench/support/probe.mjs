/**
 * Loaded into a server that is measured (`node --expose-gc --import`), changes nothing in it, and answers over the
 * channel to the benchmark what the process uses: memory after its garbage was collected, and processor time so far.
 */
import process from 'node:process';

process.on('message', (message) => {
  if (message !== 'measure' && message !== 'collect') return;
  if (message === 'collect') {
    globalThis.gc?.();
    globalThis.gc?.();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  process.send?.({ rss, heapUsed, external, cpuMs: (user + system) / 1000 });
});
// The channel alone does not keep the server from ending.
process.channel?.unref();
