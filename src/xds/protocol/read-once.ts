// Parses a request only once for all streams that send the same: a proxy's requests are the same as those of every other in the same state,
// apart from its node, and its ACKs apart from what they answer.
import { isUtf8 } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '#gen/envoy/config/core/v3/base_pb.js';
import type { TypeUrl } from '../resources/type-url.ts';
import type { Limits } from './limits.ts';
import type { DeltaRequest, Received, SotwRequest } from './received.ts';
import { decode, type ReadRequest, readNode, readVersion } from './request.ts';
import type { SharedSteps } from './shared-steps.ts';

/** Numbers of the fields in which requests differ. `version`: 0 if there is none. */
export interface OwnFields {
  readonly node: number;
  readonly version: number;
  readonly nonce: number;
}

/** Longer requests are nobody's habit: a proxy that comes back says what it has, about a hundred bytes a resource. */
const mostShared = 128 * 1024;

/** As `reader` does. Requests that differ only in what they answer share their lists of names. */
export function readOnce<Request extends SotwRequest | DeltaRequest>(
  reader: ReadRequest<Request>,
  fields: OwnFields,
  shared: SharedSteps,
  bytes: Uint8Array,
  only: TypeUrl | undefined,
  limits: Limits,
): Received<Request> {
  const parts = bytes.length > mostShared ? undefined : partsOf(bytes, fields);
  if (parts === undefined) return reader(bytes, only, limits);
  const { rest, node, nonce, version } = parts;
  const key = `${only ?? ''} ${rest.toString('latin1')}`;
  const common = shared.read(key, () => reader(rest, only, limits));
  const received = nonce === undefined ? common : answering(common, nonce, version, limits);
  if (node === undefined) return received;
  const message = decode(() => fromBinary(NodeSchema, node));
  return { ...received, node: readNode(message, limits) };
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

interface Parts {
  /** Without the fields below. */
  readonly rest: Buffer;
  readonly node: Buffer | undefined;
  readonly nonce: Buffer | undefined;
  /** Only of an answer: what a first request says that it has is not its own, because a fleet comes back with the same. */
  readonly version: Buffer | undefined;
}

/** Undefined for what this cannot take apart: a reader decides about it. */
function partsOf(bytes: Uint8Array, fields: OwnFields): Parts | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = { node: nowhere, nonce: nowhere, version: nowhere };
  for (let at = 0; at < whole.length; ) {
    const field = fieldAt(whole, at);
    if (field === undefined) return undefined;
    const name = nameOf(field.number, fields);
    if (name !== undefined) {
      // Texts: the last counts; messages: they are merged.
      if (found[name] !== nowhere) return undefined;
      found[name] = field;
    }
    at = field.end;
  }
  const { node, nonce } = found;
  const version = nonce.from === nonce.end ? nowhere : found.version;
  // Texts that are not UTF-8 are refused.
  if (![nonce, version].every(({ from, end }) => isUtf8(whole.subarray(from, end)))) return undefined;
  const cut = [node, nonce, version].filter((field) => field !== nowhere).sort((a, b) => a.start - b.start);
  return {
    rest: cut.length === 0 ? whole : without(whole, cut),
    node: content(whole, node),
    nonce: content(whole, nonce),
    version: content(whole, version),
  };
}

/** A field with a length: it begins at `start`, its content at `from`. */
interface Field {
  readonly number: number;
  readonly start: number;
  readonly from: number;
  readonly end: number;
}

const nowhere: Field = { number: 0, start: 0, from: 0, end: 0 };

function nameOf(number: number, { node, version, nonce }: OwnFields): 'node' | 'version' | 'nonce' | undefined {
  return number === node ? 'node' : number === nonce ? 'nonce' : number === version ? 'version' : undefined;
}

/** Of the fields with a length that requests have, all of low numbers. */
function fieldAt(bytes: Buffer, start: number): Field | undefined {
  const tag = bytes[start] ?? 0;
  if ((tag & 7) !== 2 || tag >= 0x80) return undefined;
  let [length, at, factor] = [0, start + 1, 1];
  for (; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined || factor > 2 ** 21) return undefined;
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  const end = at + length;
  return end > bytes.length ? undefined : { number: tag >>> 3, start, from: at, end };
}

function content(bytes: Buffer, { from, end }: Field): Buffer | undefined {
  return end === 0 ? undefined : bytes.subarray(from, end);
}

function without(bytes: Buffer, cut: readonly Field[]): Buffer {
  const rest = Buffer.allocUnsafe(bytes.length - cut.reduce((sum, { start, end }) => sum + end - start, 0));
  let [at, to] = [0, 0];
  for (const { start, end } of cut) {
    to += bytes.copy(rest, to, at, start);
    at = end;
  }
  bytes.copy(rest, to, at);
  return rest;
}
