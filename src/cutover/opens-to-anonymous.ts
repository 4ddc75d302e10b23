// Whether a permissive service would accept an anonymous call that it denies now. Checked when new rules meet an unchanged mode: their
// author may have counted on strict, which admits no anonymous callers. Conservative: what cannot be determined counts as opening.

import type { PrincipalIr, RuleIr } from '../policy/authorization-ir.ts';
import type { MeshIr, PortIr, ServiceKey } from '../policy/ir.ts';

/** True if the service is only in one of the two, and if it has a new port. */
export function opensToAnonymous(before: MeshIr, after: MeshIr, key: ServiceKey): boolean {
  const [old, next] = [before.services.get(key), after.services.get(key)];
  if (old === undefined || next === undefined) return true;
  return next.ports.some((port) => {
    const was = old.ports.find(({ id }) => id === port.id);
    return was === undefined || opens(before, was, after, port);
  });
}

function opens(before: MeshIr, old: PortIr, after: MeshIr, next: PortIr): boolean {
  if (shape(before, old) !== shape(after, next)) return true;
  const [was, is] = [old.authorization, next.authorization];
  if (is.fallback === 'allow' && was.fallback !== 'allow') return true;
  // As long as any deny rule names a path, paths with ";" are refused for everybody.
  if (was.deny.some(namesPath) && !is.deny.some(namesPath)) return true;
  const denied = new Set(anonymousRules(is.deny, after));
  if (anonymousRules(was.deny, before).some((rule) => !denied.has(rule))) return true;
  const allowed = new Set(anonymousRules(was.allow, before));
  return was.fallback !== 'allow' && anonymousRules(is.allow, after).some((rule) => !allowed.has(rule));
}

/** What decides about an anonymous caller besides rules; raw patches may do anything. */
function shape({ rawResources = [] }: MeshIr, { mtls, protocol, escapedSlashes, rawPatches = [] }: PortIr): string {
  const patches = new Set(rawPatches.map(({ document }) => document));
  const raws = rawResources.filter(({ document }) => patches.has(document)).map(({ change }) => change);
  return JSON.stringify([mtls, protocol, escapedSlashes, raws]);
}

/** As text, so that equal rules compare equal. */
function anonymousRules(rules: readonly RuleIr[], { jwtIssuers }: MeshIr): readonly string[] {
  return rules
    .filter(({ principals }) => principals.some(mayBeAnonymous))
    .map(({ principals, operations }) => {
      const issuers = principals.map((principal) => principal.kind === 'jwt' && jwtIssuers.get(principal.issuer));
      return JSON.stringify([principals, operations, issuers]);
    });
}

function namesPath({ operations }: RuleIr): boolean {
  return operations.some(({ path }) => path !== undefined);
}

function mayBeAnonymous({ kind }: PrincipalIr): boolean {
  switch (kind) {
    case 'anonymous':
    case 'jwt':
    case 'everyone':
      return true;
    case 'id':
    case 'prefix':
    case 'with-token':
    case 'cells':
      return false;
    default:
      return kind satisfies never;
  }
}
