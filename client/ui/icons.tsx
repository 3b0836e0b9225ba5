/** The few icons of the page, as inline shapes that take the text's colour. */
import type { ComponentChildren } from 'preact';

function Icon({ children, size = 18 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 18 18"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {children}
    </svg>
  );
}

export const SearchIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="5" />
    <path d="m12 12 3.5 3.5" />
  </Icon>
);

/** A half-filled disc for the system's theme, a moon for dark, a sun for light. */
export function ThemeIcon({ theme }: { theme: 'system' | 'dark' | 'light' }) {
  if (theme === 'dark')
    return (
      <Icon>
        <path d="M14.8 10.9A6.4 6.4 0 0 1 7.1 3.2a6.4 6.4 0 1 0 7.7 7.7Z" />
      </Icon>
    );
  if (theme === 'light')
    return (
      <Icon>
        <circle cx="9" cy="9" r="3.2" />
        <path d="M9 1.8v1.6M9 14.6v1.6M1.8 9h1.6M14.6 9h1.6M3.9 3.9 5 5M13 13l1.1 1.1M3.9 14.1 5 13M13 5l1.1-1.1" />
      </Icon>
    );
  return (
    <Icon>
      <circle cx="9" cy="9" r="6.2" />
      <path d="M9 2.8v12.4A6.2 6.2 0 0 0 9 2.8Z" fill="currentColor" />
    </Icon>
  );
}

export const HelpIcon = () => (
  <Icon>
    <rect x="1.8" y="4.5" width="14.4" height="9" rx="2" />
    <path d="M4.6 7.4h.1M7.5 7.4h.1M10.4 7.4h.1M13.3 7.4h.1M6 10.6h6" />
  </Icon>
);

export const PauseIcon = () => (
  <Icon>
    <path d="M6 4v10M12 4v10" stroke-width="2.4" />
  </Icon>
);

export const CaretIcon = () => (
  <svg class="caret" aria-hidden="true" viewBox="0 0 10 10">
    <path d="M0 2.5h10L5 8Z" fill="currentColor" />
  </svg>
);
