// Certificates for callers that have no sidecar, got as an operator would: a join token, then `cellwall svid fetch`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsMaterial } from '../wire/tls.ts';
import type { Cellwall } from './cellwall.ts';
import type { ControlPlane } from './control-plane.ts';

export interface Identity {
  readonly spiffeId: string;
  /** As the files are now. */
  material(): TlsMaterial;
  /** A new certificate, with the key that this host kept: no second token. */
  renew(): Promise<void>;
}

export interface IdentitiesOptions {
  readonly cellwall: Cellwall;
  readonly controlPlane: ControlPlane;
  readonly folder: string;
}

export async function fetchIdentity(
  { cellwall, controlPlane, folder }: IdentitiesOptions,
  name: string,
  spiffeId: string,
): Promise<Identity> {
  const dir = join(folder, name);
  const flags = ['svid', 'fetch', '--spiffe-id', spiffeId, '--dir', dir];
  const { token } = await controlPlane.admin.createToken({ spiffeId });
  await cellwall.expect(...flags, '--token', token);
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
  return {
    spiffeId,
    material: () => ({ ca: read('bundle.pem'), certificate: read('svid.pem'), key: read('key.pem') }),
    async renew() {
      await cellwall.expect(...flags);
    },
  };
}
