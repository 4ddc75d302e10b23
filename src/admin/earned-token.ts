// Creates a join token for an identity that one can be joined with.
import { CellwallError } from '../lib/errors.ts';
import type { RunningParts } from './create-admin.ts';
import type { JoinTokens } from './deps.ts';

/** Throws `not_found` for an identity that no document names, `failed_precondition` for one that a token does not earn. */
export async function createEarnedToken(
  { entitlement, tokens }: Pick<RunningParts['identity'], 'entitlement' | 'tokens'>,
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
