/** The few icons of the page. Their shapes stand in index.html, once; here they are used, in the text's colour. */

/** Names of the shapes. */
export type IconName = 'search' | 'system' | 'dark' | 'light' | 'keys' | 'pause' | 'caret';

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} aria-hidden="true">
      <use href={`#icon-${name}`} />
    </svg>
  );
}
