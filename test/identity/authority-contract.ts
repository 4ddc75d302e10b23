// What every CA backend holds, whatever signs behind it. A new one runs this suite with a case of its own.
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createLocalSigner } from '../../src/identity/signer/local-signer.ts';
import { verifyIntermediate } from '../../src/identity/signer/verify-intermediate.ts';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import type { UpstreamAuthority } from '../../src/identity/upstream-authority.ts';
import { createCsr } from '../../src/identity/x509/create-csr.ts';
import { caLimits } from '../../src/identity/x509/extensions.ts';
import { fromPem, toPem } from '../../src/identity/x509/pem.ts';
import { uriSans } from '../../src/identity/x509/uri-sans.ts';
import { verifySvid } from '../../src/identity/x509/verify-svid.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';

export interface AuthorityCase {
  /** For that trust domain, keeping what it keeps in `dir`. */
  open(dir: string, trustDomain: TrustDomain): Promise<UpstreamAuthority>;
  /** Of its intermediates; `undefined` if it names none. Default: 0. */
  readonly pathLength?: number | undefined;
}

const hour = 3_600_000;
const day = 24 * hour;
const trustDomain = domainOf('td1');
const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export function authorityContract(name: string, authorityCase: AuthorityCase): void {
  const { open } = authorityCase;
  const pathLength = 'pathLength' in authorityCase ? authorityCase.pathLength : 0;
  describe(`the CA ${name}`, () => {
    let dir: string;
    let authority: UpstreamAuthority;
    beforeEach(async () => {
      dir = temporaryFolder('authority');
      authority = await open(dir, trustDomain);
    });
    afterEach(async () => {
      await authority.close();
      rmSync(dir, { recursive: true, force: true });
    });

    const request = (key: KeyObject, lifetimeMs = day) => ({
      csr: createCsr(key),
      notBefore: new Date(Date.now() - hour),
      notAfter: new Date(Date.now() + lifetimeMs),
    });
    const mint = async (key = makeKey()) => {
      const chain = await authority.mintIntermediate(request(key));
      return fromPem(chain, 'CERTIFICATE').map((der) => new X509Certificate(der));
    };

    it('has roots that make a bundle of the trust domain, the same from call to call', () => {
      const roots = authority.roots().value();
      expect(createTrustBundle({ trustDomain, sequence: 1, roots }).roots.length).toBeGreaterThan(0);
      expect(authority.roots().value()).toEqual(roots);
    });

    it('has the same roots when it is opened again', async () => {
      const again = await open(dir, trustDomain);
      expect(again.roots().value()).toEqual(authority.roots().value());
      await again.close();
    });

    it('certifies the key of the request, for leaves alone, under one of its roots, without that root', async () => {
      const key = makeKey();
      const certificates = await mint(key);
      const [first] = certificates;
      expect(first?.checkPrivateKey(key)).toBe(true);
      expect(caLimits(first?.raw ?? Buffer.alloc(0))).toEqual({ pathLength, signs: true });
      const roots = authority.roots().value();
      const chain = certificates.map(({ raw }) => toPem(raw, 'CERTIFICATE')).join('');
      const { chain: without } = verifyIntermediate({ chain, roots, trustDomain, now: Date.now() });
      expect(without).toBe(chain);
    });

    it('takes no name from the request: its CAs are named by the trust domain, or by nothing of SPIFFE', async () => {
      for (const { raw } of await mint()) {
        expect(uriSans(raw).filter((uri) => uri.startsWith('spiffe:') && uri !== `spiffe://${trustDomain}`)).toEqual(
          [],
        );
      }
    });

    it('ends no later than was asked, nor than its root', async () => {
      const { notAfter, ...rest } = request(makeKey());
      const chain = await authority.mintIntermediate({ ...rest, notAfter });
      const end = new X509Certificate(chain).validToDate.getTime();
      expect(end).toBeLessThanOrEqual(notAfter.getTime());
      const long = await authority.mintIntermediate(request(makeKey(), 400 * 365 * day));
      const roots = authority.roots().value();
      const { notAfter: first } = verifyIntermediate({ chain: long, roots, trustDomain, now: Date.now() });
      expect(new X509Certificate(long).validToDate).toEqual(first);
    });

    it('never gives one serial twice', async () => {
      const serials = await Promise.all(Array.from({ length: 5 }, async () => (await mint())[0]?.serialNumber));
      expect(new Set(serials).size).toBe(5);
    });

    it('certifies nothing for who does not hold the key, and no weak key', async () => {
      const good = fromPem(createCsr(makeKey()), 'CERTIFICATE REQUEST')[0] ?? Buffer.alloc(0);
      const forged = Buffer.from(good);
      forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
      for (const csr of ['', 'x', toPem(forged, 'CERTIFICATE REQUEST'), createCsr(weakKey())]) {
        const reason = await authority.mintIntermediate({ ...request(makeKey()), csr }).catch((thrown) => thrown);
        expect(CellwallError.from(reason).code).toBe('invalid_argument');
      }
    });

    it('stands below a signer, whose leaves are SVIDs', async () => {
      const signer = await createLocalSigner({
        ...{
          upstream: authority,
          storage: createCaFolder(`${dir}/signer`),
          trustDomain,
          clock: systemClock,
          log: silentLog,
        },
      });
      const spiffeId = idOf('spiffe://td1/service/api');
      const leaf = async () => {
        const { chain } = await signer.sign({
          ...{ spiffeId, publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, dnsNames: [] },
          ...{ notBefore: new Date(), notAfter: new Date(Date.now() + hour) },
        });
        const bundle = authority.roots().value().join('');
        expect(verifySvid({ chain, bundle, trustDomain, now: Date.now() }).spiffeId).toBe(spiffeId);
        return fromPem(chain, 'CERTIFICATE')[1]?.toString('hex');
      };
      const first = await leaf();
      await signer.rotate();
      expect(await leaf()).not.toBe(first);
      signer.close();
    });
  });
}

function weakKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
}
