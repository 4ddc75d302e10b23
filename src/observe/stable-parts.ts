// What decides how an allowed call is counted, as a text that is equal for calls that are counted alike: read from the bytes of an entry,
// which is not decoded. It leaves out what differs from call to call (times, ids, sizes, ports), and the path, which is apart.
import { isAscii } from 'node:buffer';
import { filterTraces, inboundFilterNames } from '../lib/inbound-filters.ts';
import { lookUpPrefix, rbacMetadata } from '../policy/own-policies.ts';
import { tokenNamespace } from '../policy/token-metadata.ts';
import { createScan, readVarint, scanRepeated } from './wire-scan.ts';

export interface StableParts {
  readonly key: string;
  /** As in the entry: with its query, not empty, and nothing but ASCII. */
  readonly path: string;
  /** Epoch milliseconds of the proxy's clock; -Infinity if unknown. */
  readonly endedAt: number;
  /** Milliseconds; -1 if unknown. */
  readonly tookMs: number;
  /** Bytes on the wire, from the caller and to it. */
  readonly received: number;
  readonly sent: number;
}

/** Larger ones are rare. */
const maxBytes = 64 * 1024;

/** Undefined: the entry must be decoded. Whether it is an allowed call at all, its key does not say. */
export function stablePartsOf(bytes: Buffer, from: number, to: number): StableParts | undefined {
  if (to - from > maxBytes || !entry.run(bytes, from, to) || !entry.has(1) || !entry.has(3) || !entry.has(4))
    return undefined;
  if (!common.run(bytes, entry.from(1), entry.to(1))) return undefined;
  const path = pathIn(bytes);
  const peer = peerIn(bytes);
  const results = common.has(17) ? metadataIn(bytes) : '';
  const times = timesIn(bytes);
  const response = responseIn(bytes);
  if (path === undefined || peer === undefined || results === undefined) return undefined;
  if (times === undefined || response === undefined) return undefined;
  const [received, sent] = [numberIn(bytes, 30), numberIn(bytes, 29)];
  if (received === undefined || sent === undefined) return undefined;
  const method = request.has(1) ? text(bytes, request.from(1), request.to(1)) : '';
  // What filters said that they did: of one filter at most, otherwise it is decoded.
  const state = common.has(21) ? text(bytes, common.from(21), common.to(21)) : '';
  const flags = common.has(16) ? text(bytes, common.from(16), common.to(16)) : '';
  const alike = `${part(peer)}${part(results)}${part(response)}${part(state)}${part(flags)}`;
  return { key: `${alike}${tlsVersionIn(bytes)} ${method}`, path, ...times, received, sent };
}

// The messages and fields of envoy/data/accesslog/v3/accesslog.proto and what it imports.
const entry = createScan({ delimited: [1, 3, 4] });
/** A failure of the transport (28): the control plane's own probe may have come that way. */
const common = createScan({ delimited: [2, 4, 5, 16, 17, 20, 21, 23], varint: [29, 30], refused: [28] });
const tls = createScan({ delimited: [5], varint: [1] });
/** Nothing but a socket's address has a place in a key. */
const address = createScan({ delimited: [1], refused: [2, 3] });
const socket = createScan({ delimited: [2] });
const time = createScan({ varint: [1, 2] });
const request = createScan({ delimited: [5], varint: [1] });
const response = createScan({ delimited: [1, 6] });
const wrapped = createScan({ varint: [1] });
const mapEntry = createScan({ delimited: [1, 2] });

function text(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to);
}

/** So that the parts of a key cannot be mistaken for each other. */
function part(value: string): string {
  return `${value.length}:${value}`;
}

function pathIn(bytes: Buffer): string | undefined {
  if (!request.run(bytes, entry.from(3), entry.to(3)) || !request.has(5)) return undefined;
  const [from, to] = [request.from(5), request.to(5)];
  return from < to && isAscii(bytes.subarray(from, to)) ? text(bytes, from, to) : undefined;
}

/** The certificate; or if there is none, the address. */
function peerIn(bytes: Buffer): string | undefined {
  const isTls = common.has(4);
  if (isTls && !tls.run(bytes, common.from(4), common.to(4))) return undefined;
  if (isTls && tls.has(5) && tls.from(5) < tls.to(5)) return `c${text(bytes, tls.from(5), tls.to(5))}`;
  // TLS without a certificate: what it asks for may say that it is the control plane's own probe.
  if (isTls) return undefined;
  const field = common.has(20) ? 20 : 2;
  if (!common.has(field)) return 'p';
  if (!address.run(bytes, common.from(field), common.to(field)) || !address.has(1)) return undefined;
  if (!socket.run(bytes, address.from(1), address.to(1)) || !socket.has(2)) return undefined;
  return `p${text(bytes, socket.from(2), socket.to(2))}`;
}

