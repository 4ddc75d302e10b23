// The identity API: HTTPS with the control plane's own SVID; the caller's evidence is inside the request. Join, renew, the trust domain's
// bundle, and reports of proxies. A handful of routes on plain node:https needs no framework.
import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attestor } from '../identity/attestor/attestor.ts';
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { ServerSvid } from '../identity/server-svid.ts';
import type { Svid } from '../identity/svid.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { keyFingerprint, sha256 } from '../identity/x509/fingerprint.ts';
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
import { CellwallError } from '../lib/errors.ts';
import { httpStatus } from '../lib/http-status.ts';
import type { Log } from '../lib/log.ts';
import type { RightOfWay } from '../lib/right-of-way.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { Evidence } from '../model/evidence.ts';
import type { SpiffeId, TrustDomain } from '../model/spiffe-id.ts';
import { createBundleWaiters } from './bundle-waiters.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { createFollowRoutes, type Followed } from './follow-routes.ts';
import { identityOf, type Peer } from './identity-of.ts';
import { type ErrorReply, type IssueReply, identityPaths } from './identity-protocol.ts';
import { createIdentityServer, type IdentityApi } from './identity-server.ts';
import { readBody, recordOf, textOf } from './read-body.ts';
import { createReceivers, type Receivers } from './receivers.ts';

export type { IdentityApi };

export interface IdentityApiOptions extends Receivers {
  readonly issuer: Issuer;
  readonly bundle: Watchable<TrustBundle>;
  readonly trustDomain: TrustDomain;
  readonly attestors: Readonly<Record<string, Attestor>>;
  /** The identity that evidence earns. Throws `permission_denied` if it earns none. */
  readonly identify: (evidence: Evidence) => SpiffeId;
  readonly nodes: Pick<NodeRegistry, 'check' | 'find' | 'remember' | 'forget'>;
  readonly server: ServerSvid;
  /** For control planes that follow this one. Absent: there are none. */
  readonly followed?: Followed | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxConnections?: number;
  readonly way?: Pick<RightOfWay, 'waitMs'>;
}

/** About one request. `who`: whose failures these are. */
interface Caller {
  readonly address: string;
  who: string;
}

interface Issued {
  readonly svid: Svid;
  /** The node key that it is bound to. */
  readonly host?: string;
}

/** Per host: lifetimes of seconds work, floods do not. */
const issuance = { burst: 60, everyMs: 2000 };

