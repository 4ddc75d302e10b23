// Denials that need not wait for the rest of an edit: added to what is in force they only deny more, even if they are half of what is being
// written. Pure.

import { differing } from '../../lib/differing.ts';
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { sameText } from '../plan-changes.ts';

/**
 * From `after`: enforced deny policies that are new, or deny everything that they denied in `before` and more. Not the first policy of its
 * service: that ends the service's default as well, and the allow policy that may come with it must not be late.
 */
export function denialsAtOnce(
  before: readonly ParsedDocument[],
  after: readonly ParsedDocument[],
): readonly ParsedDocument[] {
  const differ = differing(before, after);
  if (differ.after.length === 0) return [];
  const known = new Map(differ.before.map((document) => [document.key, document]));
  const governed = new Set(
    before.flatMap(({ document }) =>
      document.kind === 'AuthorizationPolicy' && document.spec.mode === 'enforce' ? [targetOf(document)] : [],
    ),
  );
  return differ.after.filter((document) => {
    const denial = denialOf(document);
    if (denial?.spec.mode !== 'enforce' || !governed.has(targetOf(denial))) return false;
    const old = known.get(document.key);
    if (old === undefined) return true;
    const was = denialOf(old);
    if (was === undefined || targetOf(was) !== targetOf(denial) || sameText(old.text, document.text)) return false;
    const rules = new Set(denial.spec.rules.map((rule) => JSON.stringify(rule)));
    return was.spec.rules.every((rule) => rules.has(JSON.stringify(rule)));
  });
}

function denialOf({ document }: ParsedDocument): AuthorizationPolicy | undefined {
  return document.kind === 'AuthorizationPolicy' && document.spec.action === 'deny' ? document : undefined;
}

/** As written: a name alone means another service in another cell. Anything else waits for the rest of its edit. */
function targetOf({ metadata: { cell = '' }, spec: { target } }: AuthorizationPolicy): string {
  return target.service.includes('/') ? target.service : `${cell} ${target.service}`;
}
