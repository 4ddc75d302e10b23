// The CA as the command line chooses it, over the folder that it had before.

import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storeCa } from '../../src/identity/ca/ca-files.ts';
import { createCertificate, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { type AuthorityChoice, type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';
import { testRoot } from '../support/test-bundle.ts';

const trustDomain = domainOf('td1');
let base: string;
let dir: string;
const opened: OpenAuthority[] = [];
beforeEach(() => {
  base = temporaryFolder('open');
  dir = join(base, 'ca');
});
afterEach(async () => {
  for (const authority of opened.splice(0)) await authority.close();
  rmSync(base, { recursive: true, force: true });
});

async function open(choice: AuthorityChoice = {}): Promise<OpenAuthority> {
  const authority = await openAuthority(choice, { dir, trustDomain, clock: systemClock, log: silentLog });
  opened.push(authority);
  return authority;
}
async function issuerOf({ signer }: OpenAuthority): Promise<string | undefined> {
  const { chain } = await signer.sign({
    ...{
      spiffeId: idOf('spiffe://td1/a'),
      dnsNames: [],
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 60_000),
    },
    publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
  });
  return new X509Certificate(fromPem(chain, 'CERTIFICATE')[1] ?? Buffer.alloc(0)).serialNumber;
}

describe('a folder of an earlier version', () => {
  it('keeps its root and its issuing CA', async () => {
    const first = await open();
    const [roots, issuer] = [first.bundle.value().roots, await issuerOf(first)];
    // What this version added.
    rmSync(join(dir, 'trust-bundle.json'));
    expect(readdirSync(dir).sort()).toEqual(['bundle.pem', 'issuers', 'root']);
    const again = await open();
    expect(again.bundle.value().roots).toEqual(roots);
    expect(await issuerOf(again)).toBe(issuer);
  });

  it('whose issuing CAs are of another root is refused', async () => {
    await open();
    cpSync(join(dir, 'issuers'), join(base, 'issuers'), { recursive: true });
    rmSync(dir, { recursive: true });
    await open();
    rmSync(join(dir, 'issuers'), { recursive: true });
    cpSync(join(base, 'issuers'), join(dir, 'issuers'), { recursive: true });
    chmodSync(join(dir, 'issuers'), 0o700);
    await expect(open()).rejects.toThrow(/is not of this root/);
  });

  it.each([
    ['that allows no intermediate', { pathLength: 0 }, /allows no intermediate/],
    ['that allows one', { pathLength: 1 }, undefined],
  ])('with a root of an operator %s', async (_what, ca, refusal) => {
    await open();
    rmSync(join(dir, 'issuers'), { recursive: true });
    rmSync(join(dir, 'root'), { recursive: true });
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { pem } = createCertificate({
      ...{ signingKey: signingKeyOf(privateKey), publicKey, uri: 'spiffe://td1', commonName: 'own', ca },
      ...{ notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) },
    });
    storeCa(join(dir, 'root'), { pem, keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() });
    if (refusal !== undefined) return expect(open()).rejects.toThrow(refusal);
    const { bundle } = await open();
    return expect(bundle.value().roots).toEqual([pem]);
  });
});

describe('the choice of a CA', () => {
  it('is one of the catalog, with options that it has', async () => {
    await expect(open({ kind: 'none' })).rejects.toMatchObject({ hint: expect.stringMatching(/^known: built-in, /) });
    await expect(open({ options: { colour: new Redacted('red') } })).rejects.toThrow(/has no option "colour"/);
    expect(existsSync(dir)).toBe(false);
  });

  it('has extra roots beside its own', async () => {
    const extra = await testRoot();
    const file = join(base, 'extra.pem');
    writeFileSync(file, extra);
    const { bundle, ownRoots } = await open({ extraRoots: file });
    expect(bundle.value().roots).toEqual([...ownRoots.value(), extra].sort());
    expect(ownRoots.value()).not.toContain(extra);
    await expect(open({ extraRoots: join(base, 'none.pem') })).rejects.toThrow(/cannot be read/);
  });
});
