// The key that a host keeps, to attest again after its SVID expired without a new token.
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureSecretFolder, readSecretFile, writeSecretFile } from '../../identity/secret-file.ts';
import { CellwallError } from '../../lib/errors.ts';

const generate = promisify(generateKeyPair);

export interface NodeKeyFile {
  key(): KeyObject;
  /** Newly created: no control plane knows it until a join token was redeemed with it. */
  readonly fresh: boolean;
  /** A new one, because this one was evicted: only with a join token. */
  replace(): Promise<void>;
}

/** Creates folder (0700) and key (0600) if they do not exist. Throws if others can read the key. */
export async function loadNodeKey(dir: string): Promise<NodeKeyFile> {
  ensureSecretFolder(dir);
  const path = join(dir, 'node-key.pem');
  const fresh = !existsSync(path);
  const make = async (): Promise<KeyObject> => {
    const made = await makeKey();
    writeSecretFile(path, made.export({ format: 'pem', type: 'pkcs8' }).toString());
    return made;
  };
  let key = fresh ? await make() : parseKey(path, readSecretFile(path));
  return {
    key: () => key,
    fresh,
    async replace() {
      key = await make();
    },
  };
}

function parseKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new CellwallError('failed_precondition', `the node key in ${path} is damaged`, {
      hint: 'remove it, and start with a new join token: cellwall token create',
      cause,
    });
  }
}

/** A new P-256 key. */
export async function makeKey(): Promise<KeyObject> {
  return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
}
