// What can be qualified: a name → its items. A new name is one new folder and one line here.
import type { Item } from './item.ts';
import { explainProperty } from './wall/explain-property-item.ts';
import { fleet } from './wall/fleet.ts';
import { freshClone } from './wall/fresh-clone.ts';
import { npmCit } from './wall/npm-cit.ts';
import { sidecarStart } from './wall/sidecar-start.ts';
import { tutorial } from './wall/tutorial.ts';

export const catalog: Readonly<Record<string, readonly Item[]>> = {
  wall: [freshClone, npmCit, tutorial, sidecarStart, fleet, explainProperty],
};
