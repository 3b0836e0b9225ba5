/** `token`: makes a secret, and the line that lets its holder in. */
import { createHash, randomBytes } from 'node:crypto';

/** Bytes of chance in a secret: nobody guesses it, and so its hash needs no slowing down. */
const SECRET_BYTES = 24;

/** What `token NAME` prints, with a line end at its end. The secret is kept nowhere. */
export function newToken(name: string, random: (bytes: number) => Buffer = randomBytes): string {
  const secret = random(SECRET_BYTES).toString('base64url');
  const hash = createHash('sha256').update(secret).digest('hex');
  return [
    `secret: ${secret}`,
    `line:   ${name}:sha256:${hash}`,
    '',
    'The secret is shown this once: give it to its holder. The line goes into DASHBOARD_VIEW_TOKENS, DASHBOARD_WRITE_TOKENS or',
    'DASHBOARD_DISPLAY_TOKENS (several are separated by commas), or into a file that one of these names with _FILE behind it.',
    '',
  ].join('\n');
}
