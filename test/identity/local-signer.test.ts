// The signer and its intermediates: what a CA backend answers is verified, and one intermediate follows another.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createCertificate, createSigningCa, type SigningCa, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import { createLocalSigner, type LocalSigner } from '../../src/identity/signer/local-signer.ts';
import type { IntermediateRequest } from '../../src/identity/upstream-authority.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { readCsr } from '../../src/identity/x509/read-csr.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createWatched, type Watched } from '../../src/lib/watchable.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';

const hour = 3_600_000;
const day = 24 * hour;
const trustDomain = domainOf('td1');

interface CaOptions {
  readonly issuer?: SigningCa;
  readonly pathLength?: number;
  readonly uri?: string;
  readonly lifetimeMs?: number;
}

let clock: FakeClock;
let dir: string;
let root: SigningCa;
let roots: Watched<readonly string[]>;
let leaving: Watched<readonly string[]>;
let mint: (request: IntermediateRequest) => Promise<string>;
const signers: LocalSigner[] = [];

async function makeCa({ issuer, pathLength, uri = 'spiffe://td1', lifetimeMs = 1000 * day }: CaOptions) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    ...(issuer === undefined ? {} : { issuer }),
    ...{ signingKey: issuer?.key ?? signingKeyOf(privateKey), publicKey, uri, commonName: `ca of ${uri}` },
    ...{ notBefore: new Date(clock.now() - hour), notAfter: new Date(clock.now() + lifetimeMs) },
    ca: pathLength === undefined ? {} : { pathLength },
  });
  return createSigningCa(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
}

async function certify({ csr, notBefore, notAfter }: IntermediateRequest, by: SigningCa, more: CaOptions = {}) {
  const { publicKey } = readCsr(csr);
  const { pem } = createCertificate({
    ...{ issuer: by, signingKey: by.key, publicKey, uri: more.uri ?? 'spiffe://td1', commonName: 'i' },
    ...{ notBefore, notAfter: more.lifetimeMs === undefined ? notAfter : new Date(clock.now() + more.lifetimeMs) },
    ca: { pathLength: 0 },
  });
  return pem;
}

