// Keeps a token's key in a store that others may read: encrypted (AES-256-GCM) with a key in the data folder, and bound to its purpose.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Redacted } from '../lib/redacted.ts';

export interface KeyBox {
  /** `of`: the purpose; the text can only be opened with the same. */
  close(key: Uint8Array, of: string): string;
  /** Undefined for what this box did not encrypt, or not for that purpose. */
  open(text: string, of: string): Buffer | undefined;
}

const [ivBytes, tagBytes] = [12, 16];

/** `secret` may have any length: a key is derived from it (HKDF). */
export function createKeyBox(secret: Redacted<string>): KeyBox {
  const keyOf = (): Buffer => Buffer.from(hkdfSync('sha256', secret.reveal(), '', 'cellwall admin tokens', 32));
  return {
    close(key, of) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', keyOf(), iv).setAAD(Buffer.from(of));
      const content = Buffer.concat([cipher.update(key), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), content]).toString('base64url');
    },
    open(text, of) {
      const bytes = Buffer.from(text, 'base64url');
      if (bytes.length <= ivBytes + tagBytes) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', keyOf(), bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(of)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}
