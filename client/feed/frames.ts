/** The border of the client: a server's text becomes frames here, once, or nothing. */
import { isDelta } from '../../shared/delta.ts';
import type { ClientFrame, ServerFrame } from '../../shared/protocol.ts';
import { serverFrame } from '../../shared/protocol.ts';
import { isJsonObject } from '../../shared/row-check.ts';

/** The frames of a message, one or a bundle of them (F16), in order; null for anything that the protocol does not have. */
export function parseServerMessage(text: string | null): readonly ServerFrame[] | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const bundled = isJsonObject(value) && value.type === 'bundle' ? value.frames : [value];
  if (!Array.isArray(bundled)) return null;
  const frames: ServerFrame[] = [];
  for (const one of bundled) {
    const frame = frameOf(one);
    if (frame === null) return null;
    frames.push(frame);
  }
  return frames;
}

function frameOf(value: unknown): ServerFrame | null {
  // Nearly all that comes are deltas: those are looked at as they are, where a schema would make each row anew.
  if (isDelta(value)) return value;
  const parsed = serverFrame.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** The text of a frame to the server. */
export function encodeClientFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}
