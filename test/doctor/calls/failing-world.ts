// A control plane and sidecars with real Envoys, of which `web` calls many services that fail in as many ways. Sidecars are started when a
// row needs them.
import { join } from 'node:path';
import { createIssuer } from '../../../src/identity/issuer.ts';
import { openAuthority } from '../../../src/identity/open-authority.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { parseSpiffeId } from '../../../src/model/spiffe-id.ts';
import { runSidecar, type Sidecar } from '../../../src/sidecar/run-sidecar.ts';
import { eventually } from '../../support/eventually.ts';
import { exchange, statusOf } from '../../support/exchange.ts';
import { freePorts } from '../../support/free-ports.ts';
import { domainOf } from '../../support/identity-harness.ts';
import { createMemoryTable } from '../../support/memory-table.ts';
import { createTokenKey } from '../../support/mint-token.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { failingApplication, type Listening, listenerThat, tlsListener } from './failing-applications.ts';

/** What `web` depends on. */
const targets = [
  ...['api', 'down', 'elsewhere', 'six', 'nobody', 'killed', 'mute', 'evicted', 'taken', 'odd', 'tok', 'tcp'],
  ...['refusing', 'frozen', 'closing', 'impostor', 'plain', 'stranger', 'ended', 'early'],
] as const;
export type Target = (typeof targets)[number];

export interface FailingWorld {
  readonly serve: ServeHarness;
  readonly application: Listening;
  readonly documents: string;
  /** Web's loopback port for it. */
  port(target: Target): number;
  /** Where a sidecar of that service listens for callers. */
  inbound(service: string): number;
  /** A free port that the caller `busy` was told to listen on. */
  readonly busyPort: number;
  /** Starts its sidecar, unless that runs. `application`: `--app`; `silent`: without `--listen`. */
  sidecar(service: string, options?: { readonly application?: string; readonly silent?: true }): Promise<Sidecar>;
  /** A certificate of this CA that was issued, or will be, at another time. */
  certificate(service: string, minutesFromNow: number): Promise<{ readonly certificate: string; readonly key: string }>;
  defer(close: () => unknown): void;
  stop(): Promise<void>;
}

/** A table's size is a prime, which no schema says: valid here, and rejected by Envoy. */
const odd = `kind: EnvoyResource
metadata: {name: odd}
spec:
  selector: {services: [odd]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 1000}}`;

