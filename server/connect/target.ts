/** Where the feed is that a command follows, and what it is shown there. */
import { PROTOCOL_VERSION } from '../../shared/protocol.ts';
import { UsageError } from '../command-line.ts';
import { SETTINGS, type SettingWithFallback } from '../config/variables.ts';
import type { Environment } from '../config.ts';

/** The variable that holds the token, so that it stands in no list of processes. */
export const TOKEN_VARIABLE = 'ALPHAPULSE_TOKEN';

export interface FeedTarget {
  /** The WebSocket's address. */
  readonly url: string;
  /** The address as it may be shown: without anything secret. */
  readonly shown: string;
  /** Where the server's other routes are: `api/symbols` is below it. Ends with a slash. */
  readonly base: string;
  readonly token: string | null;
}

const SCHEMES: Readonly<Record<string, readonly [feed: string, other: string]>> = {
  'http:': ['ws:', 'http:'],
  'https:': ['wss:', 'https:'],
  'ws:': ['ws:', 'http:'],
  'wss:': ['wss:', 'https:'],
};
/** Addresses to listen at which are none to connect to. */
const WILDCARDS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Finds the feed from the flags and the environment. A page's address will do, and so will its link with a token.
 *
 * @throws UsageError for what is no address. No message shows a secret.
 */
export function feedTarget(
  flags: { readonly url: string | null; readonly token: string | null },
  env: Environment,
): FeedTarget {
  const text = flags.url ?? addressOf(env);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.username !== '' || url.password !== ''))
    throw new UsageError([`--url: a user and a password have no effect here; set ${TOKEN_VARIABLE} to a token.`]);
  const schemes = url === null ? undefined : SCHEMES[url.protocol];
  if (url === null || schemes === undefined || url.hostname === '') {
    const accepted = 'accepted is an address such as http://127.0.0.1:8050 or wss://desk.example.com';
    throw new UsageError([`--url ${JSON.stringify(text)}: ${accepted}.`]);
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/feed$/, '');
  const [scheme, other] = schemes;
  const feed = `${scheme}//${url.host}${path}/feed`;
  const token = [flags.token, url.searchParams.get('token'), env[TOKEN_VARIABLE]].find((given) => given) ?? null;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new UsageError(['The token holds what no token has: accepted are printable ASCII characters but the space.']);
  return { url: `${feed}?protocol=${PROTOCOL_VERSION}`, shown: feed, base: `${other}//${url.host}${path}/`, token };
}

function addressOf(env: Environment): string {
  const host = read(SETTINGS.host, env);
  const port = read(SETTINGS.port, env);
  const name = WILDCARDS[host] ?? host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Reads what a server of the same environment would listen at. The rest of its settings is none of a reader's business. */
function read<T>({ variable, kind, fallback }: SettingWithFallback<T>, env: Environment): T {
  const text = (variable === null ? '' : env[variable]) || fallback;
  const parsed = kind.schema.safeParse(text);
  if (!parsed.success) throw new UsageError([`${variable}=${JSON.stringify(text)}: accepted is ${kind.accepted}.`]);
  return parsed.data;
}
