/** A button that opens a panel of further buttons: arrows move through them, Esc and a press elsewhere close it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

interface PopoverProps {
  readonly label: string;
  readonly testId: string;
  readonly button: ComponentChildren;
  readonly class?: string;
  /** What it holds; `close` closes it and gives the focus back. */
  children(close: () => void): ComponentChildren;
}

/** What the arrows go through. */
const STOPS = 'button:not(:disabled), a[href], input';

export function Popover({ label, testId, button, class: name, children }: PopoverProps) {
  const isOpen = useSignal(false);
  const root = useRef<HTMLSpanElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!isOpen.value) return;
    panel.current?.querySelector<HTMLElement>(STOPS)?.focus({ preventScroll: true });
    const onDown = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target)) return;
      isOpen.value = false;
    };
    document.addEventListener('pointerdown', onDown);
    return () => document.removeEventListener('pointerdown', onDown);
  }, [isOpen.value]);

  const close = (): void => {
    isOpen.value = false;
    root.current?.querySelector('button')?.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isOpen.value) return;
    const { key } = event;
    if (key === 'Escape') close();
    else if (key === 'ArrowDown' || key === 'ArrowUp') {
      const stops = [...(panel.current?.querySelectorAll<HTMLElement>(STOPS) ?? [])];
      const focused = document.activeElement;
      const at = focused instanceof HTMLElement ? stops.indexOf(focused) : -1;
      stops[(at + (key === 'ArrowDown' ? 1 : -1) + stops.length) % stops.length]?.focus();
    } else return;
    // The page's own keys do not see what the panel has understood.
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the buttons within, which bubble here.
    <span class={`popover ${name ?? ''}`} ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        class="tool"
        aria-expanded={isOpen.value}
        aria-label={label}
        title={label}
        data-testid={testId}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        {button}
      </button>
      {isOpen.value && (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset belongs to a form.
        <div class="popover-panel" role="group" aria-label={label} ref={panel} data-testid={`${testId}-panel`}>
          {children(close)}
        </div>
      )}
    </span>
  );
}
