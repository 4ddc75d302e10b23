// The available CA backends, by the name that `--ca` takes. A new one is one file in ca/ and one line here; loaded when chosen.
import type { AuthorityKind } from './upstream-authority.ts';

export const authorities = {
  'built-in': async () => (await import('./ca/built-in.ts')).builtIn,
  disk: async () => (await import('./ca/disk.ts')).disk,
  vault: async () => (await import('./ca/vault.ts')).vault,
  'google-cas': async () => (await import('./ca/google-cas.ts')).googleCas,
  'aws-pca': async () => (await import('./ca/aws-pca.ts')).awsPca,
  pkcs11: async () => (await import('./ca/pkcs11.ts')).pkcs11,
  spire: async () => (await import('./ca/spire.ts')).spire,
  'step-ca': async () => (await import('./ca/step-ca.ts')).stepCa,
} as const satisfies Readonly<Record<string, () => Promise<AuthorityKind>>>;

/** What `--ca` accepts. */
export type AuthorityName = keyof typeof authorities;
