// Why a proxy is sent nothing: it is in front of a service, but its Envoy ignores fields that enforcement depends on. A client that is not
// a release of Envoy (another xDS client, a test) is assumed to know what it asks for; so is one without a Service, which gets only
// secrets.
import { envoyVersionIn, isTooOld, oldestEnvoy } from '../lib/envoy-version.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';

/** Undefined: it may be sent its configuration. */
export function outdatedEnvoy(
  { serviceOf }: MeshIr,
  { spiffeId, userAgent = '' }: Pick<RegisteredProxy, 'spiffeId' | 'userAgent'>,
): string | undefined {
  const version = envoyVersionIn(userAgent);
  if (version === undefined || !isTooOld(version) || !serviceOf.has(spiffeId)) return undefined;
  return `Envoy ${version} is too old, it is sent nothing: ${oldestEnvoy} or newer is needed`;
}
