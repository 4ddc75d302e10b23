// A whole control plane with a collector: one apply, or one edited file, is one trace up to the answers of proxies; and of what is secret
// nothing is in it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdminClient } from '../../src/admin/client.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createMiniProxy, type MiniProxy } from '../support/mini-proxy.ts';
import { type OtlpCollector, type ReceivedSpan, startOtlpCollector } from '../support/otlp-collector.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';
import { tracingTo } from '../support/tracing-to.ts';

const proxyCount = qualifying ? 12 : 3;
const id = 'spiffe://td1/service/api';
const policy = (path: string) =>
  policyText('api', 'api', 'allow', `[{from: [{everyone: true}], to: [{path: {prefix: ${path}}}]}]`);
const documents = yaml(meshText(), serviceText('api'), policy('/first'));

let collector: OtlpCollector;
let harness: ServeHarness;
const proxies: MiniProxy[] = [];

const started = (sampler = 'parentbased_always_on'): Promise<ServeHarness> =>
  startServe(documents, {
    tracing: tracingTo(collector.url, { sampler, headers: new Redacted({ authorization: 'Bearer c4nary-header' }) }),
  });

beforeAll(async () => {
  collector = await startOtlpCollector();
  harness = await started();
  for (let index = 0; index < proxyCount; index += 1) {
    // Each is a host of its own: one host may not have many connections.
    const { dir } = await harness.enrol(id);
    const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
    const svid = { certificate: read('svid.pem'), key: read('key.pem'), root: read('bundle.pem') };
    const proxy = createMiniProxy({
      ...{ node: `${id}~a${index}`, svid },
      cellwall: { inbound: `127.0.0.1:${20_000 + index}`, application: '127.0.0.1:1', run: 'r' },
    });
    proxies.push(proxy);
    proxy.subscribe(typeUrls.extension, ['api/authz-deny', 'api/authz-allow']);
    proxy.connect(harness.xdsPort);
  }
  const allow = `${typeUrls.extension} api/authz-allow`;
  await eventually('all have their rules', () => proxies.every(({ has }) => has.has(allow)) || undefined, 240_000);
}, 300_000);
afterAll(async () => {
  for (const proxy of proxies) proxy.close();
  await harness?.stop();
  await collector?.stop();
}, 30_000);

const below = (parent: ReceivedSpan): readonly string[] =>
  collector.spans
    .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
    .map(({ name }) => name)
    .toSorted();

test('an apply is one trace, from whoever asked for it to the ACKs', async () => {
  const [trace, parent] = ['1234567890abcdef'.repeat(2), 'fedcba0987654321'];
  const token = new Redacted(readFileSync(join(harness.folder, 'data', 'admin.token'), 'utf8').trim());
  const admin = createAdminClient({
    ...{ url: `http://127.0.0.1:${harness.adminPort}`, token, traceparent: `00-${trace}-${parent}-01` },
  });
  const before = performance.timeOrigin + performance.now();
  const answer = await admin.apply({ text: yaml(policy('/second')) });
  expect(answer).toMatchObject({ kind: 'applied', traceId: trace });
  const change = await collector.span('change', ({ traceId }) => traceId === trace);
  const [apply, push, store, translate] = await Promise.all(
    ['apply', 'push', 'store', 'translate'].map((name) => collector.span(name, ({ traceId }) => traceId === trace)),
  );
  if (!apply || !push || !store || !translate) throw new Error('no spans');
  expect(apply).toMatchObject({ parentSpanId: parent, kind: 2, status: { code: 0 } });
  expect(apply.attributes).toMatchObject({
    'cellwall.documents': ['AuthorizationPolicy/api'],
    'cellwall.result': 'applied',
  });
  expect(below(apply)).toEqual(['change', 'parse', 'store', 'validate']);
  expect(below(await collector.span('validate', ({ traceId }) => traceId === trace))).toEqual(['resolve']);
  expect(below(change)).toEqual(['push', 'translate']);
  expect(below(translate)).toEqual(['encode']);
  const { 'cellwall.responses': responses, 'cellwall.acked': acked, ...rest } = push.attributes;
  expect(acked).toBe(responses);
  // A filter a response: two of the port changed, or one.
  expect([proxyCount, 2 * proxyCount]).toContain(responses);
  expect(rest).toMatchObject({ 'cellwall.nacked': 0, 'cellwall.unanswered': 0 });
  const { 'cellwall.first_ack_ms': first, 'cellwall.last_ack_ms': last, 'cellwall.p99_ack_ms': p99 } = push.attributes;
  expect(Number(first)).toBeGreaterThan(0);
  expect(Number(last)).toBeGreaterThanOrEqual(Number(p99));
  expect(apply.startTimeUnixNano).toBeGreaterThan(before - 1000);
  expect(change.endTimeUnixNano).toBeGreaterThanOrEqual(push.endTimeUnixNano);
  // Waiting until nothing more comes is not a part of it.
  expect(change.endTimeUnixNano - change.startTimeUnixNano).toBeLessThan(Number(last) + 500);
  figure('lastAckMs', Math.round(Number(last) * 10) / 10);
  figure('proxies', proxyCount);
  figure('spansOfOneApply', collector.spans.filter(({ traceId }) => traceId === trace).length);
  await eventually('counted', async () => /^cellwall_trace_spans_exported_total [1-9]/m.test(await harness.metrics()));
}, 120_000);

