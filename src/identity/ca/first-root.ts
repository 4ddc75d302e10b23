// The first root of the built-in CA: created once, atomically. A lost root is never replaced: that needs an operator.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { CellwallError } from '../../lib/errors.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorityDeps } from '../upstream-authority.ts';
import { createCertificate, type SigningCa, signingKeyOf } from './certificate.ts';
import { wholeSecond } from './dates.ts';
import { knownRootFile } from './known-root.ts';

const rootLifetimeMs = 3650 * 86_400_000;
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

type RootDeps = Pick<AuthorityDeps, 'storage' | 'trustDomain' | 'clock' | 'log'>;

/** Throws `failed_precondition` if it is lost. */
export async function firstRoot(deps: RootDeps): Promise<SigningCa> {
  const { storage } = deps;
  const loaded = (await storage.load('root')) ?? (await madeOnce(deps));
  await storage.changeNote(knownRootFile, undefined, loaded.pem);
  return loaded;
}

async function madeOnce(deps: RootDeps): Promise<SigningCa> {
  const { storage } = deps;
  const wasUsed = (await storage.note(knownRootFile)) !== undefined || (await storage.names('issuers')).length > 0;
  // Checked in this order, because another process may be creating it right now: it appears before its marker.
  const found = await storage.load('root');
  if (found !== undefined) return found;
  if (wasUsed) {
    throw new CellwallError(
      'failed_precondition',
      `the root CA in ${storage.where('root')} is lost, but there was one`,
      {
        hint: `restore it from a backup; or, to cut every workload off and start anew, remove all that is beside it`,
      },
    );
  }
  return makeRoot('root', deps);
}

/** The root of that name; a new one, unless there is one. `renewal`: as of `CaStorage.add`. */
export async function makeRoot(
  name: string,
  { storage, trustDomain, clock, log }: RootDeps,
  options: { readonly renewal?: true } = {},
): Promise<SigningCa> {
  const found = await storage.load(name);
  if (found !== undefined) return found;
  const pair = await generate('ec', { namedCurve: 'P-256' });
  const { pem } = createCertificate({
    signingKey: signingKeyOf(pair.privateKey),
    publicKey: pair.publicKey,
    uri: trustDomainUri(trustDomain),
    commonName: `${trustDomain} root`.slice(0, 64),
    notBefore: wholeSecond(clock.now() - backdateMs),
    notAfter: wholeSecond(clock.now() + rootLifetimeMs),
    ca: {},
  });
  const keyPem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const where = storage.where(name);
  if (await storage.add(name, { pem, keyPem }, options)) log.info({ trustDomain, where }, 'created a new root CA');
  const made = await storage.load(name);
  if (made === undefined) throw new CellwallError('internal', `the root CA in ${where} is not there`);
  return made;
}
