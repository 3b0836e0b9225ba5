/** The border of the client: a server's text becomes a frame here, once, or nothing. */
import type { ClientFrame, ServerFrame } from '../../shared/protocol.ts';
import { serverFrame } from '../../shared/protocol.ts';

/** The frame that a text is; null for anything that is no frame of the protocol. */
export function parseServerFrame(text: string | null): ServerFrame | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = serverFrame.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The text of a frame to the server. */
export function encodeClientFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}
