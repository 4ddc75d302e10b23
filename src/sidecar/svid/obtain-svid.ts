// Gets an SVID by the best available means: renewal of the current one, then the node key, then the join token.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { parseJoinToken } from '../../identity/join-token.ts';
import { keyFingerprint } from '../../identity/x509/fingerprint.ts';
import { createIdentityClient, fetchPinnedRoots } from '../../identity-api/client.ts';
import type { IssueReply } from '../../identity-api/identity-protocol.ts';
import { serverUri, serverUriOf } from '../../identity-api/server-uri.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { HostPort } from '../../lib/host-port.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import type { EvidenceSource } from '../attest/make-evidence.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import { firstThatAnswers } from '../servers/first-that-answers.ts';
import type { NewestRoots } from './newest-roots.ts';
import { makeKey, type NodeKeyFile } from './node-key.ts';
import { type StoredSvid, type SvidFiles, stored } from './svid-files.ts';

export interface ObtainSvidDeps {
  readonly servers: ControlPlanes;
  readonly token?: Redacted<string>;
  /** Other evidence of this host. */
  readonly evidence?: EvidenceSource;
  readonly nodeKey: NodeKeyFile;
  /** The node key is the only means of renewal: others have the SVID and its key, too, and may not have it renewed. */
  readonly sharesSvid?: true;
  /** Throws if the identity is not the expected one: a new one is not saved. */
  readonly verify?: (spiffeId: string, from: 'folder' | 'control plane') => void;
  readonly files: SvidFiles;
  /** This helper says when its program has what was issued: not before does it count as replaced. Default: it does not. */
  readonly confirmed?: boolean;
  /** Of several bundles the newest is kept, whatever its source. */
  readonly roots?: NewestRoots;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts what is in progress. */
  readonly signal?: AbortSignal;
}

export interface ObtainedSvid extends StoredSvid {
  /** By the control plane's clock; epoch milliseconds. Its dates do not tell: it begins earlier where hosts are known to be behind. */
  readonly issuedAt: number;
}

/** A control plane that hangs must not delay for long what another one can do. */
const oneOfSeveralMs = 2000;

interface AtOneServer extends ObtainSvidDeps {
  readonly server: HostPort;
  /** Default 5 s. */
  readonly timeoutMs?: number;
}

/**
 * One attempt at each control plane, until one gives an SVID or refuses it; written to the files. Throws `unavailable` or
 * `deadline_exceeded` if a later attempt may succeed. `only`: only by that means.
 */
export function obtainSvid(deps: ObtainSvidDeps, only?: MeansName): Promise<ObtainedSvid> {
  return firstThatAnswers(
    deps.servers,
    (server, of) => obtainFrom({ ...deps, server, ...(of > 1 ? { timeoutMs: oneOfSeveralMs } : {}) }, only),
    deps,
  );
}

async function obtainFrom(deps: AtOneServer, only?: MeansName): Promise<ObtainedSvid> {
  const { files, log, verify = () => {} } = deps;
  const key = await makeKey();
  let refusal: CellwallError | undefined;
  for (const [means, attempt] of meansOf(deps, key)) {
    if (only !== undefined && means !== only) continue;
    const reply = await tried(async () => {
      const issued = await attempt();
      verify(stored(issued.chain, key, issued.bundle).spiffeId, 'control plane');
      return issued;
    });
    if (!(reply instanceof CellwallError)) {
      // A full disk is not a refusal: no other means is tried.
      const svid = files.write({ chain: reply.chain, key, bundle: deps.roots?.hear(reply) ?? reply.bundle });
      log.info({ means, spiffeId: svid.spiffeId, notAfter: svid.notAfter.toISOString() }, 'got an SVID');
      const offsetMs = deps.clock.now() - issuedBy(reply);
      if (Math.abs(offsetMs) >= worthSayingMs) {
        const hint = 'synchronize the time of both hosts: over ten minutes, or half of a certificate, calls fail';
        log.warn(
          { offsetSeconds: Math.round(offsetMs / 1000), hint },
          "the clock of this host is not the control plane's",
        );
      }
      return { ...svid, issuedAt: issuedBy(reply) };
    }
    if (isTransient(reply)) throw reply;
    log.warn({ means, code: reply.code, reason: reply.message }, 'no SVID obtained in this way');
    refusal = reply;
  }
  throw (
    refusal ??
    new CellwallError('failed_precondition', 'there is neither a join token nor an SVID to renew', {
      hint: 'make a token with cellwall token create, and pass it as --token or CELLWALL_TOKEN',
    })
  );
}

/** The control plane's time: `renewAt` is halfway between that and `notAfter`. */
function issuedBy({ renewAt, notAfter }: IssueReply): number {
  return 2 * Date.parse(renewAt) - Date.parse(notAfter);
}

const worthSayingMs = 30_000;

async function tried(attempt: () => Promise<IssueReply>): Promise<IssueReply | CellwallError> {
  try {
    return await attempt();
  } catch (reason) {
    return CellwallError.from(reason);
  }
}

/** Whether the same attempt may succeed later. */
export function isTransient({ code }: CellwallError): boolean {
  return code === 'unavailable' || code === 'deadline_exceeded' || code === 'resource_exhausted' || code === 'internal';
}

type MeansName = 'renewal' | 'node key' | 'attestation' | 'join token';
type Means = readonly [name: MeansName, attempt: () => Promise<IssueReply>];

function meansOf(
  { server: at, token, evidence: source, nodeKey, sharesSvid, files, confirmed, clock, signal, timeoutMs }: AtOneServer,
  key: KeyObject,
): readonly Means[] {
  const means: Means[] = [];
  const server = { ...at, ...defined({ timeoutMs, confirmed }) };
  const current = files.read();
  if (current !== undefined) {
    const serverId = serverUriOf(current.chain);
    const client = createIdentityClient({ ...server, roots: current.bundle, serverId, signal });
    if (sharesSvid !== true && current.notAfter.getTime() > clock.now()) {
      means.push(['renewal', () => client.renew({ chain: current.chain, currentKey: current.key, key })]);
    }
    // Whether it is known is decided by the control plane: it may be new, or have joined in this very process.
    const evidence = { attestor: 'node-key' };
    means.push(['node key', () => client.attest({ evidence, key, nodeKey: nodeKey.key() })]);
  }
  if (source !== undefined) {
    means.push([
      'attestation',
      async () => {
        const client = createIdentityClient({ ...server, roots: source.roots, signal });
        const own = createPublicKey(nodeKey.key());
        return client.attest({ evidence: await source.make(keyFingerprint(own)), key, nodeKey: nodeKey.key() });
      },
    ]);
  }
  if (token !== undefined) {
    means.push([
      'join token',
      async () => {
        const { rootFingerprints, trustDomain } = parseJoinToken(token.reveal());
        const roots = await fetchPinnedRoots({ ...server, signal }, rootFingerprints);
        const evidence = { attestor: 'join-token', token: token.reveal().trim() };
        const serverId = trustDomain === undefined ? undefined : serverUri(`spiffe://${trustDomain}`);
        const client = createIdentityClient({ ...server, roots, serverId, signal });
        try {
          return await client.attest({ evidence, key, nodeKey: nodeKey.key() });
        } catch (reason) {
          if (CellwallError.from(reason).code !== 'failed_precondition') throw reason;
          // This host was evicted, and an operator has created a token for it since: it joins as a new one.
          await nodeKey.replace();
          return client.attest({ evidence, key, nodeKey: nodeKey.key() });
        }
      },
    ]);
  }
  return means;
}