test('an edited file is one trace, with the time that it took to come', async () => {
  writeFileSync(join(harness.folder, 'documents', 'all.yaml'), yaml(meshText(), serviceText('api'), policy('/third')));
  const change = await collector.span('change', ({ attributes }) => attributes['cellwall.written_by'] === 'files');
  await collector.span('push', ({ traceId }) => traceId === change.traceId);
  expect(below(change)).toEqual(['arrive', 'push', 'resolve', 'translate']);
  const lag = Number(change.attributes['cellwall.store_lag_ms']);
  expect(lag).toBeGreaterThan(0);
  expect(lag).toBeLessThan(15_000);
  expect(change.parentSpanId).toBeUndefined();
  expect(await harness.metrics()).toContain('cellwall_store_lag_seconds_count{by="files"} 1\n');
  figure('fileLagMs', Math.round(lag));
}, 120_000);

test('what is refused is a trace as well; what nobody samples is none', async () => {
  const [silent, count] = [await started('traceidratio=0'), collector.bodies.length];
  try {
    expect(await silent.admin.apply({ text: yaml(policy('/none')) })).not.toHaveProperty('traceId');
  } finally {
    await silent.stop();
  }
  expect(collector.bodies).toHaveLength(count);
  const refused = await harness.admin.apply({ text: yaml(serviceText('x', 'nonsense')) });
  expect(refused.kind).toBe('invalid');
  const apply = await collector.span('apply', ({ status }) => status.code === 2);
  expect(apply).toMatchObject({
    status: { message: 'invalid_documents' },
    attributes: { 'cellwall.result': 'invalid_documents' },
  });
  const dry = await harness.admin.apply({ text: yaml(policy('/dry')), dryRun: true });
  const tried = await collector.span('apply', ({ traceId }) => dry.kind !== 'invalid' && traceId === dry.traceId);
  expect(below(tried)).toEqual(['parse', 'validate']);
}, 60_000);

test('neither keys nor tokens, nor anything out of documents is in a trace', async () => {
  const secret = `c4nary-${'document'}`;
  const reason = 'c4nary-reason';
  const joined = await harness.admin.createToken({ spiffeId: id });
  const named = await harness.admin.createNamedToken({ name: 'robot', role: 'editor', ttl: '1h' });
  const before = Date.now();
  const text = `# ${secret}\n${yaml(policy(`/${secret}`))}`;
  const applied = await harness.admin.apply({ text, reason });
  await harness.admin
    .apply({ text: `# ${secret}\n${yaml(serviceText('api', secret))}`, reason })
    .catch(() => undefined);
  await collector.span('push', ({ traceId }) => applied.kind !== 'invalid' && traceId === applied.traceId);
  await collector.span('apply', ({ status, startTimeUnixNano }) => status.code === 2 && startTimeUnixNano > before);
  const all = collector.bodies.join('\n');
  const tokens = [readFileSync(join(harness.folder, 'data', 'admin.token'), 'utf8').trim(), named.token, joined.token];
  for (const hidden of ['c4nary', 'PRIVATE KEY', 'BEGIN', ...tokens]) expect(all).not.toContain(hidden);
  expect(all).toContain('AuthorizationPolicy/api');
  expect(collector.headers[0]?.authorization).toBe('Bearer c4nary-header');
}, 60_000);