export async function startFailingWorld(): Promise<FailingWorld> {
  const closing: (() => unknown)[] = [];
  const keep = <T extends { stop(): unknown }>(one: T): T => {
    closing.push(() => one.stop());
    return one;
  };
  const application = keep(await failingApplication());
  const frozen = keep(await listenerThat(() => undefined));
  const closes = keep(await listenerThat((socket) => socket.destroy()));
  const plain = keep(await failingApplication());
  const other = await (await createTestCa('another CA')).issue({ uri: 'spiffe://td1/service/stranger' });
  const stranger = keep(await tlsListener(other));
  const names = ['api', 'down', 'elsewhere', 'six', 'killed', 'evicted', 'taken', 'odd', 'tok', 'tcp', 'mute'];
  const ports = await freePorts(targets.length + names.length + 6);
  const [busyPort = 0, bannedPort = 0, lonePort = 0, nothing = 0, ended = 0, early = 0, ...rest] = ports;
  const port = (target: Target): number => rest[targets.indexOf(target)] ?? 0;
  const inbound = (service: string): number => rest[targets.length + names.indexOf(service)] ?? 0;
  const at = (where: number): string =>
    `, timeouts: {connect: 300ms}, retries: {attempts: 0}, endpoints: {static: [{address: 127.0.0.1, port: ${where}}]}`;
  const quick = ', retries: {attempts: 0}, timeouts: {request: 1s}';
  const { jwk } = createTokenKey();
  const jwks = JSON.stringify(JSON.stringify({ keys: [JSON.parse(jwk)] }));
  const everybody = '[{from: [{service: web}, {service: busy}, {service: banned}]}]';
  const documents = yaml(
    'kind: Mesh\nmetadata: {name: mesh}\nspec:\n  trustDomain: td1\n  mtls: {mode: strict}\n' +
      `  jwtIssuers: [{name: ci, issuer: "https://ci.test", jwks: ${jwks}}]`,
    serviceText('api', 'http1', quick),
    policyText(
      'api',
      'api',
      'allow',
      '[{from: [{service: web}], to: [{path: {prefix: /}, methods: [GET, POST, OPTIONS, CONNECT]}]}, ' +
        '{from: [{service: banned}, {service: busy}]}]',
    ),
    policyText('closed', 'api', 'deny', '[{from: [{service: web}], to: [{path: {prefix: /closed}}]}]'),
    ...['down', 'elsewhere', 'six', 'nobody', 'killed', 'mute', 'evicted', 'taken', 'odd'].flatMap((name) => [
      serviceText(name, 'http1', quick),
      policyText(name, name, 'allow', everybody),
    ]),
    serviceText('tok', 'http1', quick),
    policyText('tok', 'tok', 'allow', '[{from: [{service: web, jwt: {issuer: ci, audience: tok}}]}]'),
    serviceText('tcp', 'tcp'),
    policyText('tcp', 'tcp', 'allow', everybody),
    serviceText('refusing', 'http1', at(nothing)),
    serviceText('frozen', 'http1', at(frozen.port)),
    serviceText('closing', 'http1', at(closes.port)),
    serviceText('impostor', 'http1', at(inbound('api'))),
    serviceText('plain', 'http1', at(plain.port)),
    serviceText('stranger', 'http1', at(stranger.port)),
    serviceText('ended', 'http1', at(ended)),
    serviceText('early', 'http1', at(early)),
    serviceText('island', 'http1'),
    serviceText(
      'web',
      'http1',
      `, dependsOn: [${targets.map((name) => `{service: ${name}, listen: ${port(name)}}`).join(', ')}]`,
    ),
    serviceText('busy', 'http1', `, dependsOn: [{service: api, listen: ${busyPort}}]`),
    serviceText('banned', 'http1', `, dependsOn: [{service: api, listen: ${bannedPort}}]`),
    serviceText('lone', 'http1', `, dependsOn: [{service: api, listen: ${lonePort}}]`),
    odd,
  );
  const serve = await startServe(documents);
  const running = new Map<string, Sidecar>();
  const start = async (
    service: string,
    { application: app, silent }: { readonly application?: string; readonly silent?: true } = {},
  ): Promise<Sidecar> => {
    const known = running.get(service);
    if (known !== undefined) return known;
    const { token } = await serve.admin.createToken({ service });
    const listens = names.includes(service) && silent !== true;
    const started = await runSidecar({
      identity: `127.0.0.1:${serve.identityPort}`,
      xds: `127.0.0.1:${serve.xdsPort}`,
      token: new Redacted(token),
      dataDir: join(serve.folder, service),
      ...(listens ? { inbound: `127.0.0.1:${inbound(service)}` } : {}),
      ...(listens ? { application: app ?? `127.0.0.1:${application.port}` } : {}),
      ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 0, countersEveryMs: 500 },
    });
    running.set(service, started);
    return started;
  };
  return {
    ...{ serve, application, documents, port, inbound, busyPort, sidecar: start },
    async certificate(service, minutesFromNow) {
      const domain = domainOf('td1');
      const shifted = { ...systemClock, now: () => Date.now() + minutesFromNow * 60_000 };
      const authority = await openAuthority(
        {},
        { dir: join(serve.folder, 'data', 'ca'), trustDomain: domain, log: silentLog, clock: systemClock },
      );
      const id = parseSpiffeId(`spiffe://td1/service/${service}`);
      if (id === undefined) throw new Error(service);
      const issuer = createIssuer({
        ...{
          signer: authority.signer,
          trustDomain: domain,
          table: createMemoryTable(),
          clock: shifted,
          log: silentLog,
        },
        policy: () => ({ lifetimeMs: 600_000, dnsNames: [] }),
      });
      const { chain, key } = await issuer.issue(id);
      await authority.close();
      if (key === undefined) throw new Error('no key');
      return { certificate: chain, key: key.reveal() };
    },
    defer: (close) => void closing.push(close),
    async stop() {
      for (const { envoyPid } of running.values()) {
        try {
          process.kill(envoyPid, 'SIGKILL');
        } catch {
          // It has ended.
        }
      }
      await Promise.all([...running.values()].map(({ exited }) => exited));
      for (const close of closing) await close();
      await serve.stop();
    },
  };
}

export const get = (path: string, headers = 'Host: a\r\n', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`;

/** The status that its caller sees; 0: none. */
export async function statusAt(port: number, bytes: string): Promise<number> {
  const answer = await exchange({ port, bytes }).catch(() => '');
  return answer === '' ? 0 : statusOf(answer);
}

export async function passes(port: number): Promise<void> {
  await eventually(
    `calls pass on ${port}`,
    async () => (await statusAt(port, get('/fine'))) === 200 || undefined,
    60_000,
  );
}
