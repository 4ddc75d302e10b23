// Parses a request only once for all streams that send the same: a proxy's requests are the same as those of every other in the same state,
// apart from its node and the order of its lists (Envoy's is another in each process), and its ACKs apart from what they answer.
import { createHash } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Limits } from './limits.ts';
import type { DeltaRequest, Received, SotwRequest } from './received.ts';
import { decode, type ReadRequest, readNode, readVersion } from './request.ts';
import { type OwnFields, partsOf } from './request-parts.ts';
import type { SharedSteps } from './shared-steps.ts';

/** Longer texts are known by their hash, so that what is remembered of them is short. */
const mostText = 1024;

/**
 * As `reader` does, but for the order of names, which means nothing. Requests that differ only in that order, or in what they answer, share
 * their lists of names.
 */
export function readOnce<Request extends SotwRequest | DeltaRequest>(
  reader: ReadRequest<Request>,
  fields: OwnFields,
  shared: SharedSteps,
  bytes: Uint8Array,
  only: TypeUrl | undefined,
  limits: Limits,
): Received<Request> {
  const parts = partsOf(bytes, fields);
  if (parts === undefined) return reader(bytes, only, limits);
  const { rest, node, nonce, version, versions } = parts;
  const isLong = rest.length > mostText;
  const key = isLong ? `#${createHash('sha256').update(rest).digest('base64')}` : ` ${rest.toString('latin1')}`;
  const common = shared.read(`${only ?? ''}${key}`, () => reader(rest, only, limits));
  // Of a name with several versions the last one counts, and which that was is gone with the order.
  if (isDelta(common.request) && common.request.initialVersions.size !== versions) return reader(bytes, only, limits);
  const received = nonce === undefined ? common : answering(common, nonce, version, limits);
  if (node === undefined) return received;
  const message = decode(() => fromBinary(NodeSchema, node));
  return { ...received, node: readNode(message, limits) };
}

function isDelta(request: SotwRequest | DeltaRequest | undefined): request is DeltaRequest {
  return request !== undefined && 'initialVersions' in request;
}

function answering<Request extends SotwRequest | DeltaRequest>(
  common: Received<Request>,
  nonce: Buffer,
  version: Buffer | undefined,
  limits: Limits,
): Received<Request> {
  if (common.request === undefined) return common;
  const answered = version === undefined ? {} : { version: readVersion(version.toString('utf8'), limits) };
  return { ...common, request: { ...common.request, ...answered, nonce: nonce.toString('utf8') } };
}
