// Names of resources, all in one place: a reference and its target must never drift apart. (Names that Envoy reports back, and others read,
// are in lib/log-names.ts, lib/inbound-filters.ts, policy/own-policies.ts and policy/token-metadata.ts.)
import type { InboundFilterName } from '../lib/inbound-filters.ts';
import { defaultPort } from '../lib/port-name.ts';
import { type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { MtlsIr, PortIr, PortKey, ServiceKey } from '../policy/ir.ts';

/** The cluster of the bootstrap that is the control plane: access logs go there. Never sent by CDS. */
export const controlPlaneCluster = 'cellwall';

/** Listener, cluster and route configuration on the service's side, for one of its ports. */
export function inboundName({ port }: Pick<PortIr, 'port'>): string {
  return port === defaultPort ? 'inbound' : `inbound/${port}`;
}

/** Of the routes that are open without a certificate. */
export function healthRouteName(port: Pick<PortIr, 'port'>): string {
  return `${inboundName(port)}:health`;
}

/** For any port. */
export function isHealthRouteName(name: string): boolean {
  return /^inbound(\/[^/]*)?:health$/.test(name);
}

export const outboundPrefix = 'outbound:';
/** Listener, cluster and route configuration on the caller's side. */
export function outboundName(target: PortKey): string {
  return `${outboundPrefix}${target}`;
}

/** Endpoints as seen from a cell, or the same for all. A cell's name contains no "@". */
export function assignmentName(target: PortKey, viewerCell: string | undefined): string {
  return viewerCell === undefined ? target : `${target}@${viewerCell}`;
}

/** SDS name of the roots of a trust domain, for the SPIFFE validator: SPIRE's convention. */
export function bundleName(domain: TrustDomain): string {
  return trustDomainUri(domain);
}

/** The same with foreign trust domains, for ports whose rules name them: sorted. "#" and "," cannot occur in a SPIFFE ID. */
export function federatedBundleName(domain: TrustDomain, foreign: readonly TrustDomain[]): string {
  return foreign.length === 0 ? bundleName(domain) : `${bundleName(domain)}#federated/${foreign.join(',')}`;
}

/**
 * SDS name of the trust anchors of a permissive chain. "#" cannot occur in a SPIFFE ID, so that it is the name of no certificate and no
 * trust domain.
 */
export function permissiveBundleName(
  domain: TrustDomain,
  { legacyAuthority }: MtlsIr & { mode: 'permissive' },
): string {
  const name = `${trustDomainUri(domain)}#permissive`;
  return legacyAuthority === undefined ? name : `${name}/${legacyAuthority}`;
}

/** SDS name of a token that a service's application expects. No certificate or bundle has such a name. */
export function credentialName(service: ServiceKey, secret: string): string {
  return `${credentialPrefix}${service}/${secret}`;
}

const credentialPrefix = 'credential/';

export function isCredentialName(name: string): boolean {
  return name.startsWith(credentialPrefix);
}

/**
 * ECDS name of a filter of a service, which is also the filter's name in its chain. TCP has its own names: a service that changes its
 * protocol must not give a network filter to a listener that still subscribes to an HTTP one.
 */
export function extensionName(service: PortIr, filter: InboundFilterName): string {
  return service.protocol === 'tcp' ? `${service.id}/${filter}-tcp` : `${service.id}/${filter}`;
}

/** The plain identity header for applications: the caller's SPIFFE ID, absent for anonymous callers. */
export const peerIdHeader = 'x-cellwall-peer-id';
/** The names in it, absent if it has none: the caller's cell, and its service. */
export const peerCellHeader = 'x-cellwall-peer-cell';
export const peerServiceHeader = 'x-cellwall-peer-service';
/** What GitLab's Topology Service reads: the subject DN of the caller's certificate, whose CN is the name of its cell. */
export const subjectDnHeader = 'x-client-cert-subject-dn';
/** Envoy's own description of the caller's certificate. Only for identities of the mesh. */
export const xfccHeader = 'x-forwarded-client-cert';
/** No caller may send any header with this prefix. */
export const ownHeaderPrefix = 'x-cellwall-';
/** What the sidecar itself says about a caller: nobody else may, in any spelling. */
export const ownHeaders: readonly string[] = [`${ownHeaderPrefix}*`, subjectDnHeader, xfccHeader];
/** Control an Envoy: retries, timeouts, destination. */
export const steeringPrefix = 'x-envoy-';
/** Envoy's own view of X-Forwarded-For, which anyone may write. */
export const internalHeader = `${steeringPrefix}internal`;
/** Where a request ends: no application may mistake another header for one of these. */
export const framingHeaders: readonly string[] = ['content-length', 'transfer-encoding'];

/** Where the fields of a gRPC request are put for rules. Nothing else writes there. */
export const requestMetadata = 'cellwall.request';
