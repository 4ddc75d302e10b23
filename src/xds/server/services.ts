// The discovery services and their streaming methods: ADS, and one service per type, which is the same stream limited to that type. Their
// messages are those of ADS.

import type { VariantName } from '../protocol/variant.ts';
import { type TypeUrl, typeUrls } from '../resources/type-url.ts';

export interface DiscoveryService {
  readonly name: string;
  readonly methods: readonly (readonly [method: string, variant: VariantName])[];
  readonly only: TypeUrl | undefined;
}

/** State-of-the-world, incremental or both, as Envoy's protos define them. */
export const discoveryServices: readonly DiscoveryService[] = [
  service('discovery', 'AggregatedDiscovery', 'AggregatedResources', undefined),
  service('cluster', 'ClusterDiscovery', 'Clusters', typeUrls.cluster),
  service('endpoint', 'EndpointDiscovery', 'Endpoints', typeUrls.endpoint),
  service('secret', 'SecretDiscovery', 'Secrets', typeUrls.secret),
  service('listener', 'ListenerDiscovery', 'Listeners', typeUrls.listener),
  service('route', 'RouteDiscovery', 'Routes', typeUrls.route),
  service('extension', 'ExtensionConfigDiscovery', 'ExtensionConfigs', typeUrls.extension),
];

function service(folder: string, name: string, what: string, only: TypeUrl | undefined): DiscoveryService {
  return {
    name: `envoy.service.${folder}.v3.${name}Service`,
    methods: [
      [`Stream${what}`, 'sotw'],
      [`Delta${what}`, 'delta'],
    ],
    only,
  };
}
