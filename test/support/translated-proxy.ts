// A real Envoy that runs what translate makes for one proxy, fed by the plain ADS server, with an SVID as its own secret.
import { create } from '@bufbuild/protobuf';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { createKeptCuts } from '../../src/control/kept-cuts.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { cutArgs } from '../../src/sidecar/envoy/cut-after.ts';
import { runtime } from '../../src/sidecar/envoy/runtime.ts';
import { lint } from '../../src/translate/linter.ts';
import type { Bundles, LiveEndpoints, ProxyShape, TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { adsBootstrap } from './ads-bootstrap.ts';
import { type AdsServer, startAdsServer } from './ads-server.ts';
import { createMemoryTable } from './memory-table.ts';
import { type RunningEnvoy, startEnvoy } from './start-envoy.ts';
import type { TestCertificate } from './test-ca.ts';

export interface TranslatedInputs {
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

/** Its listeners on ports that the kernel chooses. */
export function shapeOnFreePorts({ ports = [], ...shape }: ProxyShape): ProxyShape {
  const inbound = { address: '127.0.0.1', port: 0 };
  return { ...shape, ports: ports.map((port) => ({ ...port, inbound })) };
}

export interface TranslatedProxy {
  readonly envoy: RunningEnvoy;
  readonly ads: AdsServer;
  update(inputs: TranslatedInputs): void;
  /** A new certificate, over SDS. */
  renew(svid: TestCertificate): void;
  stop(): Promise<void>;
}

export async function startTranslatedProxy(
  inputs: TranslatedInputs,
  shape: ProxyShape,
  svid: TestCertificate,
  envoyArgs: readonly string[] = [],
  /** Of controls: what translate made, with a fault put in. */
  change: (resources: readonly TranslatedResource[]) => readonly TranslatedResource[] = (resources) => resources,
  /** Another Envoy than the one that is shipped with. */
  binary?: string,
  /** As sidecars are started, unless a control does without. */
  layeredRuntime: object = runtime,
): Promise<TranslatedProxy> {
  // What a control plane would not send, no Envoy is to show as working.
  const findings = lint(translate(inputs.mesh, inputs.endpoints, inputs.bundles, shape));
  if (findings.length > 0) throw new Error(`the control plane would send nothing: ${JSON.stringify(findings)}`);
  const ads = await startAdsServer();
  const kept = createKeptCuts({
    ...{ table: createMemoryTable(), clock: systemClock, log: silentLog },
    onChange: () => undefined,
  });
  // As a control plane does it, so that what loses its rights is cut.
  const withCuts = (from: TranslatedInputs): TranslatedInputs => ({ ...from, mesh: kept.apply(from.mesh) });
  let current = { ...withCuts(inputs), svid };
  const send = (): void => {
    const { mesh, endpoints, bundles } = current;
    ads.set([...change(translate(mesh, endpoints, bundles, shape)), svidSecret(shape.spiffeId, current.svid)]);
  };
  send();
  const envoy = await startEnvoy(
    {
      ...adsBootstrap({ node: `${shape.spiffeId}~test`, port: ads.port, apiType: 'GRPC' }),
      layered_runtime: layeredRuntime,
    },
    // Without it what a changed listener drains would stay for 600 s, and one that changes twice a second would fill the memory.
    [...cutArgs, ...envoyArgs],
    binary,
  );
  return {
    envoy,
    ads,
    update(changed) {
      current = { ...current, ...withCuts(changed) };
      send();
    },
    renew(renewed) {
      current = { ...current, svid: renewed };
      send();
    },
    async stop() {
      await envoy.stop();
      ads.stop();
    },
  };
}

/** Its own secret, as a control plane sends it. */
export function svidSecret(
  name: SpiffeId,
  { certificate, key }: TestCertificate,
): TranslatedResource<typeof SecretSchema> {
  return {
    typeUrl: typeUrls.secret,
    name,
    madeBy: () => [],
    schema: SecretSchema,
    message: create(SecretSchema, {
      name,
      type: {
        case: 'tlsCertificate',
        value: {
          certificateChain: { specifier: { case: 'inlineString', value: certificate } },
          privateKey: { specifier: { case: 'inlineString', value: key } },
        },
      },
    }),
  };
}
