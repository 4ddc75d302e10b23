// An urgent deny in a large deployment, from the accepted write to the refusal by a real Envoy on an open connection.
import type { AdminClient } from '../../../src/admin/client.ts';
import { freePorts } from '../../support/free-ports.ts';
import type { Item } from '../item.ts';
import { startCheckoutWall } from '../support/checkout-wall.ts';
import { startEchoes } from '../support/echoes.ts';
import { startIdleProxies } from '../support/idle-proxies.ts';
import { probe } from '../support/probe.ts';
import { quantile } from '../support/quantile.ts';
import { until } from '../support/until.ts';

const trustDomain = 'scale.test';
const services = 1000;
const policies = 2000;
const idle = 50;
const rounds = 100;
const medianBound = 50;
const p99Bound = 150;

export const urgentDenyAtScaleItem: Item = {
  name: 'urgent-deny-at-scale',
  line:
    `an urgent deny among ${policies} policies and ${services} services, with ${idle} idle proxies beside the two of the call, from the ` +
    "accepted write to the first refusal by the service's Envoy on an open connection",
  bound: `median ${medianBound} ms, p99 ${p99Bound} ms over ${rounds}`,
  async run(context) {
    const { progress, defer } = context;
    const [port = 0] = await freePorts(1);
    const names = Array.from({ length: services - 2 }, (_, number) => `idle-${number}`);
    const wall = await startCheckoutWall(context, documents(port, names));
    const applications = await startEchoes(defer);
    await wall.sidecar('target', applications.stream);
    await wall.sidecar('caller');
    await startIdleProxies(wall, trustDomain, names.slice(0, idle), defer);
    progress('the proxies are connected');
    const caller = probe(port, defer);
    await until('the first call passes', 20_000, () => caller.until('allowed').then(() => true));
    const latencies: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const refused = caller.until('refused');
      const acceptedAt = await deny(wall.admin);
      latencies.push((await refused) - acceptedAt);
      await wall.admin.apply({
        changes: [{ op: 'delete', key: 'AuthorizationPolicy/urgent' }],
        urgent: true,
      });
      await caller.until('allowed');
    }
    const [medianMs, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)].map(
      (ms) => Math.round(ms * 10) / 10,
    );
    if (medianMs === undefined || p99Ms === undefined) throw new Error('nothing was measured');
    const maxMs = Math.round(Math.max(...latencies) * 10) / 10;
    return { ok: medianMs <= medianBound && p99Ms <= p99Bound, figures: { rounds, medianMs, p99Ms, maxMs } };
  },
};

/** Answers when the write was accepted, in epoch milliseconds. */
async function deny(admin: AdminClient): Promise<number> {
  const text = document(
    'AuthorizationPolicy',
    'urgent',
    '{target: {service: target}, action: deny, rules: [{from: [{service: caller}]}]}',
  );
  const answer = await admin.apply({ text, urgent: true });
  if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
  return answer.acceptedAt;
}

function document(kind: string, name: string, spec: string): string {
  return `apiVersion: cellwall/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

function documents(port: number, names: readonly string[]): string {
  const allow = (name: string, target: string, from: string) =>
    document(
      'AuthorizationPolicy',
      name,
      `{target: {service: ${target}}, action: allow, rules: [{from: [{service: ${from}}], to: [{path: {prefix: /api/${name}}}]}]}`,
    );
  const all = '{target: {service: target}, action: allow, rules: [{from: [{service: caller}]}]}';
  return [
    document('Mesh', 'mesh', `{trustDomain: ${trustDomain}}`),
    document('Service', 'target', '{protocol: grpc}'),
    document('Service', 'caller', `{protocol: http1, dependsOn: [{service: target, listen: ${port}}]}`),
    document('AuthorizationPolicy', 'allow-target', all),
    ...names.flatMap((name, index) => {
      const other = names[(index + 1) % names.length] ?? name;
      return [
        document(
          'Service',
          name,
          `{protocol: http1, dependsOn: [{service: ${other}, listen: ${15_000 + (index % 900)}}]}`,
        ),
        allow(`one-${name}`, name, names.at(index - 1) ?? name),
        allow(`two-${name}`, name, names.at(index - 1) ?? name),
      ];
    }),
    // As many as are promised.
    ...Array.from({ length: policies - 1 - 2 * names.length }, (_, index) =>
      allow(`more-${index}`, 'target', 'caller'),
    ),
  ].join('---\n');
}
