// Who an xDS stream's peer is: from its certificate alone, byte by byte.
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import { type JsonGeneralNames, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { createNodeAuthenticator } from '../../src/identity/authenticate-node.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/cell/cell-1/service/api';
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const clock = createFakeClock(Date.UTC(2026, 5, 1));
const authenticate = createNodeAuthenticator({ trustDomain: domainOf('td1'), clock });

async function certificate(names: JsonGeneralNames, notAfter = new Date(Date.UTC(2026, 11, 1))): Promise<Uint8Array> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys,
    notBefore: new Date(Date.UTC(2026, 0, 1)),
    notAfter,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
  });
  return new Uint8Array(made.rawData);
}

const good = await certificate([{ type: 'url', value: spiffeId }]);

describe('a node', () => {
  it('is who its certificate says, with an instance of its own', () => {
    expect(authenticate({ certificate: good, nodeId: `${spiffeId}~i-1` })).toEqual({
      node: `${spiffeId}~i-1`,
      spiffeId,
      instance: 'i-1',
    });
  });

  it.each([
    ['spiffe://td1/cell/cell-1/service/other~a'],
    ['spiffe://td1/cell/cell-1/service/api'],
    [`${spiffeId}~`],
    [`${spiffeId}~A`],
    [`${spiffeId}~a~b`],
    [`${spiffeId}~${'a'.repeat(65)}`],
    [`${spiffeId}~a\n`],
    [`${spiffeId}x~a`],
    [`~${spiffeId}~a`],
    [''],
    ['~'],
  ])('whose id is %j is denied, and the id is not repeated', (nodeId) => {
    expect(() => authenticate({ certificate: good, nodeId })).toThrow(
      expect.objectContaining({ code: 'permission_denied', message: `node.id is not that of ${spiffeId}` }),
    );
  });

  it('without a certificate, or with an ended one, is unauthenticated', async () => {
    expect(() => authenticate({ nodeId: `${spiffeId}~a` })).toThrow(/no client certificate/);
    const ended = await certificate([{ type: 'url', value: spiffeId }], new Date(Date.UTC(2026, 4, 1)));
    expect(() => authenticate({ certificate: ended, nodeId: `${spiffeId}~a` })).toThrow(/not valid at this time/);
  });

  it.each<[string, JsonGeneralNames]>([
    ['no SAN', []],
    [
      'two URI SANs',
      [
        { type: 'url', value: spiffeId },
        { type: 'url', value: 'spiffe://td1/b' },
      ],
    ],
    [
      'the same URI SAN twice',
      [
        { type: 'url', value: spiffeId },
        { type: 'url', value: spiffeId },
      ],
    ],
    ['another trust domain', [{ type: 'url', value: 'spiffe://td2/cell/cell-1/service/api' }]],
    ['the identity as a DNS name', [{ type: 'dns', value: spiffeId }]],
    ['a DNS name that imitates a URI in text', [{ type: 'dns', value: `a.example, URI:${spiffeId}` }]],
    ['a URI that imitates a list', [{ type: 'url', value: `${spiffeId}, URI:spiffe://td1/b` }]],
    ['a percent sign', [{ type: 'url', value: 'spiffe://td1/a%2fb' }]],
    ['an upper-case scheme', [{ type: 'url', value: 'SPIFFE://td1/a' }]],
    ['a trailing slash', [{ type: 'url', value: `${spiffeId}/` }]],
    ['a port', [{ type: 'url', value: 'spiffe://td1:443/a' }]],
    ['a NUL', [{ type: 'url', value: `${spiffeId}\0` }]],
  ])('whose certificate has %s is denied', async (_, names) => {
    const nodeId = `${spiffeId}~a`;
    const presented = await certificate(names);
    expect(() => authenticate({ certificate: presented, nodeId })).toThrow(
      expect.objectContaining({ name: 'CellwallError' }),
    );
  });
});

describe('URI SANs', () => {
  it('are read beside other names', async () => {
    const names: JsonGeneralNames = [
      { type: 'dns', value: 'a' },
      { type: 'url', value: spiffeId },
      { type: 'ip', value: '10.0.0.1' },
    ];
    expect(uriSans(await certificate(names))).toEqual([spiffeId]);
  });

  it('of something that is no certificate are refused', () => {
    const spki = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    expect(() => uriSans(Buffer.from('30'))).toThrow(/malformed/);
    expect(uriSans(spki)).toEqual([]);
    expect(new X509Certificate(good).subjectAltName).toContain('URI:');
  });
});
