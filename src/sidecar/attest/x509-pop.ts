// The evidence of x509-pop: a certificate that this host has already, and its key's signature over the node key.
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { popMessage } from '../../identity/x509/pop-message.ts';
import { CellwallError } from '../../lib/errors.ts';

export async function proveX509(
  options: Readonly<Record<string, string>>,
  nodeKey: string,
): Promise<Readonly<Record<string, string>>> {
  const { certificate = '', key: keyFile = '' } = options;
  const chain = readFileSync(certificate, 'utf8');
  const key = privateKey(keyFile);
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return { chain, signature: sign(algorithm, popMessage(nodeKey), key).toString('base64url') };
}

function privateKey(file: string) {
  const text = readFileSync(file, 'utf8');
  try {
    return createPrivateKey(text);
  } catch {
    // What OpenSSL says may quote it.
    throw new CellwallError('invalid_argument', `${file} holds no private key that can be read`);
  }
}
