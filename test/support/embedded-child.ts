/** A process that runs the embedded database in the folder it is given, for tests that kill it or signal its group. */
import { pino } from 'pino';
import { startEmbedded } from '../../server/db/embedded.ts';
import { CodedError } from '../../server/errors.ts';

const say = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

try {
  const database = await startEmbedded({ dataDir: process.argv[2] ?? '', log: pino({ level: 'silent' }) });
  process.on('SIGINT', () => say({ event: 'interrupted' }));
  process.on('SIGTERM', () => {
    void database.stop().then(() => say({ event: 'stopped' }));
  });
  say({ event: 'ready', url: database.url });
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  say({ event: 'failed', code: error.code, message: error.message, mend: error.mend });
}
