// The built-in CA: roots, one of which certifies intermediates (roots/roots-record.ts). The signer's intermediates are beside them, under
// `issuers`.
import { X509Certificate } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import { formatRootsRecord, readRootsRecord, rootsNote } from '../roots/roots-note.ts';
import {
  activeRoot,
  firstRecord,
  forgetsRemoved,
  type RootsRecord,
  retiringRoots,
  successorFolder,
} from '../roots/roots-record.ts';
import type { AuthorityDeps, AuthorityKind, IntermediateRequest, UpstreamAuthority } from '../upstream-authority.ts';
import { caLimits } from '../x509/extensions.ts';
import { keyIdOf } from '../x509/key-id.ts';
import { toPem } from '../x509/pem.ts';
import { spkiOf } from '../x509/public-key.ts';
import { readCsr } from '../x509/read-csr.ts';
import { uriSans } from '../x509/uri-sans.ts';
import { createCertificate, type SigningCa } from './certificate.ts';
import { earlier, later, wholeSecond } from './dates.ts';
import { firstRoot, makeRoot } from './first-root.ts';

/** Has no options. */
export const builtIn: AuthorityKind = { options: {}, create: createBuiltInAuthority };

/** Of what a CA is named after in logs, 64 characters at most. */
const maxName = 40;

