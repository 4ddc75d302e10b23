// Why a change needs a second word: it makes more of something than the limits, enlarges or deletes much at once, or empties a selector.
// Pure. Small meshes are not bothered: growth counts from a size on, a deletion from a number on.
import type { Judged } from '../store/store.ts';
import { emptiedSelectors } from './emptied-selectors.ts';
import { firstChanged } from './first-changed.ts';
import type { Limits } from './limits.ts';
import { measure, sizes } from './measure.ts';
import type { Beyond } from './reason.ts';
import { tooMuchInStep } from './too-much-in-step.ts';

/** Empty if it may come into force as it is. `before` is in force; neither has errors. */
export function beyondLimits(before: Judged, after: Judged, limits: Limits): readonly Beyond[] {
  if (before.documents === after.documents) return [];
  const [was, will] = [measure(before), measure(after)];
  const source = firstChanged(before.documents, after.documents);
  const tooMuch = sizes.flatMap(({ limit, of, what }): readonly Beyond[] => {
    if (will[of] <= was[of] || will[of] <= limits[limit]) return [];
    const message = `${will[of]} ${what}, and the limit is ${limits[limit]}`;
    const hint = `is that so many? If it is, start the control plane with --limit ${limit}=NUMBER`;
    return [{ severity: 'error', code: 'limit', message, hint, source }];
  });
  return [
    ...tooMuch,
    ...tooMuchInStep({ since: before, before, after, when: 'at once' }, limits),
    ...emptiedSelectors(before, after).map(({ what, source: at }): Beyond => {
      const hint = 'was a field lost? Empty means all here';
      return { severity: 'error', code: 'selector-emptied', message: what, hint, source: at };
    }),
  ];
}
