/** The list of keys. */
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['/'], 'choose a symbol'],
  [['1', '2', '3', '4'], 'range: 1 h, 6 h, 24 h, 7 d'],
  [['r'], 'next refresh rate'],
  [['space'], 'pause the picture, and go on'],
  [['t'], 'theme: system, dark, light'],
  [['?'], 'this list'],
  [['Esc'], 'close what is open'],
];

export function Help({ isOpen }: { isOpen: Signal<boolean> }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    if (isOpen.value && !element.open) element.showModal();
    if (!isOpen.value && element.open) element.close();
  }, [isOpen.value]);
  const close = (): void => {
    isOpen.value = false;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a dialog by itself.
    <dialog
      ref={dialog}
      aria-label="Keys"
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      <div class="help">
        <h2>Keys</h2>
        <dl>
          {KEYS.map(([keys, what]) => (
            <>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </>
          ))}
        </dl>
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </dialog>
  );
}
