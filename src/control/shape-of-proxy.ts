// What is made of a proxy's shape: what it registered, as the documents in force have its identity. Pure.
import { defined } from '../lib/defined.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { PortShape, ProxyShape } from '../translate/proxy.ts';
import { keysOf } from './keys-of.ts';
import { outdatedEnvoy } from './outdated-envoy.ts';

/** Undefined for one that is sent nothing. */
export function shapeToServe(mesh: MeshIr, proxy: RegisteredProxy): ProxyShape | undefined {
  const named = workloadOf(mesh.identities, proxy.spiffeId) !== undefined;
  const served = named && outdatedEnvoy(mesh, proxy) === undefined && keysOf(mesh, proxy) !== 'none';
  return served ? shapeOf(mesh, proxy) : undefined;
}

/** Without a service if no document in force names its identity. */
export function shapeOf(mesh: MeshIr, proxy: RegisteredProxy): ProxyShape {
  const { spiffeId, loopback6, singleServices } = proxy;
  const service = mesh.serviceOf.get(spiffeId);
  const ports = portsOf(proxy).flatMap(({ name, inbound, application }): PortShape[] =>
    inbound === undefined ? [] : [{ name, inbound, ...defined({ application }) }],
  );
  return {
    spiffeId,
    ...defined({ service }),
    ...(ports.length === 0 ? {} : { ports }),
    ...defined({ loopback6, singleServices }),
    ...(keysOf(mesh, proxy) === 'local' ? { secrets: 'local' } : {}),
  };
}
