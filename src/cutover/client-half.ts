// Before a service becomes strict, every declared caller's proxies must have what it takes to call it over mTLS: the listener and the
// cluster of that dependency, accepted. How long a caller is waited for is decided by caller-patience.ts: after that its reasons become
// warnings.
import type { MeshIr, PortKey, ServiceKey } from '../policy/ir.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { CallerPatience } from './caller-patience.ts';
import type { CutOverReason } from './cut-over-reason.ts';

const clientTypes = ['Listener', 'Cluster'] as const;

/** Undeclared callers are not its concern: the record of traffic finds them. */
export function clientHalfMissing(
  service: ServiceKey,
  before: MeshIr,
  after: MeshIr,
  proxies: readonly ProxyStatus[],
  patience: CallerPatience,
): readonly CutOverReason[] {
  const declared = (mesh: MeshIr, caller: ServiceKey): readonly PortKey[] =>
    (mesh.services.get(caller)?.dependsOn ?? []).filter(({ target }) => target === service).map(({ port }) => port);
  const reason = (who: string, why: string): CutOverReason => ({ service, kind: 'client-half', who, why });
  return [...after.services.keys()]
    .filter((caller) => declared(after, caller).length > 0)
    .flatMap((caller) => {
      const known = declared(before, caller);
      if (declared(after, caller).some((port) => !known.includes(port))) {
        return [reason(caller, 'begins to depend on it in the same change: apply that first, then make it strict')];
      }
      const found = proxies
        .filter((proxy) => proxy.service === caller)
        .flatMap((proxy) => {
          const why = missing(proxy);
          return why === undefined ? [] : [reason(proxy.node, why)];
        });
      if (patience.look(caller, found.length > 0)) return found;
      return found.map((one) => ({ ...one, why: `${one.why}; no longer waited for`, warning: true }));
    });
}

function missing({ state, types }: ProxyStatus): string | undefined {
  if (state !== 'connected') return 'a declared caller, not connected: what it has is not known';
  for (const name of clientTypes) {
    const type = types.find(({ typeUrl }) => typeUrl.endsWith(`.${name}`));
    if (type?.nack !== undefined) return `a declared caller that rejected its ${name.toLowerCase()}s`;
    if (type?.ackedRevision === undefined || (type.sentRevision ?? 0) > type.ackedRevision) {
      return `a declared caller that has not accepted its ${name.toLowerCase()}s yet`;
    }
  }
  return undefined;
}
