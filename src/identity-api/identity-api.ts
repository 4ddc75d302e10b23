// The identity API: HTTPS with the control plane's own SVID; the caller's evidence is inside the request. Join, renew, the trust domain's
// bundle, and reports of proxies. A handful of routes on plain node:https needs no framework.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { ForeignBundle } from '../identity/federation/foreign-bundle.ts';
import { readInUse } from '../identity/roots/said-in-use.ts';
import type { ServerSvid } from '../identity/server-svid.ts';
import { bundlePem } from '../identity/trust-bundle.ts';
import { sha256 } from '../identity/x509/fingerprint.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { httpStatus } from '../lib/http-status.ts';
import type { Log } from '../lib/log.ts';
import type { RightOfWay } from '../lib/right-of-way.ts';
import { sourceOf } from '../lib/source-of.ts';
import { type BundleWaiters, createBundleWaiters } from './bundle-waiters.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { createFollowRoutes, type Followed } from './follow-routes.ts';
import { foreignTrustReply } from './foreign-trust.ts';
import { identityOf, type Peer } from './identity-of.ts';
import { type ErrorReply, identityPaths } from './identity-protocol.ts';
import { createIdentityServer, type IdentityServer } from './identity-server.ts';
import { createIssuing, type IssuingDeps } from './issuing.ts';
import { createJwtRoutes, type JwtServices } from './jwt-routes.ts';
import { createLogLevelOrders, type LogLevelOrders } from './log-level-orders.ts';
import { readBody } from './read-body.ts';
import { createReceivers, type Receivers, type Take } from './receivers.ts';

/** With what hosts say that they have. */
export type IdentityApi = IdentityServer &
  Pick<BundleWaiters, 'inUse' | 'renew'> & {
    /** Has a helper set its Envoy's log levels (log-level-orders.ts). */
    readonly setLogLevels: LogLevelOrders['order'];
    /** Somebody was banned: who waits here is told so. Who is evicted is told by itself. */
    turnAway(): void;
  };

export interface IdentityApiOptions extends Receivers, IssuingDeps {
  readonly nodes: IssuingDeps['nodes'] & Pick<NodeRegistry, 'onRefused'>;
  readonly server: ServerSvid;
  /** For control planes that follow this one. Absent: there are none. */
  readonly followed?: Followed | undefined;
  /** Absent: it issues no JWT-SVIDs. */
  readonly jwt?: JwtServices | undefined;
  /** Bundles of foreign trust domains that are in force. Absent: none. */
  readonly foreign?: () => readonly ForeignBundle[];
  readonly log: Log;
  readonly maxConnections?: number;
  readonly way?: Pick<RightOfWay, 'waitMs'>;
}

/** About one request. `who`: whose failures these are. */
interface Caller {
  readonly address: string;
  who: string;
}

