// Whether a proxy has accepted resources of every type that it is served. Pure.
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { Snapshot } from '../xds/resources/snapshot.ts';

/** Types without resources do not count: nothing is sent that could be accepted. Without a snapshot, false. */
export function acceptedAll(snapshot: Snapshot | undefined, types: ProxyStatus['types']): boolean {
  if (snapshot === undefined) return false;
  const accepted = new Set(types.filter((type) => type.ackedRevision !== undefined).map(({ typeUrl }) => typeUrl));
  return [...snapshot.resources].every(([typeUrl, names]) => names.size === 0 || accepted.has(typeUrl));
}