/** Listens nowhere at first. At most `maxConnections` at once, default 16,384. */
export function createIdentityApi(options: IdentityApiOptions): IdentityApi {
  const { issuer, bundle: trust, trustDomain, attestors, identify, nodes, server: own, clock, log } = options;
  const { maxConnections = 16_384 } = options;
  const waiters = createBundleWaiters(trust);
  const limiter = createFailureLimiter({ clock });
  const issuing = createBudget({ clock, ...issuance });
  const receivers = createReceivers(clock, options);
  const follow = createFollowRoutes(options.followed, clock);
  const server = createIdentityServer({ own, log, maxConnections, way: options.way, opened: receivers.opened, answer });

  async function answer(request: IncomingMessage, response: ServerResponse, settled: () => void): Promise<void> {
    const address = request.socket.remoteAddress ?? '';
    const caller: Caller = { address, who: `unproven ${address}` };
    try {
      const [path, query] = request.url?.split('?') ?? [];
      if (path === identityPaths.bundle && request.method === 'GET') {
        return send(response, 200, bundlePem(trust.value()), 'application/x-pem-file');
      }
      if (path === identityPaths.nextBundle && request.method === 'GET') {
        const peer = peerOf(request, caller);
        const after = Number(new URLSearchParams(query).get('after') ?? 0);
        if (!Number.isSafeInteger(after)) throw new CellwallError('invalid_argument', '"after" must be a whole number');
        // It stays open until something changes, and must not occupy a place at the front door.
        settled();
        return waiters.wait(after, peer.nodeKey ?? caller.who, response);
      }
      if (follow.has(path)) {
        const peer = peerOf(request, caller);
        settled();
        return await follow.answer(request, response, peer);
      }
      const take = receivers.takers[path ?? ''];
      if (take !== undefined && request.method === 'POST') {
        await take(request, peerOf(request, caller));
        response.writeHead(204).end();
        return;
      }
      if (request.method !== 'POST' || (path !== identityPaths.attest && path !== identityPaths.renew)) {
        throw new CellwallError('not_found', 'no such route', {
          hint: `routes: ${Object.values(identityPaths).join(', ')}`,
        });
      }
      const body = await readBody(request);
      const { svid, host } = path === identityPaths.attest ? await attest(body, caller) : await renew(body, caller);
      const text = JSON.stringify(reply(svid));
      // Whoever was evicted while it was being issued does not get it.
      if (host !== undefined) nodes.check(host);
      log.info({ address, path, spiffeId: svid.spiffeId, serial: svid.serial }, 'issued an SVID');
      send(response, 200, text);
    } catch (reason) {
      fail(request, response, caller, CellwallError.from(reason));
    }
  }

  /** By its certificate, over mTLS. */
  function peerOf(request: IncomingMessage, caller: Caller): Peer {
    const bundle = bundlePem(trust.value());
    const peer = identityOf(request.socket, { bundle, trustDomain, now: clock.now() });
    proved(caller, peer.certificate);
    if (peer.nodeKey !== undefined) nodes.check(peer.nodeKey);
    return peer;
  }

  /** From here on its failures are counted as its own, and nobody else's can block it. */
  function proved(caller: Caller, by: Uint8Array | string): void {
    caller.who = `proven ${sha256(by).toString('base64url')}`;
    limiter.check(caller.who);
  }

  async function attest(body: Readonly<Record<string, unknown>>, caller: Caller): Promise<Issued> {
    const evidence = recordOf(body['evidence']);
    const attestor = fromCatalog('attestor', attestors, textOf(evidence, 'attestor'));
    const secret = await attestor.secretOf?.(evidence);
    if (secret !== undefined) proved(caller, secret);
    const csr = readCsr(textOf(body, 'csr'));
    const nodeKey = body['nodeKey'] === undefined ? csr.publicKey : readNodeKey(textOf(body, 'nodeKey'));
    if (nodeKey !== csr.publicKey) checkProof('attest', csr.der, nodeKey, textOf(body, 'proof'));
    const host = keyFingerprint(nodeKey);
    nodes.check(host);
    pace(host);
    const known = (await nodes.find(host)) !== undefined;
    const attested = await attestor.attest(evidence, { nodeKey: host });
    const spiffeId = identify(attested);
    await nodes.remember(host, spiffeId, attested);
    try {
      return { svid: await issuer.issue(spiffeId, { publicKey: csr.publicKey, nodeKey: host }), host };
    } catch (reason) {
      // A token of an identity without a document: if that gets a document again, the key must not be known without a token.
      if (!known && CellwallError.from(reason).code === 'permission_denied') await nodes.forget(host);
      throw reason;
    }
  }

  async function renew(body: Readonly<Record<string, unknown>>, caller: Caller): Promise<Issued> {
    const trusted = { bundle: bundlePem(trust.value()), trustDomain, now: clock.now() };
    const { spiffeId, leaf, issuers } = verifySvid({ chain: textOf(body, 'chain'), ...trusted });
    const csr = readCsr(textOf(body, 'csr'));
    // Its certificate alone proves nothing: every peer sees it.
    checkProof('renew', csr.der, leaf.publicKey, textOf(body, 'proof'));
    proved(caller, leaf.raw);
    const host = nodeKeyOf(leaf.raw);
    if (host !== undefined) nodes.check(host);
    options.followed?.refuse([leaf, ...issuers]);
    pace(host ?? spiffeId);
    const bound = host === undefined ? {} : { nodeKey: host };
    const svid = await issuer.issue(spiffeId, { publicKey: csr.publicKey, ...bound });
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

  function fail(
    request: IncomingMessage,
    response: ServerResponse,
    { address, who }: Caller,
    failed: CellwallError,
  ): void {
    const counts = ['unauthenticated', 'permission_denied', 'invalid_argument'].includes(failed.code);
    const { code, message, hint } = counts ? (tooMany(who) ?? failed) : failed;
    if (counts) limiter.fail(who);
    // A report about a proxy that is not connected yet, or no longer: normal at each start and end of either side.
    log[code === 'internal' ? 'error' : code === 'unavailable' ? 'debug' : 'warn'](
      { address, path: request.url?.slice(0, 100), code, reason: message },
      'refused',
    );
    // Details of internal errors are for the log, not for the caller.
    const shown: ErrorReply =
      code === 'internal' ? { code, message: 'internal error' } : { code, message, ...defined({ hint }) };
    // Every further attempt costs another handshake.
    if (counts || !request.complete) response.setHeader('connection', 'close');
    send(response, httpStatus[code], JSON.stringify(shown));
  }

  /** Whoever failed too often is not told what was wrong this time. */
  function tooMany(who: string): CellwallError | undefined {
    try {
      limiter.check(who);
      return undefined;
    } catch (reason) {
      return CellwallError.from(reason);
    }
  }

  return {
    ...server,
    close() {
      waiters.close();
      return server.close();
    },
  };
}

function readNodeKey(text: string): KeyObject {
  const key = readPublicKey(Buffer.from(text, 'base64url'));
  checkSubjectKey(key);
  return key;
}

function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
