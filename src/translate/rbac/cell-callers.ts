// Which of a rule's callers may be in a cell, by their SPIFFE IDs: only these can match `matchingCell`.
import { cellsSpiffePrefix, type SpiffeId, type TrustDomain } from '../../model/spiffe-id.ts';
import type { PrincipalIr } from '../../policy/authorization-ir.ts';

export interface CellCallers {
  readonly ids: readonly SpiffeId[];
  /** Each ends in "/". One that spans cells is the prefix of all of them. */
  readonly prefixes: readonly string[];
}

/** Callers outside cells, and anonymous ones, are left out. */
export function cellCallers(principals: readonly PrincipalIr[], domain: TrustDomain): CellCallers {
  const all = cellsSpiffePrefix(domain);
  const ids: SpiffeId[] = [];
  const prefixes: string[] = [];
  for (const one of principals) {
    // Whatever its token says, it is in the cell that its identity names.
    const principal = one.kind === 'with-token' ? one.caller : one;
    if (principal.kind === 'anonymous' || principal.kind === 'jwt' || principal.kind === 'cells') continue;
    if (principal.kind === 'id') {
      if (principal.id.startsWith(all)) ids.push(principal.id);
    } else if (principal.kind === 'everyone' || all.startsWith(principal.prefix)) {
      prefixes.push(all);
    } else if (principal.prefix.startsWith(all)) {
      prefixes.push(principal.prefix);
    }
  }
  return { ids, prefixes };
}
