// Config sources, and the connection to the control plane, which nothing that comes over it may touch.
import { isMessage } from '@bufbuild/protobuf';
import { BootstrapSchema } from '#gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { type Cluster, ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { ConfigSourceSchema } from '#gen/envoy/config/core/v3/config_source_pb.js';
import type { SdsSecretConfig } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { UpstreamTlsContextSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { controlPlaneCluster } from '../names.ts';
import { unpacked } from '../wire/any.ts';
import { extensionRegistry } from './registry.ts';
import { about, type Rule } from './rule.ts';

/** One resource that never arrives would block every listener of a starting Envoy, for ever. */
const fetchTimeout = about([ConfigSourceSchema], (message) => {
  if (message.initialFetchTimeout === undefined) return [];
  const { seconds, nanos } = message.initialFetchTimeout;
  return seconds === 0n && nanos === 0 ? [['fetch-timeout', 'initial_fetch_timeout 0 waits for ever']] : [];
});

const controlPlane = about([ClusterSchema], (message, ancestors) =>
  ancestors.length === 0 && message.name === controlPlaneCluster
    ? [['control-plane-cluster', `${controlPlaneCluster} is the bootstrap's own`]]
    : [],
);

/** Secrets of the xDS connection over that same connection crashed Envoy 1.40. */
const xdsSecrets = about([BootstrapSchema], (message) => {
  const names = (message.dynamicResources?.adsConfig?.grpcServices ?? []).map(({ targetSpecifier: target }) =>
    target.case === 'envoyGrpc' ? target.value.clusterName : '',
  );
  const clusters = message.staticResources?.clusters ?? [];
  return clusters.some((cluster) => names.includes(cluster.name) && secretsOf(cluster).some(isByAds))
    ? [['xds-secret-over-ads', 'secrets of the xDS connection come from files or a local socket']]
    : [];
});

function isByAds({ sdsConfig }: SdsSecretConfig): boolean {
  return sdsConfig?.configSourceSpecifier.case === 'ads';
}

function secretsOf({ transportSocket }: Cluster): readonly SdsSecretConfig[] {
  const config = transportSocket?.configType.value;
  const context = config && unpacked(config, extensionRegistry);
  if (context === undefined || !isMessage(context, UpstreamTlsContextSchema)) return [];
  const common = context.commonTlsContext;
  const validation = common?.validationContextType;
  const bundle =
    validation?.case === 'validationContextSdsSecretConfig'
      ? validation.value
      : validation?.case === 'combinedValidationContext'
        ? validation.value.validationContextSdsSecretConfig
        : undefined;
  return [...(common?.tlsCertificateSdsSecretConfigs ?? []), ...(bundle === undefined ? [] : [bundle])];
}

export const discoveryRules: readonly Rule[] = [fetchTimeout, controlPlane, xdsSecrets];
