// The host in a certificate, as an X.509 library writes it and our reader finds it.
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCertificate, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { nodeKeyOf } from '../../src/identity/x509/node-key-extension.ts';

async function certificateWith(nodeKey: string | undefined): Promise<Buffer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    ...{ signingKey: signingKeyOf(privateKey), publicKey, uri: 'spiffe://td1/service/api' },
    ...{ notBefore: new Date(), notAfter: new Date(Date.now() + 1000) },
    ...(nodeKey === undefined ? {} : { nodeKey }),
  });
  return new X509Certificate(pem).raw;
}

it('is what was written, and nothing where nothing was', async () => {
  const nodeKey = randomBytes(32).toString('hex');
  expect(nodeKeyOf(await certificateWith(nodeKey))).toBe(nodeKey);
  expect(nodeKeyOf(await certificateWith(undefined))).toBeUndefined();
});
