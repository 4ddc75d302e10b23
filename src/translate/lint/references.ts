// Dangling references, and addresses used twice: one of these would block or invalidate the rest of a response.

import type { Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { AddressSchema } from '#gen/envoy/config/core/v3/address_pb.js';
import { GrpcService_EnvoyGrpcSchema } from '#gen/envoy/config/core/v3/grpc_service_pb.js';
import { FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteActionSchema } from '#gen/envoy/config/route/v3/route_components_pb.js';
import {
  HttpFilterSchema,
  RdsSchema,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '#gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import {
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  CommonTlsContextSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { controlPlaneCluster } from '../names.ts';
import type { TranslatedResource } from '../proxy.ts';
import type { Finding } from './finding.ts';
import type { Wrong } from './rule.ts';

type Kind = 'cluster' | 'endpoints' | 'route' | 'extension' | 'secret';

const kinds: Readonly<Record<string, Kind>> = {
  'type.googleapis.com/envoy.config.cluster.v3.Cluster': 'cluster',
  'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment': 'endpoints',
  'type.googleapis.com/envoy.config.route.v3.RouteConfiguration': 'route',
  'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig': 'extension',
  'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret': 'secret',
};

/** How a resource is referred to, and which addresses it uses. */
export interface Place {
  readonly typeUrl: string;
  readonly name: string;
  /** Of a listener. */
  readonly address?: string;
}

export type Reference = readonly [kind: Kind, name: string];

export interface References {
  /** For all resources together: names and addresses that occur twice. */
  readonly findings: readonly Finding[];
  /** References of a message whose targets do not exist. */
  missing(references: readonly Reference[]): readonly Wrong[];
}

/** All that has to be known about a resource to find references to it. */
export function placeOf({ typeUrl, name, message }: TranslatedResource): Place {
  const address = addressOf(message);
  return { typeUrl, name, ...(address === undefined ? {} : { address }) };
}

/** Assumes that the cluster of the control plane exists: the bootstrap has it. */
export function references(places: readonly Place[]): References {
  const findings: Finding[] = [];
  const known = new Set([`cluster ${controlPlaneCluster}`]);
  const taken = new Set<string>();
  const names = new Set<string>();
  for (const { typeUrl, name, address } of places) {
    const report = (code: string, text: string): void => {
      findings.push({ code, typeUrl, resource: name, path: '', message: text });
    };
    if (names.has(`${typeUrl} ${name}`)) report('same-name', 'there twice');
    names.add(`${typeUrl} ${name}`);
    known.add(`${kinds[typeUrl] ?? typeUrl} ${name}`);
    if (address !== undefined && taken.has(address)) report('same-address', `${address} is taken by another listener`);
    if (address !== undefined) taken.add(address);
  }
  return {
    findings,
    missing: (all) =>
      all
        .filter(([kind, target]) => !known.has(`${kind} ${target}`))
        .map(([kind, target]) => ['dangling', `there is no ${kind} "${target}"`]),
  };
}

function addressOf(message: Message): string | undefined {
  if (!isMessage(message, ListenerSchema) || message.address === undefined) return undefined;
  if (!isMessage(message.address, AddressSchema)) return undefined;
  if (message.address.address.case === 'pipe') return message.address.address.value.path;
  if (message.address.address.case !== 'socketAddress') return undefined;
  const { address, portSpecifier } = message.address.address.value;
  // Port 0 means a free one.
  return portSpecifier.case === 'portValue' && portSpecifier.value !== 0
    ? `${address}:${portSpecifier.value}`
    : undefined;
}

/** Messages that refer to others. */
const referring = new Set(
  [
    ...[RouteActionSchema, TcpProxySchema, GrpcService_EnvoyGrpcSchema, ClusterSchema, RdsSchema, FilterSchema],
    ...[HttpFilterSchema, CommonTlsContext_CombinedCertificateValidationContextSchema, CommonTlsContextSchema],
  ].map(({ typeName }): string => typeName),
);

/** Without certificates: the proxy's own is added later. */
export function referencesOf(message: Message): readonly Reference[] {
  if (!referring.has(message.$typeName)) return [];
  if (isMessage(message, RouteActionSchema) || isMessage(message, TcpProxySchema)) {
    const { clusterSpecifier: cluster } = message;
    if (cluster.case === 'weightedClusters')
      return cluster.value.clusters.map(({ name }) => ['cluster', name] as const);
    return cluster.case === 'cluster' ? [['cluster', cluster.value]] : [['cluster', `(by ${cluster.case})`]];
  }
  if (isMessage(message, GrpcService_EnvoyGrpcSchema)) return [['cluster', message.clusterName]];
  if (isMessage(message, ClusterSchema) && message.edsClusterConfig !== undefined) {
    return [['endpoints', message.edsClusterConfig.serviceName || message.name]];
  }
  if (isMessage(message, RdsSchema)) return [['route', message.routeConfigName]];
  if (isMessage(message, FilterSchema) || isMessage(message, HttpFilterSchema)) {
    return message.configType.case === 'configDiscovery' ? [['extension', message.name]] : [];
  }
  const bundle = bundleOf(message);
  return bundle === undefined ? [] : [['secret', bundle]];
}

function bundleOf(message: Message): string | undefined {
  if (isMessage(message, CommonTlsContext_CombinedCertificateValidationContextSchema)) {
    return message.validationContextSdsSecretConfig?.name;
  }
  if (!isMessage(message, CommonTlsContextSchema)) return undefined;
  const { validationContextType: type } = message;
  return type.case === 'validationContextSdsSecretConfig' ? type.value.name : undefined;
}
