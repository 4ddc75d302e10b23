// `serve --ca spire` below a real SPIRE server: it certifies the intermediate, and its successors while its own authority changes.
import { X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fromPem, toPem } from '../../../../src/identity/x509/pem.ts';
import type { Item } from '../../item.ts';
import { type CheckoutWall, startCheckoutWall } from '../../support/checkout-wall.ts';
import { call } from '../../support/client.ts';
import { until } from '../../support/until.ts';
import { startApplication } from './application.ts';
import { spireVersion } from './binaries.ts';
import { rootsOf, type Spire, startSpire } from './spire.ts';

const trustDomain = 'mesh.example';
const web = `spiffe://${trustDomain}/service/web`;
const caTtlMinutes = 4;
const whileAway = 20;

export const spireUpstream: Item = {
  name: 'spire-upstream',
  line:
    `SPIRE ${spireVersion} certifies the intermediates of a real control plane (\`--ca spire\`), with a CA that lives for ` +
    `${caTtlMinutes} minutes, so that its root is replaced meanwhile; a sidecar is called all the time with new ` +
    'SVIDs; then SPIRE is stopped',
  bound:
    "every SVID leads to a root of SPIRE's bundle, and every call succeeds; a later intermediate, and one under SPIRE's next root; " +
    `${whileAway} more SVIDs while SPIRE is away; another intermediate once it is back`,
  async run(context) {
    const spire = await startSpire(context, { trustDomain, caTtl: `${caTtlMinutes}m` });
    const started = performance.now();
    await spire.startAgent();
    await spire.entry('cellwall', '-downstream');
    await until('the agent gives the SVID of the entry', 60_000, async () =>
      (await spire.svids().catch(() => [])).length > 0 ? true : undefined,
    );
    context.progress('SPIRE is ready');
    const options = [`server=127.0.0.1:${spire.serverPort}`, `workload-api=unix:${spire.socket}`];
    const wall = await startCheckoutWall(context, documents, [
      ...['--ca', 'spire'],
      ...options.flatMap((option) => ['--ca-option', option]),
    ]);
    const port = await wall.sidecar('api', await startApplication(context));
    context.progress('the control plane and a sidecar are ready');

    const seen = { intermediates: new Set<string>(), roots: new Set<string>(), svids: 0, calls: 0 };
    const one = async (): Promise<void> => {
      const { intermediate, root } = await enrol(wall, spire, port);
      seen.intermediates.add(intermediate);
      seen.roots.add(root);
      seen.svids += 1;
      seen.calls += 1;
    };
    await one();
    const first = performance.now();
    let renewedAfterS = 0;
    await until('an intermediate under the next root of SPIRE', (caTtlMinutes + 2) * 60_000, async () => {
      await one();
      if (renewedAfterS === 0 && seen.intermediates.size > 1) {
        renewedAfterS = seconds(first);
        context.progress(`a later intermediate after ${renewedAfterS} s`);
      }
      await delay(500);
      return seen.roots.size > 1 ? true : undefined;
    });
    const nextRootAfterS = seconds(started);
    context.progress(`an intermediate under SPIRE's next root, ${nextRootAfterS} s after its start`);

    const bundle = await spire.bundle();
    await spire.stopServer();
    for (let count = 0; count < whileAway; count += 1) await enrol(wall, { bundle: async () => bundle }, port);
    context.progress(`${whileAway} SVIDs while SPIRE was away`);
    const before = seen.intermediates.size;
    await spire.startServer();
    await until('another intermediate after its return', (caTtlMinutes + 1) * 60_000, async () => {
      await one();
      await delay(500);
      return seen.intermediates.size > before ? true : undefined;
    });
    const figures = {
      ...{ spire: spireVersion, svids: seen.svids + whileAway, intermediates: seen.intermediates.size },
      ...{ rootsOfSpire: seen.roots.size, renewedAfterS, nextRootAfterS, svidsWhileAway: whileAway },
    };
    return { ok: renewedAfterS > 0 && seen.roots.size > 1, figures };
  },
};

/** A new SVID, as far as a root of SPIRE's bundle, and a call with it. Throws if either fails. */
async function enrol(wall: CheckoutWall, spire: Pick<Spire, 'bundle'>, port: number) {
  const credentials = await wall.enrol(web);
  const [leaf, ...chain] = fromPem(credentials.certificate, 'CERTIFICATE').map((der) => new X509Certificate(der));
  const [intermediate] = chain;
  if (leaf === undefined || intermediate === undefined) throw new Error('an SVID without an intermediate');
  const roots = rootsOf(await spire.bundle());
  const path = [leaf, ...chain];
  for (const [index, above] of chain.entries()) {
    const below = path[index];
    if (below?.checkIssued(above) !== true || !below.verify(above.publicKey)) throw new Error('a chain that is broken');
  }
  const last = path.at(-1) ?? leaf;
  const root = roots.find((candidate) => last.checkIssued(candidate) && last.verify(candidate.publicKey));
  if (root === undefined) throw new Error("an SVID that leads to no root of SPIRE's bundle");
  const status = await call({
    port,
    expect: `spiffe://${trustDomain}/service/api`,
    credentials: { ...credentials, bundle: roots.map(({ raw }) => toPem(raw, 'CERTIFICATE')).join('') },
  });
  if (status !== 200) throw new Error(`status ${status} for a call with a new SVID`);
  return { intermediate: intermediate.serialNumber, root: root.fingerprint256 };
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 1000);
}

const documents = [
  `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: ${trustDomain}, mtls: {mode: strict}}`,
  'kind: Service\nmetadata: {name: api}\nspec: {protocol: http1}',
  'kind: Service\nmetadata: {name: web}\nspec: {protocol: http1}',
  'kind: AuthorizationPolicy\nmetadata: {name: web-calls}\n' +
    'spec: {target: {service: api}, action: allow, rules: [{from: [{service: web}]}]}',
]
  .map((document) => `apiVersion: cellwall/v1\n${document}\n`)
  .join('---\n');
