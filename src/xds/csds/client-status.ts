// Answers a CSDS request from the current state of the streams: per node, each resource with its status.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
import { create } from '@bufbuild/protobuf';
import { ClientResourceStatus } from '#gen/envoy/admin/v3/config_dump_shared_pb.js';
import {
  type ClientConfig,
  type ClientConfig_GenericXdsConfig,
  ClientConfig_GenericXdsConfigSchema,
  ClientConfigSchema,
  type ClientStatusRequest,
  type ClientStatusResponse,
  ClientStatusResponseSchema,
  ConfigStatus,
} from '#gen/envoy/service/status/v3/csds_pb.js';
import { redactedAny } from '../resources/redacted-any.ts';
import type { StreamView } from '../server/stream.ts';
import { matchesNode } from './node-matcher.ts';
import { type ResourceStatus, resourceStatuses } from './resource-status.ts';

const statuses: Readonly<Record<ResourceStatus['status'], readonly [ConfigStatus, ClientResourceStatus]>> = {
  synced: [ConfigStatus.SYNCED, ClientResourceStatus.ACKED],
  'not-sent': [ConfigStatus.NOT_SENT, ClientResourceStatus.REQUESTED],
  stale: [ConfigStatus.STALE, ClientResourceStatus.REQUESTED],
  error: [ConfigStatus.ERROR, ClientResourceStatus.NACKED],
  absent: [ConfigStatus.SYNCED, ClientResourceStatus.DOES_NOT_EXIST],
};

/**
 * One `ClientConfig` per matching node. Secrets are redacted; with `excludeResourceContents` nothing is included but
 * names and status.
 */
export function clientStatus(
  views: readonly StreamView[],
  { nodeMatchers, excludeResourceContents }: Pick<ClientStatusRequest, 'nodeMatchers' | 'excludeResourceContents'>,
): ClientStatusResponse {
  // A client of single-type services has several streams, and one that reconnects has two of a type: the newest counts.
  const nodes = new Map<string, ClientConfig>();
  const resources = new Map<string, Map<string, ResourceStatus>>();
  for (const view of views) {
    const { node, claims } = view;
    if (!matchesNode(nodeMatchers, claims)) continue;
    const { id, cluster, userAgent: userAgentName } = claims;
    nodes.set(node, create(ClientConfigSchema, { node: { id, cluster, userAgentName } }));
    const known = resources.get(node) ?? new Map<string, ResourceStatus>();
    resources.set(node, known);
    for (const status of resourceStatuses(view)) known.set(`${status.typeUrl} ${status.name}`, status);
  }
  for (const [node, config] of nodes) {
    for (const one of resources.get(node)?.values() ?? []) {
      config.genericXdsConfigs.push(genericConfig(one, excludeResourceContents));
    }
  }
  return create(ClientStatusResponseSchema, { config: [...nodes.values()] });
}

function genericConfig(
  { typeUrl, name, status, version, resource, error }: ResourceStatus,
  excludeContents: boolean,
): ClientConfig_GenericXdsConfig {
  const [configStatus, forClient] = statuses[status];
  return create(ClientConfig_GenericXdsConfigSchema, {
    typeUrl,
    name,
    versionInfo: version,
    configStatus,
    clientStatus: forClient,
    ...(resource === undefined || excludeContents ? {} : { xdsConfig: redactedAny(resource) }),
    ...(error === undefined ? {} : { errorState: { details: error, versionInfo: version } }),
  });
}
