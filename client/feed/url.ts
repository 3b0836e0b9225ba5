/** Where the feed is. */
import { PROTOCOL_VERSION } from '../../shared/version.ts';

/** Address of the feed on the page's own server, which is asked for bundles: a browser pays for each message (F16). */
export function feedUrl(page: { readonly protocol: string; readonly host: string }): string {
  return `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}/feed?protocol=${PROTOCOL_VERSION}&bundle=1`;
}
