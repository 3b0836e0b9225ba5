/**
 * The cookie that signs a browser in: who it is for and until when, and the token's secret, sealed with a key made of that
 * secret's hash. So it holds on every server that knows the token, be it by its secret or by its hash, and ends with the
 * token; who reads the hashes alone can make none, and who has a cookie alone can neither alter it nor read the secret.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Name of the cookie. */
export const SESSION_COOKIE = 'alphapulse_session';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The hash that stands for a secret: what is configured instead of it, and what is compared. */
export const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

const keyed = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

const sealingKey = (digest: Buffer): Buffer => keyed(digest, `${SESSION_COOKIE}: seal`);

/** Seals a secret for what the cookie says beside it. The same input gives the same text. */
export function seal(secret: string, payload: string): string {
  const digest = digestOf(secret);
  // Under one key the secret is always the same, so that a nonce made of the rest never seals two things.
  const nonce = keyed(digest, `${SESSION_COOKIE}: ${payload}`).subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, sealingKey(digest), nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(payload));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The secret that was sealed for the payload, where it is the one that has this hash; null where the text is none such. */
export function unseal(text: string, payload: string, digest: Buffer): string | null {
  const bytes = Buffer.from(text, 'base64url');
  // Other spellings of the same bytes are no cookies of this server.
  if (bytes.length <= NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) return null;
  const decipher = createDecipheriv(CIPHER, sealingKey(digest), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(payload));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const opened = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    const secret = opened.toString('utf8');
    return timingSafeEqual(digestOf(secret), digest) ? secret : null;
  } catch {
    // What does not open was sealed with another key, or altered since.
    return null;
  }
}

/** The session's cookie among those of a request; null where there is none. */
export function sessionOf(header: string | undefined): string | null {
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === SESSION_COOKIE) return pair.slice(equals + 1).trim();
  }
  return null;
}

/** The header that sets the cookie, or takes it away where `seconds` is 0. */
export function sessionHeader(value: string, seconds: number, isHttps: boolean): string {
  return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${isHttps ? '; Secure' : ''}`;
}
