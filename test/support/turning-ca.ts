// A CA backend whose root a test exchanges: another one beside the first, then in its place.
import { generateKeyPairSync } from 'node:crypto';
import { createCertificate, createSigningCa, type SigningCa, signingKeyOf } from '../../src/identity/ca/certificate.ts';
import type { AuthorityKind, IntermediateRequest } from '../../src/identity/upstream-authority.ts';
import { readCsr } from '../../src/identity/x509/read-csr.ts';
import { createWatched } from '../../src/lib/watchable.ts';

export interface TurningCa {
  /** For a catalog of its own. */
  readonly kind: AuthorityKind;
  /** A second root, which vouches for nothing yet. */
  add(): Promise<void>;
  /** Intermediates come from the newest root from now on. */
  turn(): void;
  /** The newest root alone is left. */
  drop(): void;
  /** PEM of the roots there have been, oldest first. */
  all(): readonly string[];
  /** An SVID of a root, PEM, without an intermediate; of a root that is gone, too. */
  leaf(root: string, id: string): Promise<{ readonly cert: string; readonly key: string }>;
}

export async function createTurningCa(uri = 'spiffe://td1'): Promise<TurningCa> {
  const cas = [await makeRoot(uri)];
  const all = [...cas];
  const leaves = new Map<string, { readonly cert: string; readonly key: string }>();
  let signing = cas[0];
  const roots = createWatched<readonly string[]>(cas.map(({ pem }) => pem));
  const tell = (): void => roots.set(cas.map(({ pem }) => pem));
  return {
    kind: {
      options: {},
      create: async () => ({
        roots: () => roots,
        async mintIntermediate({ csr, notBefore, notAfter }: IntermediateRequest) {
          if (signing === undefined) throw new Error('there is no root');
          const { publicKey } = readCsr(csr);
          const issuer = { issuer: signing, signingKey: signing.key };
          const params = { publicKey, uri, commonName: 'intermediate', notBefore, notAfter, ca: { pathLength: 0 } };
          return createCertificate({ ...issuer, ...params }).pem;
        },
        close: async () => {},
      }),
    },
    async add() {
      const made = await makeRoot(uri);
      cas.push(made);
      all.push(made);
      tell();
    },
    turn() {
      signing = cas.at(-1);
    },
    drop() {
      cas.splice(0, cas.length - 1);
      tell();
    },
    all: () => all.map(({ pem }) => pem),
    async leaf(root, id) {
      const known = leaves.get(`${id} ${root}`);
      if (known !== undefined) return known;
      const issuer = all.find(({ pem }) => pem === root);
      if (issuer === undefined) throw new Error('no such root');
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const dates = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
      const { pem } = createCertificate({ issuer, signingKey: issuer.key, publicKey, uri: id, ...dates });
      const leaf = { cert: pem, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
      leaves.set(`${id} ${root}`, leaf);
      return leaf;
    },
  };
}

async function makeRoot(uri: string): Promise<SigningCa> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const day = 86_400_000;
  const { pem } = createCertificate({
    ...{ signingKey: signingKeyOf(privateKey), publicKey, uri, commonName: 'a root', ca: {} },
    ...{ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() + 1000 * day) },
  });
  return createSigningCa(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
}
