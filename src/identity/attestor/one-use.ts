// Evidence that anybody may present who once saw it belongs to the first node key that does: a copy is of no use to others.
import { CellwallError } from '../../lib/errors.ts';
import type { Table } from '../../lib/table.ts';
import { sha256 } from '../x509/fingerprint.ts';

export interface OneUse {
  /** What is used up, in a name of its own for each attestor. */
  readonly name: string;
  readonly nodeKey: string;
  /** How long the evidence could be presented again. Default: for ever. */
  readonly ttlMs?: number;
  /** As in `AttestationContext`. Default: it is waited for here. */
  readonly onKept?: ((kept: Promise<void>) => void) | undefined;
}

/** With the same node key again it passes: a lost reply does no harm. Throws `unauthenticated`. */
export async function useOnce(table: Table, { name, nodeKey, ttlMs, onKept }: OneUse): Promise<void> {
  const { value } = await table.claim(`once:${name}`, nodeKey, {
    ...(ttlMs !== undefined && { ttlMs: Math.max(1, ttlMs) }),
    ...(onKept !== undefined && { onKept }),
  });
  if (value === nodeKey) return;
  throw new CellwallError('unauthenticated', 'another host has attested with this evidence', {
    hint: 'if this host lost its folder, have its key evicted (cellwall node evict), or attest with new evidence',
  });
}

/**
 * Names a signed token (JWS in compact form) by what its signature covers. Not by all of its text: the signature can be written in other
 * ways that are as valid, and each would be another token.
 */
export function tokenName(token: unknown): string {
  const text = String(token);
  return sha256(text.slice(0, text.lastIndexOf('.'))).toString('hex');
}
