/** Several frames in one message, for a client that asked for it (F16), as a schema. The page looks at each frame by itself. */
import * as z from 'zod/mini';
import { serverFrame } from './protocol.ts';

export const bundleFrame = z.object({ type: z.literal('bundle'), frames: z.array(serverFrame) });
export type BundleFrame = z.infer<typeof bundleFrame>;

/** One message of the server: a frame, or a bundle of them. */
export const serverMessage = z.discriminatedUnion('type', [serverFrame, bundleFrame]);
