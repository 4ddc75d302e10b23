// Determines when open streams and connections end: for each chain of a port's inbound listener a value that changes if and only if
// somebody there loses a right. Pure, and the same wherever the same changes are seen: each value is a hash of the previous one and of what
// is left. docs/cutting.md
import { createHash } from 'node:crypto';
import { defined } from '../../lib/defined.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { CallerIr } from '../../policy/callers.ts';
import { hasRights, narrowed, type Rights, rightsOfCaller, rightsOfOthers } from '../../policy/decide/rights.ts';
import type { MeshIr, PortIr } from '../../policy/ir.ts';
import { callerChains } from './caller-chains.ts';

export interface PortCuts {
  /** By the chain's name. */
  readonly chains: ReadonlyMap<string, ChainCut>;
  /**
   * What it was computed from, to detect that nothing changed: by identity, if the parts are the same objects. Absent: read from a table.
   */
  readonly from?: { readonly input: CutInput; readonly text: string };
}

export interface ChainCut {
  readonly cut: string;
  /** Of its rights. */
  readonly digest: string;
  /** Absent if it was read from a table: then any other digest is a loss. */
  readonly rights?: Rights;
  readonly callers?: readonly SpiffeId[];
}

/** The port's values after a change of the documents. */
export function nextCuts(before: PortCuts | undefined, service: PortIr, mesh: MeshIr): PortCuts {
  const input = inputOf(service, mesh);
  if (before?.from !== undefined && isSame(before.from.input, input)) return before;
  const from = { input, text: textOf(input) };
  if (before?.from?.text === from.text) return { ...before, from };
  const own = callerChains(service, mesh);
  const elsewhere = new Set(own.flatMap(({ callers }) => callers));
  const wasElsewhere = new Set([...(before?.chains.values() ?? [])].flatMap(({ callers }) => callers ?? []));
  const next = (name: string, rights: Rights, callers?: readonly SpiffeId[]): [string, ChainCut] => {
    const there = before?.chains.get(name);
    const digest = digestOf(rights, callers === undefined ? elsewhere : new Set());
    const made = { digest, rights, ...defined({ callers }) };
    if (there === undefined) return [name, { ...made, cut: '' }];
    // Callers with their own chain are judged there.
    const except = callers === undefined ? wasElsewhere : undefined;
    const lost = there.digest !== digest && (there.rights === undefined || narrowed(there.rights, rights, except));
    return [name, { ...made, cut: lost ? renewed(there.cut, digest) : there.cut }];
  };
  const chains = new Map<string, ChainCut>();
  for (const { name, callers } of own) chains.set(...next(name, together(callers, service, mesh), callers));
  chains.set(...next('mtls', rightsOfOthers('mtls', service, mesh)));
  if (service.mtls.mode === 'permissive') chains.set(...next('plain', rightsOfOthers('plain', service, mesh)));
  return { chains, from };
}

/**
 * Cuts what an identity has open at the service, whatever the rules say: its document is gone, or its host was evicted. It may be in its
 * own chain, or in the shared one.
 */
export function cutIdentity(
  cuts: PortCuts,
  { id, why }: { readonly id: SpiffeId; readonly why: string },
  service: PortIr,
  mesh: MeshIr,
): PortCuts {
  if (!hasRights(id, service, mesh)) return cuts;
  const chains = [...cuts.chains].map(([name, chain]): [string, ChainCut] =>
    name === 'mtls' || chain.callers?.includes(id)
      ? [name, { ...chain, cut: renewed(chain.cut, `${why} ${id}`) }]
      : [name, chain],
  );
  return { ...cuts, chains: new Map(chains) };
}

function together(callers: readonly SpiffeId[], service: PortIr, mesh: MeshIr): Rights {
  const each = callers.map((id) => rightsOfCaller(id, service, mesh));
  return { allowed: each.flatMap(({ allowed }) => allowed), denied: each.flatMap(({ denied }) => denied) };
}

/** Everything that `nextCuts` looks at. */
interface CutInput extends Pick<PortIr['authorization'], 'allow' | 'deny' | 'fallback' | 'cellDefault'> {
  readonly mode: PortIr['mtls']['mode'];
  readonly callers: readonly CallerIr[];
  readonly trusted: PortIr['identityHeaders']['trusted'];
  readonly breakGlass: MeshIr['breakGlass'];
}

const nobody: readonly CallerIr[] = [];

function inputOf({ id, authorization, mtls, identityHeaders }: PortIr, mesh: MeshIr): CutInput {
  const { allow, deny, fallback, cellDefault } = authorization;
  return {
    ...{ allow, deny, fallback, mode: mtls.mode, callers: mesh.callers.get(id) ?? nobody },
    ...{ trusted: identityHeaders.trusted, breakGlass: mesh.breakGlass },
    ...(cellDefault === undefined ? {} : { cellDefault }),
  };
}

function isSame(a: CutInput, b: CutInput): boolean {
  return (
    a.allow === b.allow &&
    a.deny === b.deny &&
    a.fallback === b.fallback &&
    a.cellDefault === b.cellDefault &&
    a.mode === b.mode &&
    a.callers === b.callers &&
    a.trusted === b.trusted &&
    a.breakGlass === b.breakGlass
  );
}

/** For rules, what they decide by, not where they are written. */
function textOf({ allow, deny, ...rest }: CutInput): string {
  const rules = [allow, deny].map((list) => list.map(({ principals, operations }) => [principals, operations]));
  return JSON.stringify([rules, rest]);
}

function digestOf({ allowed, denied }: Rights, except: ReadonlySet<SpiffeId>): string {
  const looked = [allowed, denied].map((rights) =>
    rights.filter(({ principal }) => principal.kind !== 'id' || !except.has(principal.id)),
  );
  return hash(JSON.stringify(looked));
}

function renewed(cut: string, by: string): string {
  return hash(`${cut} ${by}`);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
