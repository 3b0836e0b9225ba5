/** The parts that are loaded after the first view, as one file: `later.tsx` brings it in. */
export { hitTest } from '../painters/hit.ts';
export { KeyList } from './help.tsx';
export { MenuList } from './menulist.tsx';
export { PickerBody } from './picker.tsx';
export { Tooltip } from './tooltip.tsx';
export { Zooming } from './zoom.tsx';
