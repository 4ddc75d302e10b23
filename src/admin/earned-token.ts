// Creates a join token for an identity that one can be joined with.
import type { Entitlement } from '../control/entitlement.ts';
import type { JoinTokenAttestor } from '../identity/attestor/join-token.ts';
import { CellwallError } from '../lib/errors.ts';
import type { JoinTokens } from './deps.ts';

interface Parts {
  readonly entitlement: Pick<Entitlement, 'knows' | 'takesToken'>;
  readonly tokens: Pick<JoinTokenAttestor, 'createJoinToken'>;
}

/** Throws `not_found` for an identity that no document names, `failed_precondition` for one that a token does not earn. */
export async function createEarnedToken(
  { entitlement, tokens }: Parts,
  request: Parameters<JoinTokens['create']>[0],
): ReturnType<JoinTokens['create']> {
  if (!entitlement.knows(request.spiffeId)) {
    throw new CellwallError('not_found', `no document names the identity ${request.spiffeId}`, {
      hint: 'apply a Workload or Service with it first; "cellwall get Workload" lists them',
    });
  }
  if (!entitlement.takesToken(request.spiffeId)) {
    throw new CellwallError('failed_precondition', `a join token does not earn ${request.spiffeId}`, {
      hint: 'list "join-token" among the selectors of its Workload, or join with what they name',
    });
  }
  const made = await tokens.createJoinToken(request);
  return { token: made.token, expiresAt: made.expiresAt.getTime(), id: made.id };
}
