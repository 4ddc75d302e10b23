// Two control planes on one Redis: a change that one of them takes is the same trace at the other one, and how long it took to get there is
// exported.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { traceparentOf } from '../../src/lib/traceparent.ts';
import { inThisProcess } from '../adversary/store/redis-wall-runs.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type OtlpCollector, type ReceivedSpan, startOtlpCollector } from '../support/otlp-collector.ts';
import { redisCli } from '../support/redis-cli.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { tracingTo } from '../support/tracing-to.ts';

const edits = qualifying ? 40 : 4;
const policy = (path: string) =>
  policyText('api', 'api', 'allow', `[{from: [{everyone: true}], to: [{path: {prefix: ${path}}}]}]`);
let collector: OtlpCollector;
let replicas: Replicas;

beforeAll(async () => {
  collector = await startOtlpCollector();
  replicas = await startReplicas(yaml(meshText(), serviceText('api'), policy('/0')), 2, (where) =>
    inThisProcess({ ...where, tracing: tracingTo(collector.url) }),
  );
}, 60_000);
afterAll(async () => {
  await replicas?.stop();
  await collector?.stop();
}, 30_000);

const metricsOf = async (index: number): Promise<string> =>
  (await fetch(`http://127.0.0.1:${replicas.all[index]?.ports.admin}/metrics`)).text();
const at = (index: number) => {
  const replica = replicas.all[index];
  if (replica === undefined) throw new Error('no such replica');
  return replica;
};

test('a change is one trace at both', async () => {
  const ids: string[] = [];
  for (let edit = 1; edit <= edits; edit += 1) {
    const answer = await at(edit % 2).admin.apply({ text: yaml(policy(`/${edit}`)) });
    if (answer.kind !== 'applied' || answer.traceId === undefined) throw new Error(JSON.stringify(answer));
    ids.push(answer.traceId);
  }
  const lags: number[] = [];
  for (const id of ids) {
    const own = ({ traceId }: { readonly traceId: string }) => traceId === id;
    const by = (one: ReceivedSpan, who: string) => own(one) && one.attributes['cellwall.written_by'] === who;
    const there = await collector.span('change', (one) => by(one, 'replica'), 60_000);
    const here = await collector.span('change', (one) => by(one, 'apply'), 60_000);
    const apply = await collector.span('apply', own);
    expect([there.parentSpanId, here.parentSpanId]).toEqual([apply.spanId, apply.spanId]);
    expect(there.kind).toBe(5);
    const instance = 'service.instance.id';
    expect(there.resource[instance]).not.toBe(here.resource[instance]);
    expect(apply.resource[instance]).toBe(here.resource[instance]);
    lags.push(Number(there.attributes['cellwall.store_lag_ms']));
  }
  for (const lag of lags) expect(lag).toBeGreaterThan(0);
  for (const index of [0, 1]) {
    expect(await metricsOf(index)).toContain(`cellwall_store_lag_seconds_count{by="replica"} ${edits / 2}\n`);
  }
  figure('edits', edits);
  figure('longestLagMs', Math.round(Math.max(...lags) * 10) / 10);
}, 120_000);

test('what Redis says of a trace is believed only of its own revision, and only if it is one', async () => {
  const cli = redisCli(replicas.valkey.url);
  const before = collector.spans.length;
  // As an earlier version of ours, or somebody else, leaves it behind.
  for (const written of ['', '1 2', '99999 0 x', `1 nonsense ${'x'.repeat(3000)}`]) {
    await cli.run('HSET', 'cellwall:meta', 'written', written.slice(0, 900));
    const answer = await at(0).admin.apply({ text: yaml(policy(`/w${written.length}`)) });
    if (answer.kind !== 'applied') throw new Error(JSON.stringify(answer));
    await eventually(
      'in force at the other',
      async () => (await at(1).admin.status()).revision === answer.revision || undefined,
    );
  }
  await eventually('traced', () => collector.spans.length > before || undefined);
  // Forged under the right revision: not a trace, and of no age.
  const { revision } = await at(0).admin.status();
  await cli.run(
    'HSET',
    'cellwall:meta',
    'written',
    `${revision} 0 ${traceparentOf({ traceId: 'e'.repeat(32), spanId: 'e'.repeat(16), sampled: true })}`,
  );
  await at(1).admin.apply({ text: yaml(policy('/last')) });
  expect((await at(1).admin.status()).revision).toBe((revision ?? 0) + 1);
}, 60_000);
