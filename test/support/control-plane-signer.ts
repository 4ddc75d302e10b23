// What a control plane signs checkpoints with, without one: a certificate of a CA of its own, and its key; and what verifies them.
import { type CheckpointKey, checkpointText, type SignedCheckpoint } from '../../src/audit/checkpoint-text.ts';
import { statementKey, statementSpiffeId, verifyStatement } from '../../src/identity/statement.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { domainOf } from './identity-harness.ts';
import { createTestCa } from './test-ca.ts';

export interface ControlPlaneSigner extends CheckpointKey {
  key(): Promise<CheckpointKey>;
  /** PEM of the root. */
  readonly bundle: string;
}

/** Each call has another root. `uri`: in place of the one that signs checkpoints. */
export async function controlPlaneSigner(trustDomain: string, uri?: string): Promise<ControlPlaneSigner> {
  const spiffeId = statementSpiffeId('checkpoint', domainOf(trustDomain));
  const { certificate, key, root } = await (await createTestCa()).issue({ uri: uri ?? spiffeId });
  const signer = statementKey('checkpoint', { chain: certificate, key: new Redacted(key) });
  return { key: async () => signer, sign: signer.sign, bundle: root };
}

/** Why it does not hold; undefined if it does. */
export function whyUnvouched(checkpoint: SignedCheckpoint, bundle: string, at?: number): string | undefined {
  const payload = Buffer.from(checkpointText(checkpoint)).toString('base64url');
  const signed = { protected: checkpoint.protected, payload, signature: checkpoint.signature };
  try {
    verifyStatement({ kind: 'checkpoint', signed, bundle, at: at ?? Date.parse(checkpoint.at) });
    return undefined;
  } catch (reason) {
    return CellwallError.from(reason).message;
  }
}
