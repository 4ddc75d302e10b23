// Why a proxy is sent nothing: it stands before a service, and its Envoy is one that ignores fields on which the wall stands. What is
// no release of Envoy (another xDS client, a test) is taken to know what it asks for; so is who is no Service, and gets secrets only.
import { envoyVersionIn, isTooOld, oldestEnvoy } from '../lib/envoy-version.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';

export function outdatedEnvoy(
  { serviceOf }: MeshIr,
  { spiffeId, userAgent = '' }: Pick<RegisteredProxy, 'spiffeId' | 'userAgent'>,
): string | undefined {
  const version = envoyVersionIn(userAgent);
  if (version === undefined || !isTooOld(version) || !serviceOf.has(spiffeId)) return undefined;
  return `Envoy ${version} is too old, it is sent nothing: ${oldestEnvoy} or newer is needed`;
}