function responseIn(bytes: Buffer): string | undefined {
  if (!response.run(bytes, entry.from(4), entry.to(4)) || !response.has(6)) return undefined;
  const details = text(bytes, response.from(6), response.to(6));
  if (!response.has(1)) return details;
  if (!wrapped.run(bytes, response.from(1), response.to(1))) return undefined;
  return wrapped.has(1) ? `${text(bytes, wrapped.from(1), wrapped.to(1))} ${details}` : details;
}

/** All that is read of the RBAC filters' results (rbac-results.ts). */
const resultNames = new Map(
  [
    ...inboundFilterNames
      .filter((name) => filterTraces[name].kind === 'authorizes')
      .flatMap((name) =>
        [
          'enforced_engine_result',
          'enforced_effective_policy_id',
          'shadow_engine_result',
          'shadow_effective_policy_id',
        ].map((last) => `${filterTraces[name].statPrefix}${last}`),
      ),
    `${lookUpPrefix}shadow_effective_policy_id`,
  ].map((name, index) => [name, index] as const),
);

/** Maps come in any order, another one in each entry: their values are put in theirs. */
function metadataIn(bytes: Buffer): string | undefined {
  const found: string[] = [];
  const tokens: string[] = [];
  const usual = scanRepeated(bytes, { from: common.from(17), to: common.to(17), field: 1 }, (from, to) => {
    if (!mapEntry.run(bytes, from, to) || !mapEntry.has(1) || !mapEntry.has(2)) return false;
    const namespace = text(bytes, mapEntry.from(1), mapEntry.to(1));
    const [start, end] = [mapEntry.from(2), mapEntry.to(2)];
    if (namespace === rbacMetadata) return resultsIn(bytes, start, end, found);
    if (namespace === tokenNamespace) return tokens.length === 0 && tokenIn(bytes, start, end, tokens);
    // For connections: not in an entry of HTTP.
    return namespace !== networkRbac;
  });
  return usual ? `${found.join('')}${tokens.join('')}` : undefined;
}

const networkRbac = 'envoy.filters.network.rbac';

/** Of a verified token, only under which name it is: what it says differs from caller to caller. */
function tokenIn(bytes: Buffer, from: number, to: number, tokens: string[]): boolean {
  return scanRepeated(bytes, { from, to, field: 1 }, (entryFrom, entryTo) => {
    if (!mapEntry.run(bytes, entryFrom, entryTo) || !mapEntry.has(1)) return false;
    tokens.push(`t=${part(text(bytes, mapEntry.from(1), mapEntry.to(1)))}`);
    return tokens.length === 1;
  });
}

function resultsIn(bytes: Buffer, from: number, to: number, found: string[]): boolean {
  if (found.length > 0) return false;
  found.length = resultNames.size;
  found.fill('');
  return scanRepeated(bytes, { from, to, field: 1 }, (entryFrom, entryTo) => {
    if (!mapEntry.run(bytes, entryFrom, entryTo) || !mapEntry.has(1) || !mapEntry.has(2)) return false;
    const index = resultNames.get(text(bytes, mapEntry.from(1), mapEntry.to(1)));
    if (index === undefined) return true;
    if (found[index] !== '') return false;
    found[index] = `${index}=${part(text(bytes, mapEntry.from(2), mapEntry.to(2)))}`;
    return true;
  });
}

/** After `peerIn`, which looks into the same message. */
function tlsVersionIn(bytes: Buffer): string {
  return common.has(4) && tls.has(1) ? text(bytes, tls.from(1), tls.to(1)) : '';
}

function numberIn(bytes: Buffer, field: number): number | undefined {
  return common.has(field) ? readVarint(bytes, common.from(field), common.to(field)) : 0;
}

function timesIn(bytes: Buffer): Pick<StableParts, 'endedAt' | 'tookMs'> | undefined {
  const tookMs = common.has(23) ? millisIn(bytes, common.from(23), common.to(23)) : -1;
  if (tookMs === undefined) return undefined;
  if (!common.has(5) || !common.has(23)) return { endedAt: Number.NEGATIVE_INFINITY, tookMs };
  const start = millisIn(bytes, common.from(5), common.to(5));
  return start === undefined ? undefined : { endedAt: start + tookMs, tookMs };
}

function millisIn(bytes: Buffer, from: number, to: number): number | undefined {
  if (!time.run(bytes, from, to)) return undefined;
  const seconds = time.has(1) ? readVarint(bytes, time.from(1), time.to(1)) : 0;
  const nanos = time.has(2) ? readVarint(bytes, time.from(2), time.to(2)) : 0;
  return seconds === undefined || nanos === undefined || nanos >= 2 ** 31 ? undefined : seconds * 1000 + nanos / 1e6;
}
