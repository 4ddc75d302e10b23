// Certificate and key of a CA as a folder: it appears complete, by one rename, so that when several processes create it at once exactly one
// wins, and all read the winner's.
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CellwallError } from '../../lib/errors.ts';
import { readSecretFile, writeSecretFile } from '../secret-file.ts';
import { createSigningCa, type SigningCa } from './certificate.ts';

const certificateFile = 'certificate.pem';
const keyFile = 'key.pem';

/** `keyPem` is a secret. */
export interface CaMaterial {
  readonly pem: string;
  readonly keyPem: string;
}

export function hasCa(folder: string): boolean {
  return existsSync(folder);
}

/** The CA in `folder`; throws if the key is lost, unreadable, accessible to others, or belongs to another certificate. */
export async function loadCa(folder: string): Promise<SigningCa> {
  return signingCaOf(readMaterial(folder), folder);
}

/** Throws `failed_precondition` if a file is lost, unreadable, or accessible to others. */
export function readMaterial(folder: string): CaMaterial {
  try {
    const pem = readFileSync(join(folder, certificateFile), 'utf8');
    return { pem, keyPem: readSecretFile(join(folder, keyFile)) };
  } catch (cause) {
    if (cause instanceof CellwallError && cause.hint !== undefined) throw cause;
    const why = cause instanceof CellwallError ? cause.message : 'a file is missing or unreadable';
    throw unusable(`the CA in ${folder} cannot be used: ${why}`, folder, cause);
  }
}

/** `where` is for messages. Throws `failed_precondition` if certificate or key cannot be used, or do not belong together. */
export function signingCaOf({ pem, keyPem }: CaMaterial, where: string): SigningCa {
  try {
    if (new X509Certificate(pem).checkPrivateKey(createPrivateKey(keyPem))) return createSigningCa(pem, keyPem);
  } catch (cause) {
    const why = cause instanceof CellwallError ? cause.message : 'its certificate or key cannot be read';
    throw unusable(`the CA in ${where} cannot be used: ${why}`, where, cause);
  }
  throw unusable(`the key in ${where} is not that of its certificate`, where);
}

function unusable(message: string, where: string, cause?: unknown): CellwallError {
  const hint = `restore ${where} from a backup; a new root would cut every workload off, so none is made`;
  return new CellwallError('failed_precondition', message, { hint, cause });
}

/** Puts a CA at `folder` unless there is one already. Returns whether it was this one. */
export function storeCa(folder: string, { pem, keyPem }: CaMaterial): boolean {
  const temporary = `${folder}.${randomBytes(6).toString('hex')}`;
  mkdirSync(temporary, { mode: 0o700 });
  try {
    writeSecretFile(join(temporary, keyFile), keyPem);
    writeSecretFile(join(temporary, certificateFile), pem, 0o644);
    // rename(2) never replaces a non-empty folder: the first one stays.
    renameSync(temporary, folder);
    return true;
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw cause;
  }
}

/** With its key; also if there is none. */
export function removeCa(folder: string): void {
  // The key first: what is left after a sudden end signs nothing.
  rmSync(join(folder, keyFile), { force: true });
  rmSync(folder, { recursive: true, force: true });
}
