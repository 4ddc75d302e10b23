// How soon a change is in force at the proxies of another control plane than the one that it was applied to.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { inOneOfItsOwn } from '../adversary/store/redis-wall-runs.ts';
import { median, quantile } from '../qualification/support/quantile.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createMiniProxy, type MiniProxy } from '../support/mini-proxy.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';

const count = qualifying ? 100 : 4;
const edits = qualifying ? 60 : 4;
const id = (name: string): string => `spiffe://td1/service/${name}`;
const { extension } = typeUrls;
let replicas: Replicas;
/** Of each replica, one of each service. */
const proxies: (readonly MiniProxy[])[] = [];
/** By the proxy's node, when its rules came last. */
const came = new Map<string, number>();

beforeAll(async () => {
  const services = Array.from({ length: count }, (_, index) => `s${index}`);
  replicas = await startReplicas(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      ...services.map((name) => serviceText(name)),
      ...services.map((name) => policyText(`calls-${name}`, name, 'allow', '[{from: [{service: s0}]}]')),
    ),
    2,
    inOneOfItsOwn,
  );
  for (const [place, replica] of replicas.all.entries()) {
    const own: MiniProxy[] = [];
    for (const [index, name] of services.entries()) {
      const node = `${id(name)}~at${place}`;
      const proxy = createMiniProxy({
        ...{ node, svid: await replica.enrol(id(name)) },
        cellwall: { inbound: `127.0.0.1:${20_000 + 1000 * place + index}`, application: '127.0.0.1:1', run: 'r' },
        onResource: (resource) => resource.startsWith(extension) && came.set(node, performance.now()),
      });
      proxy.subscribe(extension, [`${name}/authz-deny`, `${name}/authz-allow`]);
      proxy.connect(replica.ports.xds);
      own.push(proxy);
    }
    proxies.push(own);
  }
  const all = proxies.flat();
  await eventually('all have their rules', () => all.every(({ node }) => came.has(node)) || undefined, 60_000);
}, 240_000);
afterAll(async () => {
  for (const proxy of proxies.flat()) proxy.close();
  await replicas?.stop();
}, 60_000);

it('a change is in force at the proxy of the other one soon after the apply began', async () => {
  const times: number[] = [];
  const answers: number[] = [];
  for (let edit = 0; edit < edits; edit += 1) {
    const from = edit % 2;
    const index = edit % count;
    const [applied, other] = [replicas.all[from], proxies[1 - from]?.[index]];
    if (applied === undefined || other === undefined) throw new Error('not started');
    came.delete(other.node);
    const text = yaml(
      policyText(`calls-s${index}`, `s${index}`, 'allow', `[{from: [{service: s${(edit % (count - 1)) + 1}}]}]`),
    );
    const since = performance.now();
    await applied.admin.apply({ text });
    answers.push(performance.now() - since);
    const at = await eventually('it is there', () => came.get(other.node));
    times.push(at - since);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  figure('medianMs', Math.round(median(times)));
  figure('p99Ms', Math.round(quantile(times, 0.99)));
  figure('applyAnsweredMedianMs', Math.round(median(answers)));
  figure('idleProxiesOfEach', count);
  if (process.env['SHOW'] !== undefined)
    console.log({ median: median(times), p99: quantile(times, 0.99), answers: median(answers) });
  if (!qualifying) return;
  expect(median(times)).toBeLessThanOrEqual(100);
  expect(quantile(times, 0.99)).toBeLessThanOrEqual(250);
}, 120_000);
