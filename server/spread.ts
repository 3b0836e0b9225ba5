/** When each client is asked to come back after a planned stop, so that they do not come back all at once. */

/** Before this many ms nobody comes back: a server takes as long to start as this at least. */
const FIRST_MS = 250;
/**
 * Clients that come back in a ms. Each costs a handshake and its subscriptions; 2,500 a second were measured to be served in
 * under 0.1 s (5,000 clients in 2 s, snapshots shared), and a server that has just started gets less than half of that.
 */
const CLIENTS_PER_MS = 1;
/** A few clients are spread over this many ms all the same, for their pages may be heavy. */
const LEAST_MS = 250;
/** Nobody is sent away for longer, in ms: it is also the longest that a client waits by itself between two tries. */
const MOST_MS = 10_000;

/**
 * Returns a function to be called once a client, which answers in how many ms (a whole number) that client is to come
 * back. The time is cut into as many slots as there are clients and each client gets a moment within one of its own:
 * purely random moments would come in clumps.
 *
 * @param clients how many there are; who is asked for beyond that shares the slots from the first on.
 * @param random uniform in [0, 1).
 */
export function returnTimes(clients: number, random: () => number): () => number {
  const slots = Math.max(1, clients);
  const width = Math.min(Math.max(LEAST_MS, slots / CLIENTS_PER_MS), MOST_MS - FIRST_MS);
  let slot = 0;
  return () => {
    const moment = ((slot + random()) / slots) * width;
    slot = (slot + 1) % slots;
    return FIRST_MS + Math.floor(moment);
  };
}
