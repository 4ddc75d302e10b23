// A real SPIRE on the other side: each side fetches the other's bundle, and their workloads call each other through Envoys.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refreshHint } from '../../../../src/identity/spiffe-bundle.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { httpCall } from '../../../support/http-call.ts';
import { type Caller, keepCalling } from '../../../support/keep-calling.ts';
import { type RunningEnvoy, startEnvoy } from '../../../support/start-envoy.ts';
import type { Context, Item } from '../../item.ts';
import { type CheckoutWall, startCheckoutWall } from '../../support/checkout-wall.ts';
import { call } from '../../support/client.ts';
import { until } from '../../support/until.ts';
import { startApplication } from './application.ts';
import { spireVersion } from './binaries.ts';
import { spireEnvoy } from './envoy.ts';
import { rotateSpire } from './rotate.ts';
import { type Spire, startSpire } from './spire.ts';

const ours = 'mesh.example';
const theirs = 'partner.example';
const api = `spiffe://${ours}/service/api`;
const web = `spiffe://${ours}/service/web`;
const billing = `spiffe://${theirs}/billing`;
const report = `spiffe://${theirs}/report`;
/** A call that a name allows, before and after its trust domain is known. */
const leastCalls = 200;

interface World {
  readonly spire: Spire;
  readonly wall: CheckoutWall;
  readonly envoy: RunningEnvoy;
  /** Loopback ports of the caller here: to the partner, and to the same address under another name. */
  readonly toBilling: number;
  readonly toReport: number;
  /** A call of the same port with an SVID of the mesh. */
  callAsWeb(): Promise<number>;
  apply(bundle: string | undefined): Promise<void>;
}

export const spireFederation: Item = {
  name: 'spire-federation',
  line:
    `SPIRE ${spireVersion}, its server, agent and an Envoy with its SDS, federates with a real control plane, each by the other's bundle ` +
    'endpoint (https_spiffe): its workload calls a strict service here, a service here calls its workload; then SPIRE replaces its X.509 ' +
    'authority under load, each call on a connection of its own',
  bound:
    '200 for whom and where a rule says, 403 for another identity or path, 503 for a server that is not whom the document names; ' +
    `control: refused in the handshake without a TrustBundle; 0 failed of ≥ ${leastCalls} each way through the replacement`,
  async run(context) {
    const world = await start(context);
    const { spire, wall, envoy } = world;
    const from = async (name: string, path: string): Promise<number> =>
      (await httpCall({ port: await envoy.port(name), path, headers: { host: 'api' } })).status;
    // 0: its sidecar does not listen there yet.
    const here = (port: number): Promise<number> =>
      httpCall({ port, headers: { host: 'localhost' } }).then(
        ({ status }) => status,
        () => 0,
      );

    // Control: everybody is there and ready, but their roots are not known here.
    const withoutTrustBundle = await from('billing', '/api/1');
    context.progress(`without a TrustBundle: ${withoutTrustBundle}`);
    // The handshake with somebody of the mesh ends well: no rule names it.
    const ofTheMesh = await world.callAsWeb();

    await world.apply(await spire.bundle());
    await until('the bundle of SPIRE was fetched', 30_000, async () => {
      const found = (await wall.admin.status()).foreignBundles?.[0];
      return found?.fetchedAt === undefined ? undefined : found;
    });
    await until('a call of SPIRE arrives', 30_000, async () =>
      (await from('billing', '/api/1')) === 200 ? true : undefined,
    );
    await until('SPIRE is called', 30_000, async () => ((await here(world.toBilling)) === 200 ? true : undefined));
    const figures = {
      spire: spireVersion,
      withoutTrustBundle,
      withoutTrustBundleOfTheMesh: ofTheMesh,
      allowed: await from('billing', '/api/1'),
      otherPath: await from('billing', '/admin'),
      otherIdentity: await from('report', '/api/1'),
      called: await here(world.toBilling),
      calledUnderAnotherName: await here(world.toReport),
    };
    context.progress(JSON.stringify(figures));
    const statuses =
      withoutTrustBundle === 503 &&
      ofTheMesh === 403 &&
      [figures.allowed, figures.otherPath, figures.otherIdentity].join() === '200,403,403' &&
      [figures.called, figures.calledUnderAnotherName].join() === '200,503';

    const callers = {
      fromSpire: keepCalling(() => fine(from('billing', '/api/1'))),
      toSpire: keepCalling(() => fine(here(world.toBilling))),
    };
    for (const caller of Object.values(callers)) context.defer(() => caller.close());
    const rotation = await rotateSpire(context, world);
    const enough = (caller: Caller): boolean => caller.fine() + caller.failed() >= leastCalls;
    await until('enough calls', 60_000, () => (Object.values(callers).every(enough) ? true : undefined));
    for (const caller of Object.values(callers)) await caller.close();
    const why = Object.values(callers).flatMap((caller) => (caller.failed() > 0 ? [caller.why()] : []));
    const failed = callers.fromSpire.failed() + callers.toSpire.failed();
    const sent = { callsFromSpire: callers.fromSpire.fine(), callsToSpire: callers.toSpire.fine(), failed };
    return {
      ok: statuses && rotation.replaced && failed === 0,
      figures: { ...figures, ...rotation, ...sent, ...(why.length === 0 ? {} : { why: why.join('; ') }) },
    };
  },
};