async function createBuiltInAuthority(deps: AuthorityDeps): Promise<UpstreamAuthority> {
  const { storage, trustDomain, clock, log } = deps;
  const uri = trustDomainUri(trustDomain);
  let note = await storage.note(rootsNote);
  let record = note === undefined ? firstRecord(normal(await firstRoot(deps))) : read(note);
  let root = await load(record);
  checkRoot(root);
  await checkIssuers();
  await tidy();
  // One value: whoever looks at the roots sees those that are on their way out as of the same record.
  const trusted = createWatched(trustedBy(record));
  let turn: Promise<unknown> = Promise.resolve();
  const unwatch = storage.watch(() => void inTurn(follow).catch(tell));

  function read(text: string): RootsRecord {
    return readRootsRecord(text, storage.where(rootsNote));
  }

  function tell(reason: unknown): void {
    log.error({ reason: CellwallError.from(reason).message }, 'the roots stay as they were');
  }

  /** The one that signs. */
  async function load(of: RootsRecord): Promise<SigningCa> {
    const { folder, pem } = activeRoot(of);
    const where = storage.where(folder);
    const loaded = await storage.load(folder);
    if (loaded === undefined) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} is lost`, {
        hint: 'restore it from a backup: none is made in its place',
      });
    }
    if (normal(loaded) === pem) return loaded;
    throw new CellwallError('failed_precondition', `the root CA in ${where} is another one than recorded`, {
      hint: 'restore roots and issuers together, from one backup',
    });
  }

  function checkRoot({ certificate, notAfter }: SigningCa): void {
    const where = storage.where(activeRoot(record).folder);
    const [name] = uriSans(certificate.raw);
    if (name !== uri) {
      throw new CellwallError(
        'failed_precondition',
        `the root CA in ${where} is that of ${name ?? 'no trust domain'}`,
        {
          hint: `this trust domain is ${uri}: give each trust domain a data folder of its own`,
        },
      );
    }
    if (notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} ended on ${notAfter.toISOString()}`, {
        hint: 'check the clock; else a new root has to be rolled out',
      });
    }
    const { pathLength, signs } = caLimits(certificate.raw);
    if (pathLength === 0 || !signs) {
      throw new CellwallError('failed_precondition', `the root CA in ${where} allows no intermediate`, {
        hint: 'it needs keyCertSign in its key usage and no pathLenConstraint of 0: leaves are signed by an intermediate below it',
      });
    }
  }

  /** A root that was exchanged by hand, or half a backup, would cut off everybody who has a certificate. */
  async function checkIssuers(): Promise<void> {
    const known = [...record.roots.map(({ pem }) => pem), ...record.removed].map((pem) => new X509Certificate(pem));
    const names = await storage.names('issuers');
    // After many rotations there are some whose roots nobody remembers; the newest is not one of them.
    for (const name of forgetsRemoved(record) ? names.slice(-1) : names) {
      // One that cannot be read is reported by the signer.
      const issuer = await storage.load(name).catch(() => undefined);
      if (issuer === undefined || known.some((one) => isIssuedBy(one, issuer.certificate))) continue;
      throw new CellwallError('failed_precondition', `the issuing CA in ${storage.where(name)} is not of this root`, {
        hint: 'restore root and issuers together, from one backup',
      });
    }
  }

  /** Keys that must not be used again go, also if the process ended before they could. */
  async function tidy(): Promise<void> {
    const { rotation } = record;
    const kept = record.roots.filter(({ state }) => state !== 'tainted').map(({ folder }) => folder);
    const making = rotation === undefined ? [] : [successorFolder(rotation)];
    // The first record of all is not written: then there is nothing but the first root.
    const there = note === undefined ? [] : ['root', ...(await storage.names('roots'))];
    // Whoever shares it may have gone on, and have made the next root.
    const provided = { note: rootsNote, is: note };
    for (const name of there) if (![...kept, ...making].includes(name)) await storage.remove(name, provided);
  }

  async function mintIntermediate({ csr, notBefore, notAfter }: IntermediateRequest): Promise<string> {
    const { publicKey } = readCsr(csr);
    const issuer = root;
    if (issuer.notAfter.getTime() <= clock.now()) {
      throw new CellwallError('failed_precondition', 'the root CA has ended', { hint: 'check the clock' });
    }
    // Access logs name the issuer of a certificate by its subject alone: which intermediate it is, its key says.
    const id = keyIdOf(spkiOf(publicKey)).toString('hex').slice(0, 16);
    const { pem } = createCertificate({
      issuer,
      signingKey: issuer.key,
      publicKey,
      uri,
      commonName: `${trustDomain.slice(0, maxName)} issuer ${id}`,
      notBefore: later(wholeSecond(notBefore.getTime()), issuer.notBefore),
      notAfter: earlier(wholeSecond(notAfter.getTime()), issuer.notAfter),
      ca: { pathLength: 0 },
    });
    return pem;
  }

  function inTurn(step: () => Promise<void>): Promise<void> {
    const run = turn.then(step);
    turn = run.catch(() => {});
    return run;
  }

  async function force(text: string, next: RootsRecord, signs: SigningCa): Promise<void> {
    [note, record, root] = [text, next, signs];
    trusted.set(trustedBy(next));
    await tidy();
  }

  /** Another control plane may have changed it. */
  async function follow(): Promise<void> {
    const text = await storage.note(rootsNote);
    if (text === undefined || text === note) return;
    const next = read(text);
    // A store that went back to an earlier state must not bring an old root back.
    if (next.version <= record.version) return;
    const signs = await load(next).catch(async (reason: unknown) => {
      // Its key went since: there is a later record.
      if ((await storage.note(rootsNote)) === text) throw reason;
    });
    if (signs === undefined) await follow();
    else await force(text, next, signs);
  }

  return {
    roots: () => part(trusted, ({ roots }) => roots),
    retiring: () => part(trusted, ({ retiring }) => retiring),
    sequence: () => record.sequence,
    mintIntermediate,
    replaceable: {
      record: () => record,
      renews: storage.renews,
      successor: async (folder) => normal(await makeRoot(folder, deps, { renewal: true })),
      adopt: (next, by) =>
        inTurn(async () => {
          if (next.version <= record.version) throw changedMeanwhile();
          const signs = await load(next);
          const text = formatRootsRecord(next);
          const options = by === 'step' ? { renewal: true as const } : {};
          if (!(await storage.changeNote(rootsNote, note, text, options))) {
            await follow();
            throw changedMeanwhile();
          }
          await force(text, next, signs);
        }),
    },
    async close() {
      unwatch();
    },
  };
}

interface Trusted {
  readonly roots: readonly string[];
  readonly retiring: readonly string[];
}

function trustedBy(record: RootsRecord): Trusted {
  return { roots: record.roots.map(({ pem }) => pem), retiring: retiringRoots(record) };
}

function part<T, P>(whole: Watchable<T>, of: (value: T) => P): Watchable<P> {
  return { value: () => of(whole.value()), watch: (listener) => whole.watch((value) => listener(of(value))) };
}

function changedMeanwhile(): CellwallError {
  return new CellwallError('aborted', 'the roots were changed meanwhile', { hint: 'look again: cellwall ca status' });
}

/** However its file is written. */
function normal({ certificate }: SigningCa): string {
  return toPem(certificate.raw, 'CERTIFICATE');
}

function isIssuedBy(root: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(root) && certificate.verify(root.publicKey);
}
