/** The frames of the feed that a client sends, protocol version 1; apart from the server's, which a page parses, so that it loads none of these. */
import * as z from 'zod/mini';

/** Bounds of the contract that are the same on every server; the ones that a server may set are in its configuration. */
export const BOUNDS = {
  idLength: 64,
  points: { least: 16, most: 10_000, usual: 1200 },
} as const;

/** The pages that report. */
export const SCREEN_PAGES = ['desk', 'wall'] as const;

const detail = z.enum(['values', 'full']);

/** What a subscriber may ask for, before names, ranges and limits are looked at. */
export const subscribeFrame = z.object({
  type: z.literal('subscribe'),
  id: z.string().check(z.minLength(1), z.maxLength(BOUNDS.idLength)),
  stream: z.string(),
  keys: z.optional(z.array(z.string()).check(z.minLength(1))),
  range: z.optional(z.string()),
  points: z.optional(z.number()),
  bucket_ms: z.optional(z.number()),
  since: z.optional(z.string()),
  detail: z.optional(detail),
});
export const unsubscribeFrame = z.object({
  type: z.literal('unsubscribe'),
  id: z.string().check(z.minLength(1), z.maxLength(BOUNDS.idLength)),
});
/** What a page says of itself, so that whoever looks after the screens sees how each of them is. */
export const screenReport = z.object({
  page: z.enum(SCREEN_PAGES),
  build: z.string().check(z.maxLength(64)),
  /** What it shows. */
  symbol: z.string().check(z.maxLength(200)),
  /** When it was last painted, on the server's clock, epoch ms; null where it never was. */
  painted: z.nullable(z.number()),
  /** Whether the browser shows it: a page that it does not show is not painted. */
  visible: z.boolean(),
});
export const pingFrame = z.object({
  type: z.literal('ping'),
  id: z.optional(z.string().check(z.maxLength(BOUNDS.idLength))),
  screen: z.optional(screenReport),
});

export const CLIENT_FRAMES = { subscribe: subscribeFrame, unsubscribe: unsubscribeFrame, ping: pingFrame } as const;
export type SubscribeFrame = z.infer<typeof subscribeFrame>;
export type UnsubscribeFrame = z.infer<typeof unsubscribeFrame>;
export type ScreenReport = z.infer<typeof screenReport>;
export type PingFrame = z.infer<typeof pingFrame>;
export type ClientFrame = SubscribeFrame | UnsubscribeFrame | PingFrame;
