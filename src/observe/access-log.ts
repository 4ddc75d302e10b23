// Envoy's access-log entries → calls. Pure. The log's name, and the names under which filters leave their results, are ours
// (lib/log-names.ts, lib/inbound-filters.ts).

import { type Any, anyUnpack, type Struct, StructSchema } from '@bufbuild/protobuf/wkt';
import { RequestMethod } from '#gen/envoy/config/core/v3/base_pb.js';
import type {
  AccessLogCommon,
  HTTPAccessLogEntry,
  TCPAccessLogEntry,
  TLSProperties_CertificateProperties,
} from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { clip } from '../lib/clip.ts';
import { defined } from '../lib/defined.ts';
import { refusingFilter } from '../lib/inbound-filters.ts';
import { type InboundChain, type InboundLogPlace, readInboundLogName } from '../lib/log-names.ts';
import { actionsTaken, tokenSetBy } from '../lib/token-actions.ts';
import { parseSpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import { filterPolicy, guards } from '../policy/own-policies.ts';
import type { CallerClass } from '../policy/replay/recorded-call.ts';
import { oddPath, type RecordedPath } from '../policy/replay/recorded-path.ts';
import { issuerOfTokenKey, tokenNamespace } from '../policy/token-metadata.ts';
import { type Results, readResults, shadowOf } from './rbac-results.ts';
import type { Call } from './traffic-count.ts';

export interface InboundLog extends InboundLogPlace {
  readonly chain: InboundChain;
}

/** How to shorten a canonical path at a port (by its key); it comes with its query, none of which is kept. */
export type KeepPath = (port: string, path: string) => RecordedPath | undefined;

/** The key of the port whose log it is. */
export function portOfLog({ service, port }: InboundLogPlace): string {
  return port === undefined ? service : `${service}:${port}`;
}

/** The port and chain in a log name; undefined for logs of anything but an inbound chain. */
export function readLogName(logName: string): InboundLog | undefined {
  const read = readInboundLogName(logName);
  if (read === undefined || read.part === 'listener') return undefined;
  const { part, ...place } = read;
  return { ...place, chain: part };
}

/** Plaintext without readable headers: nothing was requested, so it is nobody's call. */
export function isNoRequest(
  part: { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry } | { readonly kind: 'tcp' },
  { chain }: InboundLog,
): boolean {
  if (part.kind === 'tcp' || chain === 'mtls' || part.entry.commonProperties?.tlsProperties !== undefined) return false;
  return (
    !isRead(part.entry) && /^(http1\.|request_header_timeout)/.test(part.entry.response?.responseCodeDetails ?? '')
  );
}

/** The proxy read enough to know what was requested. */
export function isRead({ request }: HTTPAccessLogEntry): boolean {
  return request !== undefined && (request.path !== '' || request.requestMethod !== RequestMethod.METHOD_UNSPECIFIED);
}

/** Undefined for an entry without common properties. `keepPath` decides what is kept of the path. */
export function httpCall(
  log: InboundLog,
  { commonProperties: common, request, response }: HTTPAccessLogEntry,
  domains: readonly TrustDomain[],
  keepPath: KeepPath,
): Call | undefined {
  if (common === undefined) return undefined;
  const details = response?.responseCodeDetails ?? '';
  // A strict service's plaintext chain admits probes, and refuses the rest itself.
  const denied = isDenial(details) || (log.chain === 'health' && !/^(via_)?upstream/.test(details));
  const answered = isAnswered(details, response?.responseCode ?? 0);
  const base = call(log, common, domains, details, denied ? 'denied' : answered ? 'allowed' : 'failed');
  if (request === undefined || request.path === '') return base;
  const path = details === 'path_normalization_failed' ? oddPath : keepPath(portOfLog(log), request.path);
  return { ...base, method: methodOf(request.requestMethod), ...(path === undefined ? {} : { path }) };
}

/** `failed` if the application was not reached. Undefined for an entry without common properties. */
export function tcpCall(
  log: InboundLog,
  { commonProperties: common }: TCPAccessLogEntry,
  domains: readonly TrustDomain[],
): Call | undefined {
  if (common === undefined) return undefined;
  const details = common.connectionTerminationDetails;
  return call(log, common, domains, details, isDenial(details) ? 'denied' : reached(common) ? 'allowed' : 'failed');
}

/**
 * Answered by the application, as far as the caller wanted to read it: a caller that leaves in the middle of an answer counts as answered.
 */
function isAnswered(details: string, code: number): boolean {
  return (
    details.startsWith('via_upstream') || (code > 0 && /^(downstream_|http2\.remote_)/.test(details)) || code === 101
  );
}

/** The application accepted the connection: for some callers, nothing is decided or connected before the first byte. */
function reached({ upstreamRemoteAddress, responseFlags: flags }: AccessLogCommon): boolean {
  if (upstreamRemoteAddress === undefined) return false;
  return !(flags?.upstreamConnectionFailure || flags?.upstreamRetryLimitExceeded || flags?.noHealthyUpstream);
}

/** Denials of gRPC are HTTP 200, so the code says nothing. */
function isDenial(details: string): boolean {
  return (
    details.startsWith('rbac_access_denied') ||
    details === 'path_normalization_failed' ||
    details === upgradeFailed ||
    refusingFilter(details) !== undefined
  );
}

/** Before any filter: a request for something that the service does not have. */
const upgradeFailed = 'upgrade_failed';

function call(
  { service, port }: InboundLog,
  common: AccessLogCommon,
  domains: readonly TrustDomain[],
  details: string,
  decision: Call['decision'],
): Call {
  const results = readResults(common.metadata?.filterMetadata ?? {});
  const denied = decision === 'denied';
  const shadow = shadowOf(results, denied);
  const policy = denied ? denyingPolicy(details) : allowingPolicy(results);
  return {
    service,
    ...(port === undefined ? {} : { port }),
    ...withToken(callerOf(common, domains), common),
    decision,
    ...(policy === undefined ? {} : { policy }),
    ...(shadow === undefined ? {} : { shadow }),
    ...defined({ credential: denied ? undefined : tokenSet(common) }),
  };
}

/** The composite filter says which of its actions it took; only those that set a token have such names. */
function tokenSet({ filterStateObjects }: AccessLogCommon): string | undefined {
  const state = filterStateObjects[actionsTaken];
  if (state === undefined) return undefined;
  const actions = Object.values(unpacked(state)?.fields ?? {});
  const names = actions.map(({ kind }) => (kind.case === 'stringValue' ? tokenSetBy(kind.value) : undefined));
  const name = names.find((one) => one !== undefined);
  return name === undefined ? undefined : clip(name, maxName);
}

function unpacked(state: Any): Struct | undefined {
  try {
    return anyUnpack(state, StructSchema);
  } catch {
    return undefined;
  }
}

/** `rbac_access_denied_matched_policy[name]` */
function denyingPolicy(details: string): string | undefined {
  if (details === upgradeFailed) return guards.upgrade;
  const filter = refusingFilter(details);
  if (filter !== undefined) return filterPolicy(filter);
  const name = /matched_policy\[([^\]]*)\]/.exec(clip(details, maxName))?.[1];
  return name === undefined || name === 'none' ? undefined : name;
}

