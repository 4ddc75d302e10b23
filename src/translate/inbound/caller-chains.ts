// A filter chain for each caller with a sidecar, so that what is open of one caller can be cut without the others: Envoy drains
// the connections of a changed chain and no other's (docs/cutting.md). A chain is found by the SNI that the caller's sidecar
// sends, and takes only certificates of its caller: nobody hides behind another's name.

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
  /** Whose connections these are; one, unless the service has very many callers. */
  readonly callers: readonly SpiffeId[];
  readonly serverNames: readonly string[];
  /** Another value cuts what is open. */
  readonly cut: string;
  /** What is known of them before they say anything: by rules that speak of no operation, as all do on TCP. */
  readonly admission: Admission;
  /** The application gets the headers in which they speak of others' identity. */
  readonly trusted: boolean;
}

/** `refused`: every one of them, whatever they ask for. */
export type Admission = Verdict | 'depends';

/** With more callers than this, several share a chain: a chain costs the proxy memory (docs/cutting.md). */
export const maxCallerChains = 128;

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

/** Of several, by the first: most others may come and go. */
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

/** Made by what is known of earlier rules (cuts.ts); without that, nothing is ever cut. */
export function cutOf(chain: string, { id }: PortIr, { cuts }: MeshIr): string {
  return cuts?.get(id)?.get(chain) ?? '';
}

/**
 * `c-<hash of the caller>.<service>.<cell>.<trust domain>`, of a port with a name of its own `….<port>.<service>.…`: a name that says which
 * chain is meant. It proves nothing.
 */
export function callerServerName(caller: SpiffeId, target: PortIr): string {
  const { name, port, cell, spiffeId } = target;
  const own = `c-${hash(caller).slice(0, 16)}`;
  const label = port === defaultPort ? own : `${own}.${port}`;
  const local = cell === undefined ? `${label}.${name}` : `${label}.${name}.${cell.name}`;
  const full = `${local}.${trustDomainOf(spiffeId)}`;
  return full.length <= maxServerName ? full : local;
}

/** RFC 6066 §3 and Envoy's own limit. */
const maxServerName = 255;

function standing(
  caller: SpiffeId,
  { authorization }: PortIr,
): { readonly allowed: boolean; readonly denied: boolean } {
  const { fallback, cellDefault, allow, deny } = authorization;
  const speaksOf = ({ principals }: Pick<RuleIr, 'principals'>): boolean =>
    principals.some((principal) => matchPrincipal(principal, { kind: 'id', id: caller }));
  const allowed =
    fallback === 'allow' ||
    allow.some(speaksOf) ||
    (cellDefault !== undefined && speaksOf({ principals: [cellDefault] }));
  return { allowed, denied: deny.some(speaksOf) };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
