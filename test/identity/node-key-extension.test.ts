// The host in a certificate, as an X.509 library writes it and our reader finds it.
import 'reflect-metadata';
import { generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { Extension, X509Certificate as ParsedCertificate, X509CertificateGenerator } from '@peculiar/x509';
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

it('is read as earlier versions wrote it', async () => {
  const nodeKey = randomBytes(32).toString('hex');
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const value = Buffer.concat([Buffer.from([4, 32]), Buffer.from(nodeKey, 'hex')]);
  const extensions = [new Extension('2.25.8154736251943', false, value)];
  const written = await X509CertificateGenerator.createSelfSigned({ keys: pair, name: 'CN=x', extensions }, webcrypto);
  expect(nodeKeyOf(new Uint8Array(written.rawData))).toBe(nodeKey);
});

it('has a name of numbers that fit in 31 bits: Go refuses a certificate with others', async () => {
  const certificate = new ParsedCertificate(new Uint8Array(await certificateWith('ab'.repeat(32))));
  const names = certificate.extensions.map(({ type }) => type);
  expect(names).toHaveLength(7);
  for (const name of names) for (const arc of name.split('.')) expect(Number(arc)).toBeLessThan(2 ** 31);
});
