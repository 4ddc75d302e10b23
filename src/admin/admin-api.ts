// The admin API's server: every route of routes/, behind the same guard. Reads come from the read sides, changes go to the store.
import { chmodSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { clearSocket } from './admin-socket.ts';
import { type Access, anonymous, isAllowed } from './caller.ts';
import { createCallers } from './callers.ts';
import { createCredentialCheck, type OperatorCheck } from './credential.ts';
import type { AdminDeps } from './deps.ts';
import { createEntrance } from './entrance.ts';
import { createFailedTries } from './failed-tries.ts';
import { checkOrigin, securityHeaders } from './guard.ts';
import { httpError } from './http-error.ts';
import { addOidc } from './oidc/oidc-door.ts';
import { createOidcProvider } from './oidc/oidc-provider.ts';
import { addEvents } from './page/event-door.ts';
import { addPage } from './page/page-door.ts';
import { createSessions, type Known, sessionHeader } from './page/sessions.ts';
import { respond } from './respond.ts';
import { documentsLimit } from './route.ts';
import { adminRoutes } from './routes.ts';
import { createSignedIn } from './signed-in.ts';
import { createTlsDoor, type TlsCredentials } from './tls-door.ts';

export interface AdminAddress {
  readonly host: string;
  readonly port: number;
}

export interface AdminOptions {
  /** Names by which it may be called, in addition to the address it listens on and localhost. */
  readonly hosts?: readonly string[];
}

export interface AdminApi {
  /** Returns the address with the actual port. `socket`: the path of a socket to listen on as well, for its owner only. */
  listen(address: AdminAddress, socket?: string): Promise<AdminAddress>;
  /** Also listens beyond loopback, with TLS. Returns the address with the actual port. */
  listenTls(options: AdminTls): Promise<AdminAddress>;
  /** Another certificate there, from the next handshake on. */
  rotate(credentials: TlsCredentials): void;
  close(): Promise<void>;
}

export interface AdminTls {
  readonly address: AdminAddress;
  readonly credentials: TlsCredentials;
  /** Names by which it may be called there, in addition to its addresses. */
  readonly names: readonly string[];
  readonly operatorOf: OperatorCheck;
}

const bodyLimit = 1024 * 1024;
const idleMs = 60_000;

/** Listens nowhere at first. Routes answer only whom `access` admits, and are not disclosed to others. */
export function createAdminApi(deps: AdminDeps, { hosts: extraHosts = [] }: AdminOptions = {}): AdminApi {
  const app = createServer();
  const hosts = new Set(['localhost', '127.0.0.1', '::1', ...extraHosts.map((name) => name.toLowerCase())]);
  let operatorOf: OperatorCheck | undefined;
  const callers = createCallers(deps.token, deps.namedTokens);
  const tries = createFailedTries(deps);
  const sessions = createSessions(deps.clock);
  const signedIn = createSignedIn(deps);
  const credential = createCredentialCheck(callers, tries, () => operatorOf, sessions);
  const claim = deps.claim ?? (() => () => undefined);
  const entrance = createEntrance({ http: app.server, callers, claim, failed: credential.failed });
  const tlsDoor = createTlsDoor(app.server);
  const asking = new WeakMap<FastifyRequest, Known>();

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    // A name that a web page may have chosen itself is not accepted; the address at which the connection arrived is.
    checkOrigin(request.headers, hosts, request.socket.localAddress, request.routeOptions.config.page);
    // Whoever has no credential is not told which routes exist.
    const access: Access = request.routeOptions.config.access ?? 'viewer';
    const address = addressOf(request);
    const proof = entrance.proven(request.socket);
    const { authorization, cookie: cookies, [sessionHeader]: header } = request.headers;
    const isForNothing = isAllowed(access, anonymous, isLoopback(address));
    // Some of what this host may read without a credential says more to whoever has one.
    const isShown = access === 'loopback' && (authorization !== undefined || proof !== undefined);
    if (isForNothing && !isShown) return tlsDoor.settled(request.socket, 'for nothing');
    const session = typeof header === 'string' ? { header, cookies } : undefined;
    const chain = tlsDoor.presented(request.socket);
    const shown = { authorization, proof, chain, session };
    const known = await credential.check(shown, address).catch((reason: unknown) => {
      tlsDoor.settled(request.socket, 'for nothing');
      if (isForNothing) return undefined;
      throw reason;
    });
    if (known === undefined) return;
    tlsDoor.settled(request.socket, 'proven');
    if (!isAllowed(access, known.caller, isLoopback(address))) {
      throw tries.denied(known.caller, address, { route: routeOf(request), needs: access });
    }
    signedIn.note(known.caller, address, shown);
    asking.set(request, known);
    if (proof !== undefined) reply.raw.once('close', claim());
  });
  app.setNotFoundHandler(() => {
    throw new CellwallError('not_found', 'no such route', { hint: 'GET /openapi.json lists them' });
  });
  app.setErrorHandler((reason, request, reply) => {
    const { status, body } = httpError(reason);
    const known = asking.get(request);
    if (known !== undefined && status === 403) {
      // Allowed by the role but not by the right to raw resources: recorded like anything that a role does not allow.
      tries.denied(known.caller, addressOf(request), { route: routeOf(request), needs: 'raw-resources' });
    }
    const { url } = request.routeOptions;
    // Not there yet, or not now: an ordinary answer, not a fault whose stack would be useful.
    if (status === 503) deps.log.warn({ reason: CellwallError.from(reason).message, url }, 'not available');
    else if (status >= 500) deps.log.error({ err: reason, url, status }, 'admin request failed');
    if (status === 401) reply.header('www-authenticate', 'Bearer realm="cellwall"');
    if (status === 429) reply.header('retry-after', '60');
    return reply.status(status).send(body);
  });

  const nobody: Known = { caller: anonymous, again: async () => anonymous };
  let address: string | undefined;
  const events = addEvents(app, deps, (request) => asking.get(request) ?? nobody);
  if (deps.page !== undefined) addPage(app, deps.page);
  const { oidc, clock, log } = deps;
  if (oidc !== undefined) {
    hosts.add(oidc.pageUrl.hostname);
    addOidc(app, { ...{ options: oidc, sessions, tries, clock, log }, provider: createOidcProvider(oidc, clock) });
  }
  const parts = { sessions, address: () => address, ...defined({ oidc: oidc?.name }) };
  for (const item of adminRoutes(deps, parts)) {
    app.route({
      method: item.method,
      url: item.url,
      config: { access: item.access },
      // Whoever may send this much has shown the token before a byte of it is read.
      ...(item.documents === true ? { bodyLimit: documentsLimit } : {}),
      async handler(request, reply) {
        const { socket } = request.raw;
        // A client that waits for an answer is not idle; one that does not read it is.
        socket.setTimeout(0);
        const secure = 'encrypted' in socket;
        const answer = await respond(item, request, asking.get(request) ?? nobody, secure).finally(() =>
          socket.setTimeout(idleMs),
        );
        return reply.status(answer.status).headers(answer.headers).type(answer.mediaType).send(answer.payload);
      },
    });
  }

  return {
    async listen({ host, port }, socket) {
      if (!isLoopback(host)) {
        throw new CellwallError('failed_precondition', `the admin API does not listen on ${host} without TLS`, {
          hint: 'use a loopback address (127.0.0.1:18080), and for elsewhere --admin-tls-listen, or a tunnel (ssh -L)',
        });
      }
      hosts.add(host.toLowerCase());
      await app.ready();
      try {
        const bound = await entrance.listen({ host, port });
        if (socket !== undefined) {
          clearSocket(socket);
          await entrance.listen({ path: socket });
          chmodSync(socket, 0o600);
        }
        const found = { host, port: typeof bound === 'object' && bound !== null ? bound.port : port };
        if (deps.page !== undefined) address = `http://${host.includes(':') ? `[${host}]` : host}:${found.port}/`;
        return found;
      } catch (cause) {
        if (cause instanceof CellwallError) throw cause;
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new CellwallError('unavailable', `the admin API cannot listen on ${host}:${port}: ${message}`, {
          hint: 'is another control plane running? choose another port with --admin-listen',
          cause,
        });
      }
    },
    async listenTls({ address, credentials, names, operatorOf: check }) {
      for (const name of [...names, address.host]) hosts.add(name.toLowerCase());
      operatorOf = check;
      await app.ready();
      return { host: address.host, port: await tlsDoor.listen(address, credentials) };
    },
    rotate: tlsDoor.rotate,
    async close() {
      events.close();
      await tlsDoor.close();
      await entrance.close();
      await app.close();
    },
  };
}

/** Over the socket there is none. */
function addressOf({ socket }: FastifyRequest): string {
  return socket.remoteAddress ?? 'localhost';
}

function routeOf({ routeOptions: { method, url = '' } }: FastifyRequest): string {
  return `${String(method)} ${url}`;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly access?: Access;
    /** A file of the page: links to it may be anywhere. */
    readonly page?: true;
  }
}

function createServer(): FastifyInstance {
  const times = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 10_000, maxHeaderSize: 16_384 };
  const app = fastify({
    serverFactory: (handler) => {
      const server = createHttpServer(times, handler);
      // An idle or dribbling connection is closed, whatever state it is in.
      server.setTimeout(idleMs);
      return server;
    },
    bodyLimit,
    // __proto__ and constructor.prototype in a body are refused, not dropped.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    routerOptions: { maxParamLength: 512 },
  });
  // Only JSON is read.
  app.removeContentTypeParser('text/plain');
  return app;
}
