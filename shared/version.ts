/** The version of the feed's protocol, apart from its frames: what opens a connection need not know how to read it. */

export const PROTOCOL_VERSION = 1;
