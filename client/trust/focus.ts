/** Keeps the focus within an open dialog whose buttons come and go. */
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/**
 * Gives an element the focus at first, and again whenever what had it is gone. Without that the keys would go to the page
 * behind the dialog, Esc among them.
 */
export function useHeldFocus(home: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = home.current;
    const dialog = element?.closest('dialog');
    if (element == null || dialog == null) return;
    element.focus();
    const observer = new MutationObserver(() => {
      if (document.activeElement === document.body && dialog.open) element.focus({ preventScroll: true });
    });
    observer.observe(dialog, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
    return () => observer.disconnect();
  }, [home]);
}
