/** `allow` and `prefer`: a server is asked whether it offers TLS, as the protocol says, and the answer is obeyed. */
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DatabaseConnection } from '../../server/config/database.ts';
import { settleTls } from '../../server/db/tls.ts';

let server: Server | undefined;
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())));

/** A server that answers an SSLRequest, and nothing else, with the given bytes. Undefined: never. */
async function answering(bytes: string | undefined): Promise<DatabaseConnection> {
  const listening = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request) => {
      if (bytes !== undefined && request.toString('hex') === '0000000804d2162f') socket.write(bytes);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    host: '127.0.0.1',
    port,
    user: 'me',
    database: 'pulse',
    ssl: { rejectUnauthorized: false },
    tlsIfOffered: true,
  };
}

describe('TLS where it is offered', () => {
  it('is used when the server says S, and not when it says N', async () => {
    expect(await settleTls(await answering('S'))).toMatchObject({ user: 'me', ssl: { rejectUnauthorized: false } });
    server?.close();
    expect(await settleTls(await answering('N'))).toMatchObject({ user: 'me', ssl: false });
  });

  it('hands on nothing that node-postgres does not know', async () => {
    expect(await settleTls(await answering('N'))).not.toHaveProperty('tlsIfOffered');
  });

  it('is not asked about where the mode has settled it', async () => {
    const nobody: DatabaseConnection = {
      host: '127.0.0.1',
      port: 1,
      user: 'me',
      database: 'x',
      ssl: false,
      tlsIfOffered: false,
    };
    expect(await settleTls(nobody)).toMatchObject({ ssl: false });
    await expect(settleTls({ ...nobody, tlsIfOffered: true })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it.each([
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['silence', undefined],
  ])('fails on %s, and says how to mend it', async (_case, bytes) => {
    const connection = await answering(bytes);
    await expect(settleTls(connection, 200)).rejects.toMatchObject({
      code: 'database_silent',
      value: `127.0.0.1:${connection.port}`,
      mend: expect.stringContaining('DB_SSLMODE'),
    });
  });
});
