// The values that cut, as the mesh has them for translate: by port, and by chain. Whatever is equal stays the same object. Pure.
import { withValues } from '../lib/in-step.ts';
import type { MeshIr, PortKey } from '../policy/ir.ts';
import type { PortCuts } from '../translate/inbound/cuts.ts';

/** The same map as before if nothing has changed. */
export function valuesIn(before: MeshIr['cuts'], ports: ReadonlyMap<PortKey, PortCuts>): NonNullable<MeshIr['cuts']> {
  let same = before?.size === ports.size;
  const keys = before?.keys();
  for (const [key, { chains }] of same ? ports : []) {
    if (keys?.next().value === key && before?.get(key) === valuesOf(chains)) continue;
    same = false;
    break;
  }
  if (same && before !== undefined) return before;
  return new Map([...ports].map(([key, { chains }]) => [key, valuesOf(chains)]));
}

/** The values before, with those of a few ports. The same ports have some. */
export function withRenewed(
  values: NonNullable<MeshIr['cuts']>,
  renewed: ReadonlyMap<PortKey, PortCuts['chains']>,
): NonNullable<MeshIr['cuts']> {
  return withValues(
    values,
    [...renewed].map(([key, chains]) => [key, valuesOf(chains)] as const),
  );
}

const values = new WeakMap<PortCuts['chains'], ReadonlyMap<string, string>>();

/** Reuses the objects that did not change. */
function valuesOf(chains: PortCuts['chains']): ReadonlyMap<string, string> {
  const there = values.get(chains);
  if (there !== undefined) return there;
  const made = new Map([...chains].map(([name, { cut }]) => [name, cut]));
  values.set(chains, made);
  return made;
}
