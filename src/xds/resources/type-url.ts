// The xDS resource types served, in the order in which they are pushed (make before break):
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations

export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  extension: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

const known: ReadonlySet<string> = new Set(Object.values(typeUrls));

/** Whether it is one of the types that are served here. */
export function isTypeUrl(text: string): text is TypeUrl {
  return known.has(text);
}
