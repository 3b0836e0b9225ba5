/** Brings style sheets in. The bundler's own way would let the page show itself before its style has come. */

/** Before a failure is tried again. */
const RETRY_MS = 5000;

/** Resolves once a style sheet is in force, however often it takes. */
export function loadStyle(href: string): Promise<void> {
  return new Promise((resolve) => {
    const ask = (): void => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = href;
      link.onload = () => resolve();
      link.onerror = () => {
        link.remove();
        setTimeout(ask, RETRY_MS);
      };
      document.head.append(link);
    };
    ask();
  });
}
