// Signs leaves, with an intermediate that the CA backend certified and whose key it never sees. Intermediates are replaced well before they
// expire; leaves of the previous one remain valid, because each carries the intermediate that signed it.
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { SpiffeId, TrustDomain } from '../../model/spiffe-id.ts';
import type { CaStorage } from '../ca/ca-storage.ts';
import { createCertificate, type SigningCa } from '../ca/certificate.ts';
import { earlier, later, wholeSecond } from '../ca/dates.ts';
import { rootName } from '../roots/roots-record.ts';
import { planIssuers } from '../rotation.ts';
import type { UpstreamAuthority } from '../upstream-authority.ts';
import { createCsr } from '../x509/create-csr.ts';
import { checkSubjectKey } from '../x509/subject-key.ts';
import { createKeptIntermediates, type KeptIntermediate } from './kept-intermediates.ts';
import { rootsByIssuer } from './roots-by-issuer.ts';
import { verifyIntermediate } from './verify-intermediate.ts';

/** What to certify. The names are the attested ones, never a CSR's. */
export interface SigningRequest {
  readonly spiffeId: SpiffeId;
  /** P-256, P-384, or RSA of 2048 to 8192 bits; others are refused. As SubjectPublicKeyInfo (DER): a P-256 key that was created here. */
  readonly publicKey: KeyObject | Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** The host that it belongs to: written into it (node-key-extension.ts). */
  readonly nodeKey?: string;
}

export interface SignedCertificate {
  /** PEM, leaf first, then intermediates; never the root. */
  readonly chain: string;
  /** Hex. */
  readonly serial: string;
  readonly notBefore: Date;
  /** Before the expiry of every CA on the way to the root. */
  readonly notAfter: Date;
  /** Name of the root that vouches for it (roots/roots-record.ts). */
  readonly root: string;
}

export interface LocalSigner {
  sign(request: SigningRequest): Promise<SignedCertificate>;
  /** The intermediate that signs now, PEM, and the name of its root. */
  issuer(): { readonly chain: string; readonly root: string };
  /** Every intermediate that is kept, also those that sign no more, by common name: the names of the roots over them. */
  issuers(): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Prepares and activates intermediates as planned; runs at start, by timer, and when the roots change. */
  tend(): Promise<void>;
  /** A new intermediate signs from now on, whatever the plan says. Throws if the backend does not give one: then the previous one stays. */
  rotate(): Promise<void>;
  close(): void;
}

export interface LocalSignerOptions {
  readonly upstream: Pick<UpstreamAuthority, 'roots' | 'retiring' | 'mintIntermediate'>;
  /** Where intermediates are kept, under `issuers`. */
  readonly storage: CaStorage;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  /** Lifetime of an intermediate, as requested. Default: a year. */
  readonly lifetimeMs?: number;
  /** How long the backend may take. Default 30 s. */
  readonly mintTimeoutMs?: number;
}

const day = 86_400_000;
const year = 365 * day;
/** Longer than that of any leaf: none is cut short by a new CA. */
const backdateMs = 3_600_000;
const generate = promisify(generateKeyPair);