function allowingPolicy({ enforced }: Results): string | undefined {
  return enforced.get('authz-allow')?.policy;
}

function callerOf(
  common: AccessLogCommon,
  domains: readonly TrustDomain[],
): Pick<Call, 'caller' | 'principal' | 'peer' | 'issuer'> {
  const tls = common.tlsProperties;
  if (tls === undefined) return anonymous('plaintext', common);
  const certificate = tls.peerCertificateProperties;
  if (certificate === undefined || isEmpty(certificate)) return anonymous('one-way-tls', common);
  for (const { san } of certificate.subjectAltName) {
    const principal = san.case === 'uri' ? parseSpiffeId(san.value) : undefined;
    if (principal !== undefined && domains.includes(trustDomainOf(principal))) {
      const { issuer } = certificate;
      return { caller: 'mtls', principal, ...(issuer === '' ? {} : { issuer: clip(issuer, maxPeer) }) };
    }
  }
  return certificate.subject === ''
    ? anonymous('legacy', common)
    : { caller: 'legacy', peer: clip(certificate.subject, maxPeer) };
}

/**
 * The JWT filter puts what a verified token says into the metadata, under the issuer's name; only that name is kept. A caller with an
 * identity is judged by the identity.
 */
function withToken<T extends Pick<Call, 'caller'>>(call: T, { metadata }: AccessLogCommon): T & Pick<Call, 'token'> {
  if (call.caller === 'mtls') return call;
  const verified = Object.keys(metadata?.filterMetadata[tokenNamespace] ?? {});
  const issuer = verified.map(issuerOfTokenKey).find((name) => name !== undefined);
  return issuer === undefined ? call : { ...call, token: clip(issuer, maxName) };
}

/** What a proxy says is believed, but its length is limited: thousands of these are kept. */
const maxPeer = 256;
const maxName = 1024;

function anonymous(caller: CallerClass, common: AccessLogCommon): Pick<Call, 'caller' | 'peer'> {
  const at = common.downstreamDirectRemoteAddress ?? common.downstreamRemoteAddress;
  const address = at?.address.case === 'socketAddress' ? at.address.value.address : '';
  return address === '' ? { caller } : { caller, peer: clip(address, maxPeer) };
}

function isEmpty({ subject, subjectAltName, issuer }: TLSProperties_CertificateProperties): boolean {
  return subject === '' && issuer === '' && subjectAltName.length === 0;
}

/** As RBAC rules write it; `OTHER` for what Envoy does not name. */
export function methodOf(method: RequestMethod): string {
  return method === RequestMethod.METHOD_UNSPECIFIED ? 'OTHER' : (RequestMethod[method] ?? 'OTHER');
}
