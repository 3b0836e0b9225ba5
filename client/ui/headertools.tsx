/** The header's buttons for what is loaded later. */
import type { Store } from '../store.ts';

export function HeaderTools(_props: { store: Store }) {
  return null;
}
