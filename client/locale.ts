/**
 * Must be imported before uPlot, of which development runs the whole: it makes a number format for `navigator.language`
 * while it loads, and throws where that is no valid tag (`en-US@posix` on some systems). The page formats its own numbers,
 * so any valid tag will do. The build cuts that from uPlot (`scripts/trim-uplot.ts`), and this with it.
 */
if (import.meta.env.DEV) {
  try {
    Intl.getCanonicalLocales(navigator.language);
  } catch {
    Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
  }
}
