// The page, in a real browser.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const pageItems: readonly Item[] = [
  fromTests({
    name: 'page',
    line:
      'In a real browser: every view with live data of real Envoys, an edit from the page to enforcement and back, hostile names that ' +
      'stay text, a viewer who cannot edit; at 1,280 and 390 pixels, light and dark',
    bound: 'no violation by axe-core, no error of a script, no call to anywhere else; a refused call shown within 10 s',
    files: ['test/system/page.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'page-at-scale',
    line: 'Map and tables with 500 services, 5,000 proxies and 5,000 edges: dragged, zoomed, pointed at, scrolled, sorted, filtered',
    bound: 'no frame takes 100 ms',
    files: ['test/system/page-scale.test.ts'],
    limitMinutes: 5,
  }),
];