beforeEach(async () => {
  clock = createFakeClock(Date.now());
  dir = temporaryFolder('signer');
  root = await makeCa({});
  roots = createWatched<readonly string[]>([root.pem]);
  leaving = createWatched<readonly string[]>([]);
  mint = (request) => certify(request, root);
});
afterEach(() => {
  for (const signer of signers.splice(0)) signer.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(lifetimeMs = 100 * day): Promise<LocalSigner> {
  const upstream = {
    roots: () => roots,
    retiring: () => leaving,
    mintIntermediate: (request: IntermediateRequest) => mint(request),
  };
  const deps = { upstream, storage: createCaFolder(dir), trustDomain, clock, log: silentLog, lifetimeMs };
  const signer = await createLocalSigner({ ...deps, mintTimeoutMs: 5000 });
  signers.push(signer);
  return signer;
}

async function sign(signer: LocalSigner, lifetimeMs = hour): Promise<readonly X509Certificate[]> {
  const { chain } = await signer.sign({
    ...{ spiffeId: idOf('spiffe://td1/service/api'), dnsNames: [], notBefore: new Date(clock.now()) },
    publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
    notAfter: new Date(clock.now() + lifetimeMs),
  });
  return fromPem(chain, 'CERTIFICATE').map((der) => new X509Certificate(der));
}
const issuerOf = async (signer: LocalSigner): Promise<string | undefined> => (await sign(signer))[1]?.serialNumber;

describe('what a CA backend answers is refused', () => {
  it.each<[string, (request: IntermediateRequest) => Promise<string>, RegExp]>([
    ['of another key', async () => (await makeCa({ issuer: root, pathLength: 0 })).pem, /is of another key/],
    ['of another root', async (request) => certify(request, await makeCa({})), /leads to none of the roots/],
    [
      'of another trust domain',
      (request) => certify(request, root, { uri: 'spiffe://td2' }),
      /is that of spiffe:\/\/td2/,
    ],
    ['that has ended', (request) => certify(request, root, { lifetimeMs: -1000 }), /ended on/],
    ['that is a root', async () => root.pem, /is a root/],
    ['that is no certificate', async () => 'PEM', /no "BEGIN CERTIFICATE" block/],
    [
      'out of order',
      async (request) => {
        const middle = await makeCa({ issuer: root, uri: 'spiffe://td1' });
        return middle.pem + (await certify(request, middle));
      },
      /is of another key/,
    ],
    [
      'below one that allows none',
      async (request) => {
        const middle = await makeCa({ issuer: root, pathLength: 0 });
        return (await certify(request, middle)) + middle.pem;
      },
      /allows 0 intermediates below it/,
    ],
    [
      'that never comes',
      () => {
        setImmediate(() => clock.advance(5000));
        return new Promise(() => {});
      },
      /did not answer within 5 s/,
    ],
    ['that is an error', () => Promise.reject(new CellwallError('unavailable', 'it is away')), /it is away/],
  ])('%s', async (_what, answer, message) => {
    mint = answer;
    await expect(open()).rejects.toThrow(message);
    expect(await createCaFolder(dir).names('issuers')).toEqual([]);
  });

  it('under a root that allows no intermediate', async () => {
    root = await makeCa({ pathLength: 0 });
    roots.set([root.pem]);
    await expect(open()).rejects.toThrow(/allows 0 intermediates/);
  });

  it('and the one before goes on', async () => {
    const signer = await open();
    const before = await issuerOf(signer);
    mint = async () => 'nonsense';
    await expect(signer.rotate()).rejects.toThrow();
    clock.advance(60 * day);
    await signer.tend();
    expect(await issuerOf(signer)).toBe(before);
  });
});

describe('a chain of several CAs', () => {
  it('is sent whole, without the root, and no leaf outlives any of it', async () => {
    const middle = await makeCa({ issuer: root, lifetimeMs: 2 * hour });
    mint = async (request) => (await certify(request, middle)) + middle.pem + root.pem;
    const chain = await sign(await open(), 10 * hour);
    expect(chain).toHaveLength(3);
    expect(chain[2]?.raw.equals(middle.certificate.raw)).toBe(true);
    expect(chain[0]?.validToDate.getTime()).toBeLessThan(middle.notAfter.getTime());
  });

  it('is refused where it is longer than readers of chains take', async () => {
    const upper = await makeCa({ issuer: root });
    const middle = await makeCa({ issuer: upper });
    const lower = await makeCa({ issuer: middle });
    mint = async (request) => (await certify(request, lower)) + lower.pem + middle.pem + upper.pem;
    await expect(open()).rejects.toThrow(/4 steps below its root/);
  });
});

describe('intermediates follow one another', () => {
  it('on demand, also for those who open the folder later', async () => {
    const signer = await open();
    const first = await issuerOf(signer);
    await signer.rotate();
    const second = await issuerOf(signer);
    expect(second).not.toBe(first);
    expect(await issuerOf(await open())).toBe(second);
    await signer.tend();
    expect(await issuerOf(signer)).toBe(second);
  });

  it('one at a time, however many ask', async () => {
    const signer = await open();
    await Promise.all([signer.rotate(), signer.tend(), signer.rotate(), signer.tend()]);
    expect(readdirSync(join(dir, 'issuers'))).toHaveLength(3);
  });

  it('at half of what the CA gave, however much was requested: no leaf is cut short', async () => {
    mint = (request) => certify(request, root, { lifetimeMs: day });
    const signer = await open();
    for (let step = 0; step < 20; step += 1) {
      clock.advance(3 * hour);
      await eventually('what the timer began is done', async () => {
        const [leaf] = await sign(signer, 5 * hour);
        return (leaf?.validToDate.getTime() ?? 0) > clock.now() + 5 * hour - 2000;
      });
    }
  });

  it('when the root that one leads to is gone, before anything else is signed', async () => {
    const signer = await open();
    const next = await makeCa({});
    roots.set([root.pem, next.pem]);
    expect((await sign(signer))[1]?.checkIssued(root.certificate)).toBe(true);
    mint = (request) => certify(request, next);
    roots.set([next.pem]);
    const [leaf, issuer] = await sign(signer);
    expect(issuer?.verify(next.certificate.publicKey)).toBe(true);
    expect(leaf?.checkIssued(issuer ?? next.certificate)).toBe(true);
  });

  it('as soon as the CA can be reached, when its root is on its way out: until then it signs on', async () => {
    const signer = await open();
    const first = await issuerOf(signer);
    const next = await makeCa({});
    mint = () => Promise.reject(new CellwallError('unavailable', 'it is away'));
    roots.set([root.pem, next.pem]);
    leaving.set([root.pem]);
    expect(await issuerOf(signer)).toBe(first);
    // So does one that starts meanwhile.
    expect(await issuerOf(await open())).toBe(first);
    mint = (request) => certify(request, next);
    expect((await sign(signer))[1]?.verify(next.certificate.publicKey)).toBe(true);
    mint = () => Promise.reject(new CellwallError('unavailable', 'it is away'));
    roots.set([root.pem]);
    leaving.set([]);
    // Nothing is signed under what is gone.
    expect(await issuerOf(signer)).toBe(first);
    roots.set([next.pem]);
    expect((await sign(signer))[1]?.verify(next.certificate.publicKey)).toBe(true);
    const other = await makeCa({});
    roots.set([other.pem]);
    await expect(sign(signer)).rejects.toThrow('it is away');
  });

  it('by the kept one that still leads to a root, after a start with other roots', async () => {
    const first = await issuerOf(await open());
    const next = await makeCa({});
    roots.set([next.pem, root.pem]);
    expect(await issuerOf(await open())).toBe(first);
    mint = (request) => certify(request, next);
    roots.set([next.pem]);
    expect(await issuerOf(await open())).not.toBe(first);
  });
});

it('a PEM without line ends is as good', async () => {
  mint = async (request) => {
    const [der] = fromPem(await certify(request, root), 'CERTIFICATE');
    return `\n${toPem(der ?? Buffer.alloc(0), 'CERTIFICATE').trim()}`;
  };
  expect(await sign(await open())).toHaveLength(2);
});
