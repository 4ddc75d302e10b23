// A filter chain for each caller with a sidecar, so that what is open of one caller can be cut without the others: Envoy drains
// the connections of a changed chain and no other's (docs/cutting.md). A chain is found by the SNI that the caller's sidecar
// sends, and takes only certificates of its caller: nobody hides behind another's name.
import { createHash } from 'node:crypto';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { MeshIr, RuleIr, ServiceIr, ServiceKey } from '../../policy/ir.ts';
import { matchPrincipal } from '../../policy/match.ts';

export interface CallerChain {
  readonly name: string;
  /** Whose connections these are; one, unless the service has very many callers. */
  readonly callers: readonly SpiffeId[];
  readonly serverNames: readonly string[];
  /** Another value cuts what is open. */
  readonly cut: string;
}

/** With more callers than this, several share a chain: a chain costs the proxy memory (docs/cutting.md). */
export const maxCallerChains = 128;

export function callerChains(service: ServiceIr, mesh: MeshIr): readonly CallerChain[] {
  const callers = callersOf(mesh).get(service.key) ?? [];
  const groups = new Map<string, ServiceIr[]>();
  for (const caller of callers) {
    const name = callers.length <= maxCallerChains ? `caller:${caller.key}` : `callers:${shardOf(caller.spiffeId)}`;
    groups.set(name, [...(groups.get(name) ?? []), caller]);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => ({
      name,
      callers: members.map(({ spiffeId }) => spiffeId),
      serverNames: members.map(({ spiffeId }) => callerServerName(spiffeId, service)),
      cut: digest(members.map(({ spiffeId }) => refusals(spiffeId, service, mesh))),
    }));
}

/**
 * Of the chains that everyone else shares. Changed by deny rules that may speak of someone there: a caller of the mesh without a
 * sidecar, or nobody in particular.
 */
export function sharedCut(chain: 'mtls' | 'plain', service: ServiceIr, mesh: MeshIr): string {
  const elsewhere = new Set((callersOf(mesh).get(service.key) ?? []).map(({ spiffeId }) => spiffeId));
  const rules = service.authorization.deny.flatMap((rule) => {
    const principals = rule.principals.filter((principal) =>
      chain === 'plain'
        ? principal.kind === 'anonymous' || principal.kind === 'everyone'
        : principal.kind !== 'id' || !elsewhere.has(principal.id),
    );
    return principals.length === 0 ? [] : [JSON.stringify([principals, rule.operations])];
  });
  return rules.length === 0 ? '' : digest(rules.sort());
}

/** `c-<hash of the caller>.<service>.<cell>.<trust domain>`: a name that says which chain is meant. It proves nothing. */
export function callerServerName(caller: SpiffeId, target: ServiceIr): string {
  const { name, cell, spiffeId } = target;
  const label = `c-${hash(caller).slice(0, 16)}`;
  const local = cell === undefined ? `${label}.${name}` : `${label}.${name}.${cell.name}`;
  const full = `${local}.${trustDomainOf(spiffeId)}`;
  return full.length <= maxServerName ? full : local;
}

/** RFC 6066 §3 and Envoy's own limit. */
const maxServerName = 255;

/** What a caller is refused, as far as it cuts: every deny rule that speaks of it, and whether anything is allowed at all. */
function refusals(caller: SpiffeId, { authorization }: ServiceIr, mesh: MeshIr): string {
  if (mesh.breakGlass.includes(caller)) return '';
  const { fallback, cellDefault, allow, deny } = authorization;
  const speaksOf = ({ principals }: Pick<RuleIr, 'principals'>): boolean =>
    principals.some((principal) => matchPrincipal(principal, { kind: 'id', id: caller }));
  const denied = deny.filter(speaksOf).map(({ operations }) => JSON.stringify(operations));
  const allowed =
    fallback === 'allow' ||
    allow.some(speaksOf) ||
    (cellDefault !== undefined && speaksOf({ principals: [cellDefault] }));
  return JSON.stringify([allowed, denied.sort()]);
}

const known = new WeakMap<MeshIr, ReadonlyMap<ServiceKey, readonly ServiceIr[]>>();

/** Once a mesh: it is asked for every service. */
function callersOf(mesh: MeshIr): ReadonlyMap<ServiceKey, readonly ServiceIr[]> {
  const there = known.get(mesh);
  if (there !== undefined) return there;
  const callers = new Map<ServiceKey, ServiceIr[]>();
  for (const caller of mesh.services.values()) {
    for (const { target } of caller.dependsOn) {
      const list = callers.get(target);
      if (list === undefined) callers.set(target, [caller]);
      else list.push(caller);
    }
  }
  known.set(mesh, callers);
  return callers;
}

function shardOf(caller: SpiffeId): number {
  return Number.parseInt(hash(caller).slice(0, 8), 16) % maxCallerChains;
}

function digest(parts: readonly string[]): string {
  return hash(parts.join('\n')).slice(0, 16);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
