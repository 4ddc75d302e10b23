// What is reported about one proxy: as it is registered, and what the documents in force say about it. Pure.
import type { Svid } from '../identity/svid.ts';
import { defined } from '../lib/defined.ts';
import { defaultPort } from '../lib/port-name.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr, ServiceIr } from '../policy/ir.ts';
import { notAPort } from '../policy/ports.ts';
import type { Ported, PortPlace } from '../registry/ports.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { ShownCertificate } from '../registry/shown-certificates.ts';
import { keysOf, noKeys } from './keys-of.ts';
import { outdatedEnvoy } from './outdated-envoy.ts';

/** A port that its Service does not have gets no listener, and callers are not given it. */
function unknownPorts({ inbound, application, ports }: RegisteredProxy, service: ServiceIr | undefined): Ported {
  if (service === undefined) return {};
  const reasonFor = (name: string): Pick<PortPlace, 'notRegistered'> => {
    if (service.ports.some(({ port }) => port === name)) return {};
    const { message, hint } = notAPort(service, name);
    return { notRegistered: `${message} (${hint})` };
  };
  const own = inbound === undefined && application === undefined ? {} : reasonFor(defaultPort);
  const named = ports?.map((port) => ({ ...port, ...reasonFor(port.name) }));
  return { ...own, ...(named === undefined ? {} : { ports: named }) };
}

const withoutDocument = 'no Service or Workload has its identity any more: it was deleted';

/** Without a mesh, as it is registered. */
export function statusOfProxy(
  proxy: RegisteredProxy,
  {
    mesh,
    svid,
    shown,
    withheld,
    types,
  }: Pick<ProxyStatus, 'withheld' | 'types'> & {
    readonly mesh?: MeshIr;
    readonly svid?: Svid;
    readonly shown?: ShownCertificate;
  },
): ProxyStatus {
  const service = mesh?.serviceOf.get(proxy.spiffeId);
  // Callers are not given one whose Service or Workload was deleted, whatever it still has open.
  const named = mesh === undefined || workloadOf(mesh.identities, proxy.spiffeId) !== undefined;
  const outdated = mesh === undefined ? undefined : outdatedEnvoy(mesh, proxy);
  const kept = mesh === undefined ? undefined : keysOf(mesh, proxy);
  return {
    ...proxy,
    ...(service === undefined ? {} : unknownPorts(proxy, mesh?.services.get(service))),
    ready: proxy.ready && named && outdated === undefined,
    ...(named ? {} : { notRegistered: withoutDocument }),
    ...defined({ outdated, withheld: kept === 'none' ? noKeys.reason : withheld, service }),
    ...(kept === 'local' ? { keys: 'local', ...defined({ certificate: shown }) } : {}),
    types,
    ...(svid === undefined || kept === 'local'
      ? {}
      : { certificate: { serial: svid.serial, notAfter: svid.notAfter.getTime() } }),
  };
}
