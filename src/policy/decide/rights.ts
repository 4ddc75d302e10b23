// What callers of a service may and may not do, as far as known in advance; and whether a change takes some of it away. Extending rights
// takes nothing away. Conservative: unusual combinations of rules may count as taken away.
import type { SpiffeId } from '../../model/spiffe-id.ts';
import type { OperationIr, PrincipalIr, RuleIr } from '../authorization-ir.ts';
import type { MeshIr, PortIr } from '../ir.ts';
import { matchPrincipal } from './match.ts';
import { covers } from './rule-coverage.ts';

/** One for each principal. */
export interface Right {
  readonly principal: PrincipalIr;
  /** Any of them; empty: every operation. */
  readonly operations: readonly OperationIr[];
}

/** `denied` prevails over `allowed`. */
export interface Rights {
  readonly allowed: readonly Right[];
  readonly denied: readonly Right[];
}

/** Of one identity. */
export function rightsOfCaller(id: SpiffeId, service: PortIr, mesh: MeshIr): Rights {
  const own = { kind: 'id', id } as const;
  const ofIt = (rights: readonly Right[]): Right[] =>
    rights.flatMap(({ principal, operations }) => {
      if (!matchPrincipal(principal, { ...own, token: 'any' })) return [];
      return { principal: principal.kind === 'with-token' ? { ...principal, caller: own } : own, operations };
    });
  return {
    allowed: merge(ofIt(grants(service, mesh))),
    denied: mesh.breakGlass.includes(id) ? [] : merge(ofIt(refusals(service))),
  };
}

/** For callers without their own filter chain: with a certificate, or on plaintext. */
export function rightsOfOthers(chain: 'mtls' | 'plain', service: PortIr, mesh: MeshIr): Rights {
  const there = (right: Right): Right[] => {
    const { kind } = right.principal;
    if (chain === 'mtls') return service.mtls.mode === 'strict' && isAnonymous(right) ? [] : [right];
    if (kind === 'jwt') return [right];
    return kind === 'everyone' || kind === 'anonymous' ? [{ ...right, principal: { kind: 'anonymous' } }] : [];
  };
  return {
    allowed: merge(grants(service, mesh).flatMap(there)),
    denied: merge(refusals(service).flatMap(there)),
  };
}

/** Whether something was allowed and no longer is, or is newly denied. `except`: rules that name these are ignored. */
export function narrowed(before: Rights, after: Rights, except: ReadonlySet<SpiffeId> = new Set()): boolean {
  const looked = ({ principal }: Right): boolean => principal.kind !== 'id' || !except.has(principal.id);
  return !within(before.allowed.filter(looked), after.allowed) || !within(after.denied.filter(looked), before.denied);
}

/** Whether it may do something there that not everyone without a certificate may. */
export function hasRights(id: SpiffeId, service: PortIr, mesh: MeshIr): boolean {
  const { allowed } = rightsOfCaller(id, service, mesh);
  if (service.mtls.mode === 'strict') return allowed.length > 0;
  const anyones = rightsOfOthers('plain', service, mesh).allowed.filter(({ principal }) => principal.kind !== 'jwt');
  return !within(
    allowed.map(({ operations }) => ({ principal: { kind: 'anonymous' }, operations })),
    anyones,
  );
}

function within(narrow: readonly Right[], wide: readonly Right[]): boolean {
  const rules = wide.map(({ principal, operations }) => ({ principals: [principal], operations }));
  return narrow.every(({ principal, operations }) => {
    const each = operations.length === 0 ? [[]] : operations.map((operation) => [operation]);
    return each.every((one) => rules.some((rule) => covers(rule, { principals: [principal], operations: one })));
  });
}

function grants({ authorization }: PortIr, { breakGlass }: MeshIr): readonly Right[] {
  const { allow, cellDefault, fallback } = authorization;
  const whole = (principal: PrincipalIr): Right => ({ principal, operations: [] });
  return [
    ...allow.flatMap(rightsOf),
    ...(cellDefault === undefined ? [] : [whole(cellDefault)]),
    ...(fallback === 'allow' ? [whole({ kind: 'everyone' })] : []),
    ...breakGlass.map((id) => whole({ kind: 'id', id })),
  ];
}

function refusals({ authorization }: PortIr): readonly Right[] {
  return authorization.deny.flatMap(rightsOf);
}

function rightsOf({ principals, operations }: RuleIr): Right[] {
  return principals.map((principal) => ({ principal, operations }));
}

function isAnonymous({ principal }: Right): boolean {
  return principal.kind === 'anonymous' || principal.kind === 'jwt';
}

/** In an order that does not depend on the rules' order. */
function merge(rights: readonly Right[]): readonly Right[] {
  const merged = new Map<string, { principal: PrincipalIr; operations: Map<string, OperationIr> | 'every' }>();
  for (const { principal, operations } of rights) {
    const key = JSON.stringify(principal);
    const there = merged.get(key) ?? { principal, operations: new Map<string, OperationIr>() };
    merged.set(key, there);
    if (operations.length === 0) there.operations = 'every';
    if (there.operations === 'every') continue;
    for (const operation of operations) there.operations.set(JSON.stringify(operation), operation);
  }
  return sorted(merged).map(({ principal, operations }) => ({
    principal,
    operations: operations === 'every' ? [] : sorted(operations),
  }));
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly Value[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
