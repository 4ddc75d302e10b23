// Parses a request from the wire into what the steps use: the only place where hostile bytes become typed, limited values.

import { fromBinary } from '@bufbuild/protobuf';
import type { Node } from '#gen/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { clip } from '../../lib/clip.ts';
import { CellwallError } from '../../lib/errors.ts';
import { isTypeUrl, type TypeUrl } from '../resources/type-url.ts';
import type { StreamNode } from '../server/node.ts';
import type { Limits } from './limits.ts';
import type { DeltaRequest, Received, SotwRequest } from './received.ts';

/** `only`: the type of a single-type service, in whose requests `type_url` may be omitted. */
export type ReadRequest<Request> = (bytes: Uint8Array, only: TypeUrl | undefined, limits: Limits) => Received<Request>;

/** Throws `invalid_argument`, or `resource_exhausted` for what exceeds a limit. */
export const readSotw: ReadRequest<SotwRequest> = (bytes, only, limits) => {
  const message = decode(() => fromBinary(DiscoveryRequestSchema, bytes));
  const typeUrl = readType(message.typeUrl, only);
  const request = isTypeUrl(typeUrl)
    ? {
        typeUrl,
        version: readVersion(message.versionInfo, limits),
        names: readNames(message.resourceNames, limits),
        nonce: message.responseNonce,
        error: message.errorDetail && clip(message.errorDetail.message, limits.errorLength),
      }
    : undefined;
  return { node: readNode(message.node, limits), request, typeUrl };
};

/** Throws `invalid_argument`, or `resource_exhausted` for what exceeds a limit. */
export const readDelta: ReadRequest<DeltaRequest> = (bytes, only, limits) => {
  const message = decode(() => fromBinary(DeltaDiscoveryRequestSchema, bytes));
  const typeUrl = readType(message.typeUrl, only);
  const versions = Object.entries(message.initialResourceVersions);
  readNames(
    versions.map(([name]) => name),
    limits,
  );
  for (const [, version] of versions) readVersion(version, limits);
  const request = isTypeUrl(typeUrl)
    ? {
        typeUrl,
        subscribe: readNames(message.resourceNamesSubscribe, limits),
        unsubscribe: readNames(message.resourceNamesUnsubscribe, limits),
        initialVersions: new Map(versions),
        nonce: message.responseNonce,
        error: message.errorDetail && clip(message.errorDetail.message, limits.errorLength),
      }
    : undefined;
  return { node: readNode(message.node, limits), request, typeUrl };
};

/** Throws `invalid_argument` if it does. */
export function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'the request is not a discovery request', { cause });
  }
}

function readType(typeUrl: string, only: TypeUrl | undefined): string {
  if (typeUrl === '' && only !== undefined) return only;
  if (only !== undefined && typeUrl !== only) {
    throw new CellwallError('invalid_argument', `this service serves ${only}, not ${typeUrl.slice(0, 200)}`, {
      hint: 'ask for other types over their own services or over ADS',
    });
  }
  if (typeUrl === '') throw new CellwallError('invalid_argument', 'type_url is missing: ADS needs it in every request');
  return typeUrl;
}

function readNames(names: readonly string[], limits: Limits): readonly string[] {
  if (names.length > limits.names) throw tooManyNames(limits);
  for (const name of names) {
    // UTF-16 is never longer than UTF-8, and UTF-8 at most three times as long.
    if (name.length * 3 > limits.nameBytes && Buffer.byteLength(name) > limits.nameBytes) {
      throw new CellwallError('resource_exhausted', `a resource name is longer than ${limits.nameBytes} bytes`);
    }
  }
  return names;
}

/** Kept until it is compared, so no longer than a name. */
export function readVersion(version: string, limits: Limits): string {
  if (version.length <= limits.nameBytes) return version;
  throw new CellwallError('resource_exhausted', `a version is longer than ${limits.nameBytes} characters`);
}

export function tooManyNames(limits: Limits): CellwallError {
  return new CellwallError('resource_exhausted', `more than ${limits.names} resource names of one type on one stream`, {
    hint: 'subscribe to the wildcard, or to fewer names',
  });
}

export function readNode(node: Node | undefined, limits: Limits): StreamNode | undefined {
  if (node === undefined) return undefined;
  const metadata = node.metadata ?? {};
  const version = node.userAgentVersionType;
  const build = version.case === 'userAgentBuildVersion' ? version.value.version : undefined;
  const number =
    version.case === 'userAgentVersion'
      ? version.value
      : build === undefined
        ? ''
        : `${build.majorNumber}.${build.minorNumber}.${build.patch}`;
  const userAgent = number === '' ? node.userAgentName : `${node.userAgentName}/${number}`;
  const size =
    Buffer.byteLength(node.id) + node.cluster.length + userAgent.length + Buffer.byteLength(JSON.stringify(metadata));
  if (size > limits.nodeBytes) {
    throw new CellwallError('resource_exhausted', `node is larger than ${limits.nodeBytes} bytes`, {
      hint: 'shorten node.metadata in the bootstrap',
    });
  }
  return { id: node.id, cluster: node.cluster, userAgent, metadata };
}
