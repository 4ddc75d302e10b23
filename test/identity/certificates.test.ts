// Certificates to the letter of X509-SVID, whatever is asked for: each is read by OpenSSL, and of some every extension by an X.509 library.
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as LibraryCertificate,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { IssuancePolicy } from '../../src/identity/issuance-policy.ts';
import { createIssuer, type IssueOptions } from '../../src/identity/issuer.ts';
import { type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { figure, qualifying } from '../support/figure.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const hour = 3_600_000;
const trustDomain = domainOf('td1');
let dir: string;
let authority: OpenAuthority;
let keys: readonly KeyObject[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cellwall-certificates-'));
  authority = await openAuthority({}, { dir: join(dir, 'ca'), trustDomain, clock: systemClock, log: silentLog });
  keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey,
    generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
  ];
});
afterAll(async () => {
  await authority.close();
  rmSync(dir, { recursive: true, force: true });
});

const letters = 'ABCXYZabcxyz019._-';
const segment = fc
  .string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 60 })
  .filter((text) => text !== '.' && text !== '..');
const path = fc.oneof(
  { weight: 20, arbitrary: fc.array(segment, { minLength: 1, maxLength: 12 }) },
  // SPIFFE-ID §2.3: 2,048 bytes at most.
  { weight: 1, arbitrary: fc.constant(['x'.repeat(2048 - 'spiffe://td1/'.length)]) },
);
const dnsName = fc
  .string({ unit: fc.constantFrom(...'abz019'), minLength: 1, maxLength: 20 })
  .map((name) => `${name}.example.org`);
const request = fc.record({
  path: path.filter(([first]) => first !== 'cellwall'),
  dnsNames: fc.uniqueArray(dnsName, { maxLength: 3 }),
  commonName: fc.option(fc.string({ unit: fc.constantFrom(...'abz019-'), minLength: 1, maxLength: 64 }), {
    nil: undefined,
  }),
  nodeKey: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
  key: fc.integer({ min: -2, max: 2 }),
  lifetimeMs: fc.oneof(fc.integer({ min: 1000, max: 2 * hour }), fc.integer({ min: hour, max: 20_000 * hour })),
});

it('every certificate is an X509-SVID for exactly what was attested, and no serial comes twice', async () => {
  const many = qualifying ? 100_000 : 300;
  let policy: IssuancePolicy = { lifetimeMs: hour, dnsNames: [] };
  const table = { ...createMemoryTable(), set: async () => {} };
  const issuer = createIssuer({
    ...{ signer: authority.signer, trustDomain, policy: () => policy, table, clock: systemClock, log: silentLog },
  });
  const serials = new Set<string>();
  const root = new X509Certificate(authority.bundle.value().roots[0] ?? '');
  const issuers = new Map<string, X509Certificate>();
  const issuerOf = (der: Buffer): X509Certificate => {
    const name = der.toString('base64');
    const made = issuers.get(name) ?? new X509Certificate(der);
    if (!issuers.has(name))
      same('an issuer under the root', made.checkIssued(root) && made.verify(root.publicKey) && made.ca, true);
    issuers.set(name, made);
    return made;
  };
  let read = 0;
  const one = async (asked: typeof request extends fc.Arbitrary<infer T> ? T : never): Promise<void> => {
    const spiffeId = idOf(`spiffe://td1/${asked.path.join('/')}`);
    const { dnsNames, commonName, lifetimeMs } = asked;
    policy = { lifetimeMs, dnsNames, ...(commonName !== undefined && { commonName }) };
    const nodeKey = asked.nodeKey === undefined ? undefined : Buffer.from(asked.nodeKey).toString('hex');
    const given = keys[asked.key];
    const options: IssueOptions = {
      ...(nodeKey !== undefined && { nodeKey }),
      ...(given !== undefined && { publicKey: given }),
    };
    const before = Date.now();
    const svid = await issuer.issue(spiffeId, options);
    const [leafDer, issuerDer] = fromPem(svid.chain, 'CERTIFICATE');
    const leaf = new X509Certificate(leafDer ?? '');
    const above = issuerOf(issuerDer ?? Buffer.alloc(0));
    // X509-SVID §2: one URI SAN, the ID; §4.1: not a CA; §4.2, §4.3: for signatures, of both ends of TLS.
    const names = (leaf.subjectAltName ?? '').split(', ');
    const { length } = names;
    same(
      'URI names',
      names.filter((name) => name.startsWith('URI:')),
      [`URI:${spiffeId}`],
    );
    same(
      'DNS names',
      names.filter((name) => name.startsWith('DNS:')),
      dnsNames.map((name) => `DNS:${name}`),
    );
    same('number of names', length, 1 + dnsNames.length + (nodeKey === undefined ? 0 : 1));
    same('a CA', leaf.ca, false);
    same('extended key usage', leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    same('subject', leaf.subject ?? '', commonName === undefined ? '' : `O=Cellwall\nCN=${commonName}`);
    // Its key, signed by its issuer, which is under the root; and it ends before it.
    const key = given ?? createPublicKey(svid.key?.reveal() ?? '');
    same('its key', leaf.publicKey.equals(key), true);
    same('signed by its issuer', leaf.checkIssued(above) && leaf.verify(above.publicKey), true);
    const [begins, ends] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
    same('ends before its issuer', ends < above.validToDate.getTime(), true);
    same('begins with its issuer or later', begins >= above.validFromDate.getTime(), true);
    same('ends in its lifetime', ends <= Date.now() + lifetimeMs, true);
    same('has begun', begins <= before, true);
    // RFC 5280 §4.1.2.2: positive, 20 octets at most.
    same('serial', /^01[0-9A-F]{32}$/.test(leaf.serialNumber), true);
    serials.add(leaf.serialNumber);
    if (read++ % 100 === 0) readWhole(leaf.raw, commonName);
  };
  await fc.assert(fc.asyncProperty(request, one), { numRuns: many });
  expect(serials.size).toBe(read);
  expect(read).toBeGreaterThanOrEqual(many);
  figure('certificates', read);
  figure('differentSerials', serials.size);
}, 1_200_000);

/** A hundred thousand times over: what is equal costs little. */
function same(what: string, found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect({ [what]: found }).toEqual({ [what]: wanted });
}

/** What OpenSSL's summary does not say: which extensions there are, and which are critical. */
function readWhole(der: Uint8Array, commonName: string | undefined): void {
  const certificate = new LibraryCertificate(new Uint8Array(der));
  const constraints = certificate.getExtension(BasicConstraintsExtension);
  expect([constraints?.ca, constraints?.critical]).toEqual([false, true]);
  const usages = certificate.getExtension(KeyUsagesExtension);
  expect([usages?.usages, usages?.critical]).toEqual([KeyUsageFlags.digitalSignature, true]);
  expect(certificate.getExtension(ExtendedKeyUsageExtension)?.usages).toHaveLength(2);
  // RFC 5280 §4.1.2.6: without a subject the SAN is critical.
  expect(certificate.getExtension(SubjectAlternativeNameExtension)?.critical).toBe(commonName === undefined);
  const critical = certificate.extensions.filter((extension) => extension.critical).map(({ type }) => type);
  expect(critical.every((type) => ['2.5.29.15', '2.5.29.17', '2.5.29.19'].includes(type))).toBe(true);
  const types = certificate.extensions.map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
}
