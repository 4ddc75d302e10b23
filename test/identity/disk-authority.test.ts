// A CA that somebody else keeps in files: the contract, and what happens when the files change.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate, createSigningCa, type SigningCa } from '../../src/identity/ca/certificate.ts';
import { disk } from '../../src/identity/ca/disk.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf } from '../support/identity-harness.ts';
import { authorityContract } from './authority-contract.ts';

const day = 86_400_000;
const trustDomain = domainOf('td1');

interface Made {
  readonly ca: SigningCa;
  readonly keyPem: string;
}
function make(
  commonName: string,
  issuer?: SigningCa,
  { pathLength, days = 100 }: { pathLength?: number; days?: number } = {},
): Made {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    ...(issuer === undefined ? {} : { issuer }),
    signingKey: issuer?.key ?? pair.privateKey,
    publicKey: pair.publicKey,
    uri: 'spiffe://td1',
    commonName,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + days * day),
    ca: pathLength === undefined ? {} : { pathLength },
  });
  const keyPem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { ca: createSigningCa(pem, keyPem), keyPem };
}

let folder: string;
beforeEach(() => {
  folder = temporaryFolder('disk-ca');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);
function put(made: Made, root: Made): void {
  writeFileSync(path('tls.crt'), made.ca.pem);
  writeFileSync(path('tls.key'), made.keyPem);
  writeFileSync(path('ca.crt'), root.ca.pem);
}
const open = (clock = systemClock, over: Record<string, string> = {}) =>
  disk.create({
    storage: createCaFolder(path('ca')),
    trustDomain,
    options: Object.fromEntries(
      Object.entries({ certificate: path('tls.crt'), key: path('tls.key'), roots: path('ca.crt'), ...over }).map(
        ([name, value]) => [name, new Redacted(value)],
      ),
    ),
    clock,
    log: silentLog,
  });
const request = () => ({
  csr: createCsr(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  notBefore: new Date(),
  notAfter: new Date(Date.now() + day),
});
const issuerOf = async (authority: Awaited<ReturnType<typeof open>>): Promise<string> => {
  const [first] = fromPem(await authority.mintIntermediate(request()), 'CERTIFICATE');
  return new X509Certificate(first ?? Buffer.alloc(0)).issuer;
};

const contractRoot = make('contract root');
const contractCa = make('contract ca', contractRoot.ca);
authorityContract('disk', {
  open(dir) {
    mkdirSync(dir, { recursive: true });
    const at = (name: string): string => join(dir, name);
    writeFileSync(at('tls.crt'), contractCa.ca.pem);
    writeFileSync(at('tls.key'), contractCa.keyPem);
    writeFileSync(at('ca.crt'), contractRoot.ca.pem);
    return open(systemClock, { certificate: at('tls.crt'), key: at('tls.key'), roots: at('ca.crt') });
  },
});

describe('files that change', () => {
  test('are used once they are complete, and until then, or if they are wrong, the ones before', async () => {
    const clock = createFakeClock(Date.now());
    const root = make('root');
    put(make('first', root.ca), root);
    const authority = await open(clock);
    expect(await issuerOf(authority)).toContain('first');
    const next = make('second', root.ca);
    // As an operator copies them: one, and a while later the other.
    writeFileSync(path('tls.crt'), next.ca.pem);
    await clock.advance(12_000);
    expect(await issuerOf(authority)).toContain('first');
    writeFileSync(path('tls.key'), next.keyPem);
    await clock.advance(12_000);
    expect(await issuerOf(authority)).toContain('second');
    writeFileSync(path('tls.key'), 'nonsense');
    await clock.advance(12_000);
    expect(await issuerOf(authority)).toContain('second');
    await authority.close();
  });

  test('as Kubernetes mounts them (a link to a folder, replaced by another) are seen', async () => {
    const clock = createFakeClock(Date.now());
    const root = make('root');
    put(make('first', root.ca), root);
    const authority = await open(clock);
    const next = make('second', root.ca);
    writeFileSync(path('new.crt'), next.ca.pem);
    writeFileSync(path('new.key'), next.keyPem);
    renameSync(path('new.crt'), path('tls.crt'));
    renameSync(path('new.key'), path('tls.key'));
    await clock.advance(12_000);
    expect(await issuerOf(authority)).toContain('second');
    await authority.close();
  });

  test('bring new roots', async () => {
    const clock = createFakeClock(Date.now());
    const [root, other] = [make('root'), make('other')];
    put(make('first', root.ca), root);
    const authority = await open(clock);
    writeFileSync(path('ca.crt'), `${root.ca.pem}${other.ca.pem}`);
    await clock.advance(12_000);
    expect(authority.roots().value()).toHaveLength(2);
    await authority.close();
  });

  test('that let the CA end are told when it is asked to certify', async () => {
    const clock = createFakeClock(Date.now());
    const root = make('root');
    put(make('short', root.ca, { days: 1 }), root);
    const authority = await open(clock);
    await clock.advance(2 * day);
    await expect(authority.mintIntermediate(request())).rejects.toMatchObject({ code: 'unavailable' });
    await authority.close();
  });
});

describe('is refused at the start', () => {
  const root = make('root');
  test.each<[string, () => void, RegExp]>([
    ['a missing file', () => {}, /ENOENT/],
    [
      'a key of another',
      () => {
        put(make('one', root.ca), root);
        writeFileSync(path('tls.key'), make('two').keyPem);
      },
      /is not the key of/,
    ],
    ['a CA that allows none below', () => put(make('one', root.ca, { pathLength: 0 }), root), /allows no CA below it/],
    ['a CA that has ended', () => put(make('one', root.ca, { days: -0.5 }), root), /ended on/],
    [
      'no root',
      () => {
        put(make('one', root.ca), root);
        writeFileSync(path('ca.crt'), make('one', root.ca).ca.pem);
      },
      /names no root/,
    ],
    [
      'a file that is no key',
      () => {
        put(make('one', root.ca), root);
        writeFileSync(path('tls.key'), 'secret nonsense');
      },
      /^(?!.*nonsense).*no private key that can be read/,
    ],
  ])('%s', async (_, prepare, message) => {
    prepare();
    await expect(open()).rejects.toThrow(message);
  });
});