/** Listens nowhere at first. At most `maxConnections` at once, default 16,384. */
export function createIdentityApi(options: IdentityApiOptions): IdentityApi {
  const { bundle: trust, trustDomain, nodes, server: own, clock, log } = options;
  const { maxConnections = 16_384 } = options;
  const waiters = createBundleWaiters(trust);
  const limiter = createFailureLimiter({ clock });
  const issuing = createIssuing(options, proved);
  const logLevels = createLogLevelOrders(waiters, clock);
  const receivers = createReceivers(clock, { exchanges: undefined, ...options });
  const takers: Readonly<Record<string, Take>> = { ...receivers.takers, [identityPaths.logLevels]: logLevels.take };
  const follow = createFollowRoutes(options.followed, clock);
  const jwt = createJwtRoutes(options.jwt, clock);
  const server = createIdentityServer({ own, log, maxConnections, way: options.way, opened: receivers.opened, answer });

  async function answer(request: IncomingMessage, response: ServerResponse, settled: () => void): Promise<void> {
    const address = request.socket.remoteAddress ?? '';
    const caller: Caller = { address, who: `unproven ${sourceOf(address)}` };
    try {
      const [path, query] = request.url?.split('?') ?? [];
      if (path === identityPaths.bundle && request.method === 'GET') {
        return send(response, 200, bundlePem(trust.value()), 'application/x-pem-file');
      }
      if (path === identityPaths.nextBundle && request.method === 'GET') {
        const peer = peerOf(request, caller);
        const asked = new URLSearchParams(query);
        const after = Number(asked.get('after') ?? 0);
        if (!Number.isSafeInteger(after)) throw new CellwallError('invalid_argument', '"after" must be a whole number');
        // It stays open until something changes, and must not occupy a place at the front door.
        settled();
        const who = isOfCell(peer) ? undefined : peer.nodeKey;
        return waiters.wait(after, who ?? caller.who, response, readInUse(asked), () => checkStays(peer));
      }
      if (path === identityPaths.jwtKeys && request.method === 'GET') {
        return send(response, 200, await jwt.keys(), 'application/json');
      }
      if (path === identityPaths.foreign && request.method === 'GET') {
        return send(response, 200, foreignTrustReply(options.foreign?.() ?? []), 'application/json');
      }
      if (path === identityPaths.jwt && request.method === 'POST') {
        const peer = peerOf(request, caller);
        options.followed?.refuse(peer.chain);
        const { serial, ...issued } = await jwt.issue(await readBody(request), peer, address);
        // Whoever was evicted or banned while it was being issued does not get it.
        if (peer.nodeKey !== undefined) nodes.check(peer.nodeKey);
        options.bans?.check(peer);
        log.info({ address, path, spiffeId: issued.spiffeId, serial }, 'issued a JWT-SVID');
        return send(response, 200, JSON.stringify(issued));
      }
      if (follow.has(path)) {
        const peer = peerOf(request, caller);
        settled();
        return await follow.answer(request, response, peer);
      }
      const take = takers[path ?? ''];
      if (take !== undefined && request.method === 'POST') {
        const peer = peerOf(request, caller);
        options.followed?.refuse(peer.chain);
        await take(request, peer);
        response.writeHead(204).end();
        return;
      }
      if (request.method !== 'POST' || (path !== identityPaths.attest && path !== identityPaths.renew)) {
        throw new CellwallError('not_found', 'no such route', {
          hint: `routes: ${Object.values(identityPaths).join(', ')}`,
        });
      }
      const body = await readBody(request);
      const { svid, host } = await (path === identityPaths.attest ? issuing.attest : issuing.renew)(body, caller);
      const text = JSON.stringify(issuing.reply(svid));
      // Whoever was evicted or banned while it was being issued does not get it.
      if (host !== undefined) nodes.check(host);
      options.bans?.check({ spiffeId: svid.spiffeId, nodeKey: host });
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
    checkStays(peer);
    return peer;
  }

  /** The control plane of a cell signed it, which may put the name of any host there: what it says is said for nobody here. */
  function isOfCell({ chain }: Peer): boolean {
    try {
      options.followed?.refuse(chain);
      return false;
    } catch {
      return true;
    }
  }

  /** Throws for whoever was evicted or banned. */
  function checkStays(peer: Pick<Peer, 'spiffeId' | 'nodeKey'>): void {
    if (peer.nodeKey !== undefined) nodes.check(peer.nodeKey);
    options.bans?.check(peer);
  }

  /** From here on its failures are counted as its own, and nobody else's can block it. */
  function proved(caller: Caller, by: Uint8Array | string): void {
    caller.who = `proven ${sha256(by).toString('base64url')}`;
    limiter.check(caller.who);
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

  /** Who waits for the roots, and gets nothing any more, hears that now: a helper then gives the identity to nobody. */
  function turnAway(): void {
    waiters.turnAway((response, { code, message, hint }) => {
      response.setHeader('connection', 'close');
      send(response, httpStatus[code], JSON.stringify({ code, message, ...defined({ hint }) }));
    });
  }
  nodes.onRefused(turnAway);

  return {
    ...server,
    inUse: waiters.inUse,
    renew: waiters.renew,
    setLogLevels: logLevels.order,
    turnAway,
    close() {
      waiters.close();
      return server.close();
    },
  };
}

function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}
