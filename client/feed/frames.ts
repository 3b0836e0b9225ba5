/** The border of the client: a server's text becomes frames here, once, or nothing. */
import type { ClientFrame, ServerFrame } from '../../shared/protocol.ts';
import { serverMessage } from '../../shared/protocol.ts';

/** The frames of a message, one or a bundle of them (F16), in order; null for anything that the protocol does not have. */
export function parseServerMessage(text: string | null): readonly ServerFrame[] | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = serverMessage.safeParse(value);
  if (!parsed.success) return null;
  return parsed.data.type === 'bundle' ? parsed.data.frames : [parsed.data];
}

/** The text of a frame to the server. */
export function encodeClientFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}
