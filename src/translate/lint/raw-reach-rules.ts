// What a raw resource may refer to: nothing that was not checked, and not the control plane in the proxy's name.
import { equals, isMessage, type Message } from '@bufbuild/protobuf';
import {
  ApiConfigSource_ApiType,
  ApiConfigSourceSchema,
  type ConfigSource,
  ConfigSourceSchema,
} from '#gen/envoy/config/core/v3/config_source_pb.js';
import { CommonGrpcAccessLogConfigSchema } from '#gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { SubjectAltNameMatcherSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { SdsSecretConfigSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { controlPlaneCluster } from '../names.ts';
import { localSecretConfig } from '../tls/secret-config.ts';
import type { Rule } from './rule.ts';

/** Nobody would check rules, routes or bundles from another server or a file. */
const configSource: Rule = (message, ancestors) =>
  isMessage(message, ConfigSourceSchema) && !isControlPlane(message) && !isOwnCertificate(message, ancestors.at(-1))
    ? [['raw-config-source', 'configuration comes from the control plane: from elsewhere it could not be looked into']]
    : [];

/** As the helper beside the proxy keeps it, and in no other way. */
function isOwnCertificate(source: ConfigSource, parent: Message | undefined): boolean {
  const { sdsConfig, name } = localSecretConfig();
  return (
    parent !== undefined &&
    isMessage(parent, SdsSecretConfigSchema) &&
    parent.name === name &&
    sdsConfig !== undefined &&
    equals(ConfigSourceSchema, source, sdsConfig)
  );
}

/** By ADS, or (translate/single-services.ts) by the service of one type. */
function isControlPlane({ configSourceSpecifier: source }: ConfigSource): boolean {
  if (source.case !== 'apiConfigSource') return source.case === 'ads';
  const { apiType, clusterNames, grpcServices } = source.value;
  return (
    (apiType === ApiConfigSource_ApiType.GRPC || apiType === ApiConfigSource_ApiType.DELTA_GRPC) &&
    clusterNames.length === 0 &&
    grpcServices.length > 0 &&
    grpcServices.every(
      ({ targetSpecifier: target }) =>
        target.case === 'envoyGrpc' &&
        target.value.clusterName === controlPlaneCluster &&
        target.value.authority === '',
    )
  );
}

/** Over that connection a proxy is given its keys. Only Envoy itself uses it: nobody else gets the answers. */
const controlPlane: Rule = (message, ancestors) => {
  const own = ancestors.some(
    (ancestor) => isMessage(ancestor, CommonGrpcAccessLogConfigSchema) || isMessage(ancestor, ApiConfigSourceSchema),
  );
  const leads = !own && clusterNames(message).includes(controlPlaneCluster);
  return leads || isOwnName(message)
    ? [['raw-control-plane', 'the control plane is reached by the proxy itself, and by nobody in its name']]
    : [];
};

/** Whatever the type calls it: `cluster`, `cluster_name`, `clusters`; also as a member of a oneof. */
function clusterNames(message: Message): readonly unknown[] {
  return Object.entries(message).flatMap(([key, value]: [string, unknown]): readonly unknown[] => {
    if (isOneof(value)) return /cluster/i.test(value.case) ? [value.value] : [];
    return /cluster/i.test(key) ? (Array.isArray(value) ? value : [value]) : [];
  });
}

function isOneof(value: unknown): value is { readonly case: string; readonly value: unknown } {
  return typeof value === 'object' && value !== null && 'case' in value && typeof value.case === 'string';
}

/** `spiffe://<trust domain>/cellwall/…` as the name of a target. */
function isOwnName(message: Message): boolean {
  if (!isMessage(message, SubjectAltNameMatcherSchema)) return false;
  const pattern = message.matcher?.matchPattern;
  return pattern?.case === 'exact' && /^spiffe:\/\/[^/]+\/cellwall\//.test(pattern.value);
}

export const rawReachRules: readonly Rule[] = [configSource, controlPlane];
