/** Which pages may talk to the server from a browser: its own, and those of configured origins. */
import type { FastifyRequest } from 'fastify';

/** Stands for any page in the list of origins. */
export const ANY_ORIGIN = '*';

/** Builds the check. `allowed` lists origins (`https://example.org`) beside the server's own, or `*`. */
export function originCheck(allowed: readonly string[]): (origin: string, request: FastifyRequest) => boolean {
  const listed = new Set(allowed);
  return (origin, request) => {
    if (listed.has(ANY_ORIGIN) || listed.has(origin)) return true;
    if (!URL.canParse(origin)) return false;
    // The page came from here when it names the host that it now calls. Behind a proxy that is the forwarded one.
    return new URL(origin).host === request.host;
  };
}
