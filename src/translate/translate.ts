// (mesh, endpoints, bundles, proxy) → every resource of that proxy, except for its own SVID. Pure, and in a fixed order; what is equal for
// two proxies has equal bytes. A proxy receives what its service declares and nothing else.
import type { MeshIr } from '../policy/ir.ts';
import { distinctOf, partsOf, resourcesOfPart } from './parts.ts';
import type { Bundles, LiveEndpoints, ProxyShape, TranslatedResource } from './proxy.ts';
import { overSingleServices } from './single-services.ts';

export function translate(
  mesh: MeshIr,
  endpoints: LiveEndpoints,
  bundles: Bundles,
  proxy: ProxyShape,
): readonly TranslatedResource[] {
  const parts = partsOf(mesh, proxy).map((part) => ({
    side: part.side,
    resources: resourcesOfPart(part, { mesh, endpoints, bundles }),
  }));
  const resources = distinctOf(parts, (one) => one);
  return proxy.singleServices === undefined ? resources : overSingleServices(resources, proxy.singleServices);
}
