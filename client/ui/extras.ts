/** The parts that are loaded after the first view, as one file: `later.tsx` brings it in. */
export { hitTest } from '../painters/hit.ts';
export { ChartTools } from './charttools.tsx';
export { Desk } from './desk.tsx';
export { HeaderTools } from './headertools.tsx';
export { KeyList } from './help.tsx';
export { MenuList } from './menulist.tsx';
export { PickerBody } from './picker.tsx';
export { Tooltip } from './tooltip.tsx';
