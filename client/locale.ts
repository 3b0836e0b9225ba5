/**
 * Must be imported before uPlot: it makes a number format for `navigator.language` while it loads, and throws where that
 * is no valid tag (`en-US@posix` on some systems). The page formats its own numbers, so any valid tag will do.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