async function start(context: Context): Promise<World> {
  const [bundlePort = 0, toBilling = 0, toReport = 0, inbound = 0] = await freePorts(4);
  const spire = await startSpire(context, {
    trustDomain: theirs,
    federatesWith: { trustDomain: ours, port: bundlePort },
  });
  const text = (bundle: string | undefined): string => documents({ inbound, toBilling, toReport, bundle, spire });
  const wall = await startCheckoutWall(context, text(undefined), ['--bundle-listen', `127.0.0.1:${bundlePort}`]);
  const application = await startApplication(context);
  const apiPort = await wall.sidecar('api', application);
  await wall.sidecar('web');
  context.progress('the control plane and its sidecars are ready');

  // SPIRE's side, as docs/federation.md says: our roots to begin with, later bundles from our endpoint.
  const svid = await wall.enrol(web);
  const roots = join(context.work, 'ours.pem');
  writeFileSync(roots, svid.root);
  await spire.server('bundle', 'set', '-id', `spiffe://${ours}`, '-path', roots);
  await spire.server('federation', 'refresh', '-id', ours);
  const known = await spire.server('bundle', 'list', '-id', `spiffe://${ours}`, '-format', 'spiffe');
  const { spiffe_refresh_hint: hint }: { readonly spiffe_refresh_hint?: number } = JSON.parse(known);
  // PEM has none.
  if (hint !== refreshHint) throw new Error(`SPIRE did not fetch our bundle: ${known}`);
  await spire.startAgent();
  for (const path of ['billing', 'report']) await spire.entry(path, '-federatesWith', `spiffe://${ours}`);
  context.progress('SPIRE and its agent are ready');
  const to = { expect: api, port: apiPort };
  const envoy = await startEnvoy(
    spireEnvoy({
      socket: spire.socket,
      outbound: [
        { name: 'billing', as: billing, ...to },
        { name: 'report', as: report, ...to },
      ],
      inbound: { as: billing, from: web, application, port: inbound },
    }),
  );
  context.defer(() => envoy.stop());
  await until('its Envoy has certificates', 60_000, async () =>
    (await stat(envoy, 'listener_manager.workers_started')) === 1 && (await fetch(`${envoy.admin}/ready`)).ok
      ? true
      : undefined,
  );
  return {
    ...{ spire, wall, envoy, toBilling, toReport },
    callAsWeb: () => call({ port: apiPort, expect: api, credentials: { ...svid, bundle: svid.root } }),
    async apply(bundle) {
      writeFileSync(join(context.work, 'documents', 'all.yaml'), text(bundle));
    },
  };
}

interface Places {
  readonly inbound: number;
  readonly toBilling: number;
  readonly toReport: number;
  readonly bundle: string | undefined;
  readonly spire: Spire;
}

function documents({ inbound, toBilling, toReport, bundle, spire }: Places): string {
  const at = `endpoints: {static: [{address: 127.0.0.1, port: ${inbound}}]}`;
  const outside = (name: string, id: string): string =>
    `kind: Service\nmetadata: {name: ${name}}\nspec: {protocol: http1, external: {spiffeId: "${id}"}, ${at}}`;
  const calls = `[{service: partner-billing, listen: ${toBilling}}, {service: partner-report, listen: ${toReport}}]`;
  const known = [
    `kind: AuthorizationPolicy\nmetadata: {name: partner-calls}\nspec: {target: {service: api}, action: allow, rules: ` +
      `[{from: [{spiffeId: "${billing}"}], to: [{methods: [GET], path: {prefix: /api}}]}]}`,
    `kind: TrustBundle\nmetadata: {name: partner}\nspec: ${JSON.stringify({
      trustDomain: theirs,
      bundle,
      endpoint: {
        profile: 'https_spiffe',
        url: `https://127.0.0.1:${spire.bundlePort}/`,
        spiffeId: `spiffe://${theirs}/spire/server`,
      },
    })}`,
    outside('partner-billing', billing),
    outside('partner-report', report),
  ];
  return [
    `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${ours}, mtls: {mode: strict}}`,
    'kind: Service\nmetadata: {name: api}\nspec: {protocol: http1}',
    `kind: Service\nmetadata: {name: web}\nspec: {protocol: http1${bundle === undefined ? '' : `, dependsOn: ${calls}`}}`,
    ...(bundle === undefined ? [] : known),
  ]
    .map((document) => `apiVersion: cellwall/v1\n${document}\n`)
    .join('---\n');
}

async function fine(status: Promise<number>): Promise<void> {
  const found = await status;
  if (found !== 200) throw new Error(`status ${found}`);
}

async function stat({ admin }: RunningEnvoy, name: string): Promise<number> {
  const text = await (await fetch(`${admin}/stats?filter=^${name}$`)).text();
  return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
}
