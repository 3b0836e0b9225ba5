/** A dialog that a signal opens; its body is a part that is loaded later. */
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { fetchExtras } from './later.tsx';

interface DialogProps {
  readonly label: string;
  readonly class: string;
  readonly testId: string;
  readonly isOpen: Signal<boolean>;
  /** Takes what is typed before the body is there, or before it has taken the focus; true where it did. */
  readonly onEarlyKey?: (key: string) => boolean;
  readonly children: ComponentChildren;
}

export function Dialog({ label, class: name, testId, isOpen, onEarlyKey, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Opened before the body's own effects run, which measure it.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    if (isOpen.value) fetchExtras();
    if (isOpen.value && !element.open) element.showModal();
    if (!isOpen.value && element.open) element.close();
  }, [isOpen.value]);
  const close = (): void => {
    isOpen.value = false;
  };
  return (
    <dialog
      class={name}
      ref={dialog}
      aria-label={label}
      data-testid={testId}
      onClose={close}
      onClick={(event) => {
        // A click on the backdrop has the dialog itself as its target.
        if (event.target === dialog.current) close();
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        // The body may take the focus before the letter is typed, which would then stand there twice.
        if (event.target === dialog.current && onEarlyKey?.(event.key)) event.preventDefault();
      }}
    >
      {isOpen.value && children}
    </dialog>
  );
}
