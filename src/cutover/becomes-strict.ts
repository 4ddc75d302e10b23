// Which services a change turns from permissive to strict: whoever calls them without an identity is cut off by that. Pure.
import type { MeshIr, ServiceKey } from '../policy/ir.ts';

/** A new service may be strict from the start. */
export function becomesStrict(before: MeshIr, after: MeshIr): readonly ServiceKey[] {
  return [...after.services.values()]
    .filter(({ key, mtls }) => mtls.mode === 'strict' && before.services.get(key)?.mtls.mode === 'permissive')
    .map(({ key }) => key);
}
