/**
 * The two modes of libpq that node-postgres lacks, `allow` and `prefer`: asks a server whether it offers TLS, in the way
 * of the protocol itself (an SSLRequest, answered by one byte: `S` or `N`), and settles a connection's options by that.
 */
import { connect } from 'node:net';
import type pg from 'pg';
import type { DatabaseConnection } from '../config/database.ts';
import { CodedError } from '../errors.ts';

/** Length 8, then the code 1234.5679. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * The options to connect with, TLS settled. Asks the server only where the mode leaves it open; rejects where the server
 * cannot be reached, so call it where a failed connection would be tried again.
 *
 * @param timeoutMs how long the server may take to answer.
 */
export async function settleTls(connection: DatabaseConnection, timeoutMs = 3000): Promise<pg.ClientConfig> {
  const { tlsIfOffered, ...config } = connection;
  if (!tlsIfOffered) return config;
  return { ...config, ssl: (await offersTls(connection, timeoutMs)) ? config.ssl : false };
}

function offersTls({ host, port }: DatabaseConnection, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const unanswered = (): void =>
      fail(
        new CodedError('database_silent', `${host}:${port} does not answer as PostgreSQL does`, {
          value: `${host}:${port}`,
          mend: 'Check DB_HOST and DB_PORT, or set DB_SSLMODE to say whether TLS is used.',
        }),
      );
    const socket = connect({ host, port, timeout: timeoutMs }, () => socket.write(SSL_REQUEST));
    socket.once('error', fail).once('timeout', unanswered).once('end', unanswered);
    socket.once('data', (answer) => {
      socket.end();
      if (answer[0] === 0x53) resolve(true);
      else if (answer[0] === 0x4e) resolve(false);
      else unanswered();
    });
  });
}
