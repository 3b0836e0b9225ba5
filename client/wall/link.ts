/** The wall's address for what a desk shows. Its own module, because the desk needs nothing else of the wall. */
import type { View } from '../view.ts';

/** Where the wall of the present symbol is (and of those that it is compared with, in turn), as a path with its query. */
export function wallLink(view: Pick<View, 'keys' | 'range' | 'zone' | 'theme'>): string {
  const symbols = view.keys.peek();
  const parameters = new URLSearchParams({ symbols: symbols.join(), range: view.range.peek() });
  parameters.set('rotate', symbols.length > 1 ? '30' : '0');
  if (view.theme.peek() !== 'dark') parameters.set('theme', view.theme.peek());
  if (view.zone.peek() !== 'utc') parameters.set('zone', view.zone.peek());
  return `/wall?${parameters.toString().replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%2C', ',')}`;
}
