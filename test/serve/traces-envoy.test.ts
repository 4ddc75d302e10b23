// A rejection by a real Envoy is seen in the trace of the change that caused it: proxy, resource, document and line.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { type OtlpCollector, startOtlpCollector } from '../support/otlp-collector.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';
import type { RunningEnvoy } from '../support/start-envoy.ts';
import { tracingTo } from '../support/tracing-to.ts';

/** A table's size is a prime, which no schema says. */
const odd = `kind: EnvoyResource
metadata: {name: odd}
spec:
  selector: {services: [api]}
  patch:
    operation: merge
    typeUrl: type.googleapis.com/envoy.config.cluster.v3.Cluster
    name: inbound
    value: {lb_policy: MAGLEV, maglev_lb_config: {table_size: 1000}}`;
const documents = yaml(
  meshText(),
  serviceText('api'),
  policyText('api', 'api', 'allow', '[{from: [{everyone: true}]}]'),
);
const id = 'spiffe://td1/service/api';

let collector: OtlpCollector;
let harness: ServeHarness;
let envoy: RunningEnvoy;

beforeEach(async () => {
  collector = await startOtlpCollector();
  harness = await startServe(documents, { tracing: tracingTo(collector.url) });
  const [inbound = 0, application = 0] = await freePorts(2);
  envoy = await startSidecarEnvoy(harness, id, { variant: 'delta', inbound, application });
  await eventually('Envoy has what is in force', async () => (await harness.admin.proxies()).proxies[0]?.ready, 30_000);
}, 60_000);

afterEach(async () => {
  await envoy.stop();
  await harness.stop();
  await collector.stop();
});

test('a NACK is in the trace, with proxy, document and line', async () => {
  const answer = await harness.admin.apply({ text: yaml(odd) });
  if (answer.kind !== 'applied') throw new Error(JSON.stringify(answer));
  const push = await collector.span('push', ({ traceId }) => traceId === answer.traceId, 45_000);
  expect(push.status).toEqual({ code: 2, message: '1 rejected' });
  const [rejection] = push.events.filter(({ name }) => name === 'NACK');
  expect(rejection?.attributes).toMatchObject({ 'cellwall.proxy': `${id}~a1`, 'cellwall.type': 'Cluster' });
  expect(rejection?.attributes['cellwall.resources']).toContain('inbound');
  expect(rejection?.attributes['cellwall.made_by']).toContainEqual(
    expect.stringMatching(/^EnvoyResource\/odd spec\.patch \(.*:\d+\)$/),
  );
  const change = await collector.span('change', ({ traceId }) => traceId === answer.traceId);
  expect(change.status.code).toBe(2);
  // What it says may quote the document: that is for `status` alone.
  expect(collector.bodies.join('')).not.toContain('prime');
  figure('nacksTraced', 1);
}, 90_000);
