/** The header's button for a link to what is shown, and which symbols are compared. */
import type { Store } from '../store.ts';
import { CompareChips } from './compare.tsx';
import { Glyph } from './glyphs.tsx';
import { copyLink } from './takeaway.ts';

export function ShareButton({ store }: { store: Store }) {
  return (
    <>
      <CompareChips store={store} />
      <button
        type="button"
        class="button"
        aria-label="Copy a link to this view"
        title="Copy a link to this view"
        data-testid="share"
        onClick={() => void copyLink(store)}
      >
        <Glyph name="share" />
      </button>
    </>
  );
}
