// A Service that names its endpoints itself, before a real control plane: one is a real Envoy of its own, the other a plaintext server. The
// gate, `status` and PROXIES say which is open until it is gone; then the service is done. The probes are nobody's calls.
import { afterEach, expect, test } from 'vitest';
import { formatStatus } from '../../../src/cli/output/format-status.ts';
import { type EchoApplication, startHttp1Echo } from '../../support/echo-application.ts';
import { eventually } from '../../support/eventually.ts';
import { figure } from '../../support/figure.ts';
import { freePorts } from '../../support/free-ports.ts';
import { policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../../support/serve-harness.ts';
import { startSidecarEnvoy } from '../../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../../support/start-envoy.ts';

let wall: ServeHarness | undefined;
let application: EchoApplication | undefined;
let envoys: readonly RunningEnvoy[] = [];
let another: EchoApplication | undefined;

async function startOther(): Promise<number> {
  another = await startHttp1Echo();
  return another.port;
}

afterEach(async () => {
  await another?.stop();
  another = undefined;
  for (const envoy of envoys) await envoy.stop();
  envoys = [];
  await application?.stop();
  await wall?.stop();
});

const status = async ({ admin }: ServeHarness): Promise<string> =>
  formatStatus({
    ...{ status: await admin.status(), services: (await admin.services()).services, now: Date.now() },
    ...{ proxies: (await admin.proxies()).proxies, ...(await admin.traffic()) },
  });

test.each(['http1', 'tcp'])(
  '%s: open endpoints hold the gate and are never done; a real proxy is',
  async (protocol) => {
    application = await startHttp1Echo();
    const [inbound = 0] = await freePorts(1);
    const documents = (mode: string, endpoints: string): string =>
      yaml(
        'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
        serviceText('api', protocol, `, mtls: {mode: ${mode}}, endpoints: ${endpoints}`),
        policyText('api', 'api', 'allow', '[{from: [{authenticated: true}]}]'),
      );
    const own = `{address: 127.0.0.1, port: ${inbound}}`;
    const around = `127.0.0.1:${application.port}`;
    const both = `{static: [${own}, {address: 127.0.0.1, port: ${application.port}}]}`;
    wall = await startServe(documents('permissive', both));
    const { admin } = wall;
    const id = 'spiffe://td1/service/api';
    envoys = [await startSidecarEnvoy(wall, id, { variant: 'delta', inbound, application: application.port })];
    const api = async () => (await admin.services()).services.find(({ service }) => service === 'api');
    const answers = async (): Promise<string> =>
      (await api())?.endpoints
        ?.map(({ port, answer }) => `${port} ${answer}`)
        .toSorted()
        .join() ?? '';
    const saw = (answer: string) => [`${application?.port} plaintext`, `${inbound} ${answer}`].toSorted().join();
    await eventually('its proxy is there', async () => (await answers()) === saw('own-tls') || undefined, 60_000);

    // The gate refuses for that address alone, of the change as of what is in force.
    const refused = await admin.apply({ text: documents('strict', both) });
    expect(refused).toMatchObject({ kind: 'invalid', hint: expect.stringContaining('--force') });
    const reasons = ('reasons' in refused ? (refused.reasons ?? []) : []).filter(({ kind }) => kind === 'endpoint');
    expect(reasons.map(({ who }) => who)).toEqual([around]);
    expect(reasons[0]?.why).toContain('start a sidecar there');
    // One that the change itself brings is looked at as well.
    const other = `{static: [${own}, {address: 127.0.0.1, port: ${await startOther()}}]}`;
    const brought = await admin.apply({ text: documents('strict', other) });
    const ofIt = ('reasons' in brought ? (brought.reasons ?? []) : []).filter(({ kind }) => kind === 'endpoint');
    expect(ofIt).toHaveLength(1);

    // Forced, it says strict, and is not done.
    await admin.apply({ text: documents('strict', both), force: true });
    await eventually('both are seen', async () => (await answers()) === saw('mtls') || undefined, 60_000);
    const open = await status(wall);
    expect(open).toMatch(new RegExp(`^api +strict +1/2 +strict, but open: ${around} `, 'm'));
    expect(open).toMatch(new RegExp(`^api +${around} .*start a sidecar there`, 'm'));

    // Control: without it, done.
    await admin.apply({ text: documents('strict', `{static: [${own}]}`), force: true });
    await eventually(
      'done',
      async () => /^api +strict +1\/1 +done /m.test(await status(wall ?? fail())) || undefined,
      10_000,
    );
    // Their log is half a second behind.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { traffic, handshakes } = await admin.traffic();
    figure(`probesTakenForCallers ${protocol}`, traffic.length + handshakes.length);
    expect({ traffic, handshakes }).toEqual({ traffic: [], handshakes: [] });
  },
  150_000,
);

function fail(): never {
  throw new Error('no control plane');
}
