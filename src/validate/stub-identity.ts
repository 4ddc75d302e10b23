// Certificates for a configuration that nobody runs: a CA in a folder that is gone again at once.
import { generateKeyPairSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createBundleSource } from '../control/bundles.ts';
import { createLegacyAnchors } from '../identity/legacy/anchors.ts';
import { openAuthority } from '../identity/open-authority.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import { temporaryFolder } from '../lib/temporary-folder.ts';
import { type SpiffeId, serviceSpiffeId } from '../model/spiffe-id.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Bundles } from '../translate/proxy.ts';
import type { JsonObject } from '../translate/raw/read-body.ts';

export interface StubIdentity {
  readonly bundles: Bundles;
  /** A proxy's own secret, as Envoy's JSON. The certificate is the same for all. */
  secretOf(spiffeId: SpiffeId): JsonObject;
}

const hour = 3_600_000;

/** Valid for an hour. The CA is gone when it resolves. */
export async function createStubIdentity(mesh: MeshIr): Promise<StubIdentity> {
  const dir = temporaryFolder('stub-ca');
  const { trustDomain } = mesh;
  const authority = await openAuthority({}, { dir, trustDomain, clock: systemClock, log: silentLog });
  try {
    const bundles = createBundleSource(authority.bundle, createLegacyAnchors(trustDomain)).of(mesh);
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const notBefore = new Date(systemClock.now());
    const { chain } = await authority.signer.sign({
      spiffeId: serviceSpiffeId(trustDomain, 'validate'),
      publicKey,
      notBefore,
      notAfter: new Date(notBefore.getTime() + hour),
      dnsNames: [],
    });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    return {
      bundles,
      secretOf: (name) => ({
        name,
        tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } },
      }),
    };
  } finally {
    await authority.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
