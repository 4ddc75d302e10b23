// Services and identities by what somebody wrote, or a proxy reported: text, which may name none.
import type { MeshIr, ServiceIr, ServiceKey } from './ir.ts';

/** `name`: as a `ServiceKey` is written. */
export function serviceNamed({ services }: Pick<MeshIr, 'services'>, name: string): ServiceIr | undefined {
  const byName: ReadonlyMap<string, ServiceIr> = services;
  return byName.get(name);
}

/** The service that has this SPIFFE ID. */
export function ownerOf({ serviceOf }: Pick<MeshIr, 'serviceOf'>, spiffeId: string): ServiceKey | undefined {
  const byId: ReadonlyMap<string, ServiceKey> = serviceOf;
  return byId.get(spiffeId);
}