/** Resolves once an intermediate can sign: a kept one, or a new one from `upstream`. Rejects if there is none. */
export async function createLocalSigner(options: LocalSignerOptions): Promise<LocalSigner> {
  const { upstream, storage, trustDomain, clock, log, lifetimeMs = year, mintTimeoutMs = 30_000 } = options;
  const kept = createKeptIntermediates(storage);
  let active = await choose(false);
  let turn: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let cancel = (): void => {};
  let closed = false;
  /** By intermediate. */
  const rootNames = new Map<string, string>();
  /** It leads to none of the roots that stay: before anything is signed with it again, another one is asked for. */
  let rootless = false;
  const look = (): void => {
    rootless ||= !leads(active, signingRoots());
    tendSafely();
  };
  const unwatch = [upstream.roots().watch(look), upstream.retiring?.().watch(look)];
  const unwatchStorage = storage.watch(() => tendSafely());
  schedule();

  /** What is on its way out is to sign nothing any more. */
  function signingRoots(): readonly string[] {
    const leaving = upstream.retiring?.().value() ?? [];
    return upstream
      .roots()
      .value()
      .filter((root) => !leaving.includes(root));
  }

  function leads({ pem }: SigningCa, roots: readonly string[]): boolean {
    try {
      verifyIntermediate({ chain: pem, roots, trustDomain, now: clock.now() });
      return true;
    } catch {
      return false;
    }
  }

  /** Those that lead to one of these roots and may sign, oldest first; the expiry of each is the earliest one on that way. */
  async function usable(roots: readonly string[]): Promise<readonly (KeptIntermediate & SigningCa)[]> {
    const now = clock.now();
    return (await kept.load()).flatMap((intermediate) => {
      const { name, ca, retired } = intermediate;
      if (retired) return [];
      try {
        const { notAfter } = verifyIntermediate({ chain: ca.pem, roots, trustDomain, now });
        return [{ ...intermediate, ...ca, notAfter }];
      } catch (reason) {
        log.debug({ intermediate: name, reason: String(reason) }, 'an intermediate is retired');
        return [];
      }
    });
  }

  /** The one that signs now; mints the first, and the successor when one is due. `anew`: in any case, and that one signs. */
  async function choose(anew: boolean): Promise<SigningCa> {
    const plan = async (roots = signingRoots()) => planIssuers(await usable(roots), clock.now());
    const before = await plan();
    // A successor is the business of one control plane; without any that may sign, each looks after itself.
    if (!anew && before.active !== undefined && !(before.prepare && storage.renews())) return before.active;
    try {
      await mint(!anew && before.active !== undefined);
      if (anew) await kept.retireAllButNewest();
    } catch (reason) {
      // Cut off from the CA, one whose root is on its way out is better than none: that root stays for what it signs.
      const stays = before.active ?? (await plan(upstream.roots().value())).active;
      if (anew || stays === undefined) throw reason;
      log.error({ reason: String(reason) }, 'no successor of the intermediate yet; it will be requested again');
      return stays;
    }
    const after = (await plan()).active;
    if (after === undefined) throw new CellwallError('internal', 'there is no intermediate that may sign');
    return after;
  }

  async function mint(isRenewal: boolean): Promise<void> {
    // Before requesting it: of several processes that see the same ones, one keeps it.
    const name = await kept.nextName();
    const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
    const chain = await inTime(
      upstream.mintIntermediate({
        csr: createCsr(privateKey),
        notBefore: wholeSecond(clock.now() - Math.min(backdateMs, lifetimeMs / 10)),
        notAfter: wholeSecond(clock.now() + lifetimeMs),
      }),
    );
    const roots = signingRoots();
    const verified = verifyIntermediate({ chain, roots, publicKey, trustDomain, now: clock.now() });
    const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const isOurs = await kept.keep(name, { pem: verified.chain, keyPem }, isRenewal ? { renewal: true } : {});
    if (isOurs) log.info({ intermediate: name }, 'prepared a new intermediate');
  }

  function inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const message = `the CA did not answer within ${mintTimeoutMs / 1000} s`;
      const stop = clock.after(mintTimeoutMs, () => reject(new CellwallError('deadline_exceeded', message)));
      work.then(resolve, reject).finally(stop);
    });
  }

  /** One after the other: two at once would mint twice. A check that has not begun will see everything that this one would. */
  function next(anew: boolean): Promise<void> {
    if (!anew && waiting !== undefined) return waiting;
    const run = turn.then(async () => {
      // From here on it sees the current state.
      if (waiting === run) waiting = undefined;
      active = await choose(anew);
      rootless = !leads(active, signingRoots());
      schedule();
    });
    if (!anew) waiting = run;
    turn = run.catch(() => {});
    return run;
  }

  function tendSafely(): void {
    next(false).catch((reason: unknown) => log.error({ reason: String(reason) }, 'no intermediate to sign with'));
  }

  /** By what the backend gave: that may be far less than was requested. */
  function schedule(): void {
    if (closed) return;
    cancel();
    const given = active.notAfter.getTime() - active.notBefore.getTime();
    cancel = clock.after(Math.min(day, lifetimeMs / 24, given / 24), () => {
      tendSafely();
      schedule();
    });
  }

  async function sign(request: SigningRequest): Promise<SignedCertificate> {
    const { spiffeId, publicKey, dnsNames, commonName, nodeKey } = request;
    checkSubjectKey(publicKey);
    if (rootless || active.notAfter.getTime() <= clock.now()) await next(false);
    const issuer = active;
    const notBefore = later(wholeSecond(request.notBefore.getTime()), issuer.notBefore);
    // A second earlier: a leaf expires before its issuer.
    const notAfter = earlier(wholeSecond(request.notAfter.getTime()), new Date(issuer.notAfter.getTime() - 1000));
    if (notAfter <= notBefore)
      throw new CellwallError('invalid_argument', 'the certificate would end before it begins');
    const { pem, serial } = createCertificate({
      issuer,
      signingKey: issuer.key,
      publicKey,
      uri: spiffeId,
      dnsNames,
      commonName,
      nodeKey,
      notBefore,
      notAfter,
    });
    return { chain: pem + issuer.pem, serial, notBefore, notAfter, root: rootOf(issuer) };
  }

  /** Of one that signed: its root may have gone since. */
  function rootOf({ pem }: SigningCa): string {
    const known = rootNames.get(pem);
    if (known !== undefined) return known;
    const roots = upstream.roots().value();
    const name = rootName(verifyIntermediate({ chain: pem, roots, trustDomain, now: clock.now() }).root);
    rootNames.set(pem, name);
    return name;
  }

  return {
    sign,
    issuer: () => ({ chain: active.pem, root: rootOf(active) }),
    issuers: async () => rootsByIssuer(await kept.load(), upstream.roots().value()),
    tend: () => next(false),
    rotate: () => next(true),
    close() {
      closed = true;
      for (const end of unwatch) end?.();
      unwatchStorage();
      cancel();
    },
  };
}
