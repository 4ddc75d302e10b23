// SVIDs for who attests, and for who renews: what is checked, in which order, and what is answered.
import type { KeyObject } from 'node:crypto';
import type { AttestedLog } from '../identity/attested-log.ts';
import type { Attestor } from '../identity/attestor/attestor.ts';
import { tokenId } from '../identity/attestor/join-token.ts';
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { Bans } from '../identity/ban/bans.ts';
import type { IssuedFor } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { Svid } from '../identity/svid.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { isVouched } from '../identity/vouched.ts';
import { keyFingerprint } from '../identity/x509/fingerprint.ts';
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { checkProof } from '../identity/x509/possession.ts';
import { readPublicKey } from '../identity/x509/public-key.ts';
import { readCsr } from '../identity/x509/read-csr.ts';
import { checkSubjectKey } from '../identity/x509/subject-key.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import { createBudget } from '../lib/budget.ts';
import { fromCatalog } from '../lib/catalog.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError, type ErrorCode } from '../lib/errors.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { Evidence } from '../model/evidence.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import type { Exchanges } from './exchanges.ts';
import type { Followed } from './follow-routes.ts';
import type { IssueReply } from './identity-protocol.ts';
import { createOnItsWay } from './on-its-way.ts';
import { recordOf, textOf } from './read-body.ts';
import type { RefusedSvids } from './refused-svids.ts';

export interface IssuingDeps {
  readonly issuer: Issuer;
  readonly bundle: Watchable<TrustBundle>;
  readonly trustDomain: TrustDomain;
  readonly attestors: Readonly<Record<string, Attestor>>;
  /** The identity that evidence earns. Throws `permission_denied` if it earns none. */
  readonly identify: (evidence: Evidence) => SpiffeId;
  /** Why it earns none, for operators. Absent: not known. */
  readonly whyNot?: ((evidence: Evidence) => readonly string[]) | undefined;
  /** Told of everybody who gets no SVID. Absent: not kept. */
  readonly refused?: Pick<RefusedSvids, 'note'> | undefined;
  readonly nodes: Pick<NodeRegistry, 'check' | 'find' | 'remember' | 'forget' | 'end'>;
  /** Evidence of jobs (`Attestor.exchanges`), and what became of it, is recorded there. Absent: it is not. */
  readonly exchanges?: Exchanges | undefined;
  /** What proved which host is recorded there. Absent: it is not. */
  readonly attested?: Pick<AttestedLog, 'record'>;
  /** Absent: nobody is banned. */
  readonly bans?: Pick<Bans, 'check'>;
  /** For control planes that follow this one. Absent: there are none. */
  readonly followed?: Pick<Followed, 'refuse'> | undefined;
  readonly clock: Clock;
}

export interface Issued {
  readonly svid: Svid;
  /** The node key that it is bound to. */
  readonly host?: string;
}

type Body = Readonly<Record<string, unknown>>;

/** Where a request comes from. */
interface From {
  readonly address: string;
}

export interface Issuing<C extends From> {
  attest(body: Body, caller: C): Promise<Issued>;
  renew(body: Body, caller: C): Promise<Issued>;
  reply(svid: Svid): IssueReply;
}

/** Nothing is wrong with who asked. */
const passing: ReadonlySet<ErrorCode> = new Set(['internal', 'unavailable', 'deadline_exceeded', 'aborted']);

/** Per host: lifetimes of seconds work, floods do not. */
const issuance = { burst: 60, everyMs: 2000 };

