// A filter chain for each caller with a sidecar, so that what one caller has open can be cut without affecting the others: Envoy drains the
// connections of a changed chain and no other's (docs/cutting.md). A chain is selected by the SNI that the caller's sidecar sends, and
// accepts only certificates of its caller: nobody can use another's name.

import { createHash } from 'node:crypto';
import { defaultPort } from '../../lib/port-name.ts';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { RuleIr } from '../../policy/authorization-ir.ts';
import { matchPrincipal } from '../../policy/decide/match.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { shareChains } from './share-chains.ts';

export interface CallerChain {
  readonly name: string;
  /** Whose connections these are; a single caller, unless the service has very many. */
  readonly callers: readonly SpiffeId[];
  readonly serverNames: readonly string[];
  /** Changing it cuts what is open. */
  readonly cut: string;
  /** What is known about them before they send anything: by rules without operations, as all are on TCP. */
  readonly admission: Admission;
  /** The application gets the headers in which they describe the identity of others. */
  readonly trusted: boolean;
}

/** `refused`: every one of them, whatever they request. */
export type Admission = Verdict | 'depends';

/** With more callers than this, several share a chain: a chain costs the proxy memory (docs/cutting.md). */
export const maxCallerChains = 128;

/**
 * In the order of their names. Callers are those that depend on the port, and those whose identity headers are
 * trusted.
 */
export function callerChains(service: PortIr, mesh: MeshIr): readonly CallerChain[] {
  const trusted = new Set(service.identityHeaders.trusted.callers);
  const callers = new Map<SpiffeId, string>([...trusted].map((id) => [id, mesh.serviceOf.get(id) ?? id]));
  for (const { spiffeId, key } of mesh.callers.get(service.id) ?? []) callers.set(spiffeId, key);
  const rest = [...callers.keys()].filter((caller) => !trusted.has(caller));
  const groups = [...[...trusted].map((caller) => [caller]), ...shareChains(rest, maxCallerChains)];
  return groups
    .map((members) => ({ name: nameOf(members, callers), members }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, members }) => ({
      name,
      callers: members,
      serverNames: members.map((caller) => callerServerName(caller, service)),
      cut: cutOf(name, service, mesh),
      admission: admissionOf(members, service, mesh),
      trusted: members.every((caller) => trusted.has(caller)),
    }));
}

/** If there are several, by the first: most others may come and go. */
function nameOf([first, ...more]: readonly SpiffeId[], keys: ReadonlyMap<SpiffeId, string>): string {
  if (first === undefined) return '';
  return more.length === 0 ? `caller:${keys.get(first)}` : `callers:${hash(first).slice(0, 16)}`;
}

function admissionOf(members: readonly SpiffeId[], service: PortIr, mesh: MeshIr): Admission {
  const each = members.map((caller): Admission => {
    if (mesh.breakGlass.includes(caller)) return 'allowed';
    const { allowed, denied } = standing(caller, service);
    if (!allowed) return 'denied';
    return denied ? 'depends' : 'allowed';
  });
  return each.find((one) => one !== each[0]) === undefined ? (each[0] ?? 'depends') : 'depends';
}

/** Computed from what is known about earlier rules (cuts.ts); without that, nothing is ever cut. */
export function cutOf(chain: string, { id }: PortIr, { cuts }: MeshIr): string {
  return cuts?.get(id)?.get(chain) ?? '';
}

/**
 * `c-<hash of the caller>.<service>.<cell>.<trust domain>`, for a named port `….<port>.<service>.…`: it says which chain is meant, but
 * proves nothing.
 */
export function callerServerName(caller: SpiffeId, target: PortIr): string {
  return serverNameFor(target)(caller);
}

/** For each caller of the target. Reads all of the target at once. */
export function serverNameFor({ name, port, cell, spiffeId }: PortIr): (caller: SpiffeId) => string {
  const labels = [...(port === defaultPort ? [] : [port]), name, ...(cell === undefined ? [] : [cell.name])].join('.');
  const domain = trustDomainOf(spiffeId);
  return (caller) => {
    const local = `c-${hash(caller).slice(0, 16)}.${labels}`;
    const full = `${local}.${domain}`;
    return full.length <= maxServerName ? full : local;
  };
}

/** RFC 6066 §3 and Envoy's own limit. */
const maxServerName = 255;

function standing(
  caller: SpiffeId,
  { authorization }: PortIr,
): { readonly allowed: boolean; readonly denied: boolean } {
  const { fallback, cellDefault, allow, deny } = authorization;
  const speaksOf = ({ principals }: Pick<RuleIr, 'principals'>): boolean =>
    // What a token says is known with the request.
    principals.some((principal) => matchPrincipal(principal, { kind: 'id', id: caller, token: 'any' }));
  const allowed =
    fallback === 'allow' ||
    allow.some(speaksOf) ||
    (cellDefault !== undefined && speaksOf({ principals: [cellDefault] }));
  return { allowed, denied: deny.some(speaksOf) };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
