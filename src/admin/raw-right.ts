// Raw Envoy resources can do nearly anything to a proxy: changing them needs a right in addition to the role.
import { CellwallError } from '../lib/errors.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Caller } from './caller.ts';
import { differences, type Plan } from './plan.ts';

/**
 * Throws `permission_denied` for a change of raw resources by somebody without that right. Returns whether that depends on the state in
 * force: then the same state must still be in force when the change is made.
 */
export function checkRawRight(caller: Caller, before: readonly ParsedDocument[], plan: Plan): boolean {
  // The store refuses a text under another key than its own, so the key tells the kind.
  const changes = plan.changes.filter(({ key }) => key.startsWith('EnvoyResource/'));
  if (caller.rawResources || changes.length === 0) return false;
  const [changed] = differences(before, { ...plan, changes });
  if (changed === undefined) return true;
  throw new CellwallError('permission_denied', `${caller.name} may not change raw resources: ${changed.key}`, {
    hint: 'leave it out, or ask for a token with that right: cellwall admin-token create --raw-resources',
  });
}
