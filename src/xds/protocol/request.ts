// Parses a request from the wire into what the steps use: the only place where hostile bytes become typed, limited values.

import { fromBinary } from '@bufbuild/protobuf';
import { type Node, NodeSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { clip } from '../../lib/clip.ts';
import { CellwallError } from '../../lib/errors.ts';
import { isTypeUrl, type TypeUrl } from '../resources/type-url.ts';
import type { StreamNode } from '../server/node.ts';
import type { Limits } from './limits.ts';
import type { DeltaRequest, Received, SotwRequest } from './received.ts';
import type { SharedSteps } from './shared-steps.ts';

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

/** Longer requests are nobody's habit: a proxy that comes back says what it has, about a hundred bytes a resource. */
const mostShared = 128 * 1024;

/**
 * Parses a request like the reader, but only once for all streams that send the same bytes apart from their node: a proxy's requests are
 * the same as those of every other in the same state, and so are its ACKs, because it was sent the same responses.
 */
export function readOnce<Request>(
  reader: ReadRequest<Request>,
  nodeField: 1 | 2,
  shared: SharedSteps,
  bytes: Uint8Array,
  only: TypeUrl | undefined,
  limits: Limits,
): Received<Request> {
  if (bytes.length > mostShared) return reader(bytes, only, limits);
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [start, end] = placeOfNode(whole, nodeField);
  const node = end > start ? whole.subarray(start, end) : undefined;
  const rest = node === undefined ? whole : Buffer.concat([whole.subarray(0, start), whole.subarray(end)]);
  const key = `${only ?? ''} ${rest.toString('latin1')}`;
  const received = shared.read(key, () => reader(rest, only, limits));
  if (node === undefined) return received;
  // A node that occurs twice is merged from both.
  if (received.node !== undefined) return reader(bytes, only, limits);
  const message = decode(() => fromBinary(NodeSchema, node.subarray(node.length - lengthOf(node))));
  return { ...received, node: readNode(message, limits) };
}

/** Where the node's field begins and ends: at the place where encoders put it, preceded at most by the version. */
function placeOfNode(bytes: Buffer, nodeField: 1 | 2): readonly [start: number, end: number] {
  const first = fieldEnd(bytes, 0, 1);
  if (nodeField === 1) return [0, first];
  return [first, fieldEnd(bytes, first, 2)];
}

/** Where the field with that number that begins `at` ends; `at`, if it is another field. */
function fieldEnd(bytes: Buffer, at: number, number: number): number {
  const count = lengthBytes(bytes, at + 1);
  if (bytes[at] !== number * 8 + 2 || (bytes[at + count] ?? 0) >= 0x80) return at;
  const end = at + 1 + count + lengthOf(bytes.subarray(at));
  return end <= bytes.length ? end : at;
}

/** Number of the field with which the bytes begin; a varint of up to four bytes. */
function lengthOf(bytes: Buffer): number {
  let length = 0;
  for (let at = 1; at <= lengthBytes(bytes, 1); at++) length += ((bytes[at] ?? 0) & 0x7f) * 128 ** (at - 1);
  return length;
}

function lengthBytes(bytes: Buffer, at: number): number {
  let count = 1;
  while (count < 4 && (bytes[at + count - 1] ?? 0) >= 0x80) count++;
  return count;
}

function decode<T>(read: () => T): T {
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
function readVersion(version: string, limits: Limits): string {
  if (version.length <= limits.nameBytes) return version;
  throw new CellwallError('resource_exhausted', `a version is longer than ${limits.nameBytes} characters`);
}

export function tooManyNames(limits: Limits): CellwallError {
  return new CellwallError('resource_exhausted', `more than ${limits.names} resource names of one type on one stream`, {
    hint: 'subscribe to the wildcard, or to fewer names',
  });
}

function readNode(node: Node | undefined, limits: Limits): StreamNode | undefined {
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