/** `proved` is called with what a caller has proved to have, as soon as it has; it may throw. */
export function createIssuing<C extends From>(
  deps: IssuingDeps,
  proved: (caller: C, by: Uint8Array | string) => void,
): Issuing<C> {
  const { issuer, bundle: trust, trustDomain, attestors, identify, nodes, bans, followed, clock } = deps;
  const issuing = createBudget({ clock, ...issuance });

  /** What is known of one who asks, as far as it is proved. */
  interface About {
    attestor?: string;
    nodeKey?: string;
    spiffeId?: SpiffeId;
    evidence?: Evidence;
    /** It exchanges the token of a job. */
    exchanges?: boolean;
    /** Whoever knows what the evidence is worth (an issuer of tokens, a cluster) is being asked. */
    isJudged?: boolean;
  }

  /** Operators are told why; whoever asked only learns of what it proved that it earns nothing. */
  async function noting(
    by: 'attest' | 'renew',
    { address }: C,
    make: (about: About) => Promise<Issued>,
  ): Promise<Issued> {
    const about: About = {};
    try {
      return await make(about);
    } catch (reason) {
      const failed = CellwallError.from(reason);
      const { attestor, nodeKey, spiffeId, evidence, exchanges } = about;
      const why = evidence === undefined || failed.code !== 'permission_denied' ? [] : (deps.whyNot?.(evidence) ?? []);
      if (about.exchanges === true)
        deps.exchanges?.refused({ address, failed, why, ...defined({ attestor, nodeKey, values: evidence?.values }) });
      const isUnjudged = about.isJudged === true && failed.code === 'unavailable';
      if (passing.has(failed.code) && !isUnjudged) throw reason;
      const proved = evidence !== undefined || spiffeId !== undefined;
      const known = defined({ attestor, nodeKey, spiffeId, exchanges });
      deps.refused?.note({ by, address, failed, why, proved, ...known });
      // Whoever tries tokens learns nothing from one that is refused.
      if (about.exchanges === true && failed.code === 'unauthenticated') throw notAccepted(failed);
      if (by === 'renew' || evidence === undefined || evidence.attestor === 'join-token' || spiffeId !== undefined)
        throw reason;
      throw new CellwallError(failed.code, `what "${evidence.attestor}" proved earns no identity`, {
        hint: 'an operator sees why: cellwall doctor svid',
        cause: failed,
      });
    }
  }

  async function attested(body: Body, caller: C, about: About): Promise<Issued> {
    const evidence = recordOf(body['evidence']);
    const means = textOf(evidence, 'attestor');
    about.attestor = means;
    const attestor = fromCatalog('attestor', attestors, means);
    if (attestor.exchanges === true) about.exchanges = true;
    const secret = await attestor.secretOf?.(evidence);
    if (secret !== undefined) proved(caller, secret);
    const csr = readCsr(textOf(body, 'csr'));
    const nodeKey = body['nodeKey'] === undefined ? csr.publicKey : readNodeKey(textOf(body, 'nodeKey'));
    if (nodeKey !== csr.publicKey) checkProof('attest', csr.der, nodeKey, textOf(body, 'proof'));
    const host = keyFingerprint(nodeKey);
    about.nodeKey = host;
    nodes.check(host);
    bans?.check({ nodeKey: host });
    pace(host);
    const known = (await nodes.find(host)) !== undefined;
    about.isJudged = true;
    const written = createOnItsWay(async () => (known ? undefined : nodes.forget(host)));
    const proof = await attestor.attest(evidence, { nodeKey: host, onKept: written.onKept });
    about.isJudged = false;
    about.evidence = proof;
    const spiffeId = identify(proof);
    about.spiffeId = spiffeId;
    await nodes.remember(host, spiffeId, proof);
    try {
      const how = means === 'node-key' ? 'node-key' : 'attested';
      const request = { how, attestor: proof.attestor, address: caller.address, ...confirmedIn(body) } as const;
      const svid = await issuer.issue(spiffeId, { publicKey: csr.publicKey, nodeKey: host, request });
      const given = { nodeKey: host, spiffeId, address: caller.address };
      // A job that comes back with its node key, too: what could not be put on record the first time would need no record the second.
      if (attestor.exchanges === true || attestors[proof.attestor]?.exchanges === true) {
        // Waits for the disk, and so may its use of the token: for both at once.
        const use = { ...given, attestor: means, values: proof.values, svid };
        await Promise.all([deps.exchanges?.exchanged(use), written.arrived()]);
        return { svid, host };
      }
      await written.arrived();
      const token = means === 'join-token' && secret !== undefined ? { token: tokenId(secret) } : {};
      const by = { attestor: means, values: proof.values };
      deps.attested?.record({ ...given, ...token }, by);
      return { svid, host };
    } catch (reason) {
      // A token of an identity without a document: if that gets a document again, the key must not be known without a token.
      if (!known && CellwallError.from(reason).code === 'permission_denied') await nodes.forget(host);
      throw reason;
    }
  }

  async function renewed(body: Body, caller: C, about: About): Promise<Issued> {
    const trusted = { bundle: bundlePem(trust.value()), trustDomain, now: clock.now() };
    const { spiffeId, leaf, issuers } = verifySvid({ chain: textOf(body, 'chain'), ...trusted });
    const csr = readCsr(textOf(body, 'csr'));
    // Its certificate alone proves nothing: every peer sees it.
    checkProof('renew', csr.der, leaf.publicKey, textOf(body, 'proof'));
    proved(caller, leaf.raw);
    const host = nodeKeyOf(leaf.raw);
    about.spiffeId = spiffeId;
    if (host !== undefined) about.nodeKey = host;
    if (host !== undefined) nodes.check(host);
    bans?.check({ spiffeId, nodeKey: host });
    followed?.refuse([leaf, ...issuers]);
    pace(host ?? spiffeId);
    const bound = host === undefined ? {} : { nodeKey: host };
    const evidence = host === undefined ? undefined : (await nodes.find(host))?.evidence;
    if (evidence !== undefined) about.evidence = evidence;
    if (isVouched(evidence)) {
      throw new CellwallError('permission_denied', 'a runner vouched for this identity, and it alone renews the SVID', {
        hint: 'take it from the Workload API, at SPIFFE_ENDPOINT_SOCKET, where there is always a valid one',
      });
    }
    const by = { address: caller.address, ...defined({ attestor: evidence?.attestor }) };
    const request = { how: 'renewed', ...by, ...confirmedIn(body) } as const;
    const replaces = leaf.validToDate.getTime();
    const svid = await issuer.issue(spiffeId, { publicKey: csr.publicKey, ...bound, request, replaces });
    // Its node key is in use: it is all that it has left after an outage.
    if (host !== undefined) await nodes.remember(host, spiffeId);
    return { svid, ...(host && { host }) };
  }

  /** Each issued one is kept on record for days. */
  function pace(who: string): void {
    const wait = issuing.spend(who);
    if (wait === 0) return;
    throw new CellwallError('resource_exhausted', 'SVIDs are asked for too often', {
      hint: `an SVID is good for half of its life: try again in ${Math.ceil(wait / 1000)} s`,
    });
  }

  function reply({ spiffeId, chain, notAfter }: Svid): IssueReply {
    const renewAt = new Date((clock.now() + notAfter.getTime()) / 2);
    const { sequence, roots } = trust.value();
    return {
      spiffeId,
      chain,
      bundle: bundlePem({ roots }),
      sequence,
      notAfter: notAfter.toISOString(),
      renewAt: renewAt.toISOString(),
    };
  }

  return {
    attest: (body, caller) => noting('attest', caller, (about) => attested(body, caller, about)),
    renew: (body, caller) => noting('renew', caller, (about) => renewed(body, caller, about)),
    reply,
  };
}

function confirmedIn({ confirmed }: Body): Pick<IssuedFor, 'confirmed'> {
  return confirmed === true ? { confirmed } : {};
}

function notAccepted(cause: CellwallError): CellwallError {
  return new CellwallError('unauthenticated', 'this token is not accepted', {
    hint: 'an operator sees why: cellwall doctor svid, and in the audit log',
    cause,
  });
}

function readNodeKey(text: string): KeyObject {
  const key = readPublicKey(Buffer.from(text, 'base64url'));
  checkSubjectKey(key);
  return key;
}
