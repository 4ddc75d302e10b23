// An urgent deny, as operators need it in an emergency: at once for the next request, within seconds for what is open, and nobody
// else notices.
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminClient } from '../../../src/admin/client.ts';
import { freePorts } from '../../support/free-ports.ts';
import { type OpenCall, openCall } from '../../support/open-call.ts';
import type { Item } from '../item.ts';
import { startCheckoutWall } from '../support/checkout-wall.ts';
import { startEchoes } from '../support/echoes.ts';
import { startIdleProxies } from '../support/idle-proxies.ts';
import { probe } from '../support/probe.ts';
import { quantile } from '../support/quantile.ts';
import { until } from '../support/until.ts';

const trustDomain = 'qualify.test';
const proxies = 50;
const rounds = 200;
const cuts = 3;
const p99Bound = 100;
const cutBound = 5000;
const kinds = ['stream', 'tcp'] as const;
type Kind = (typeof kinds)[number];
type Calls = Readonly<Record<Kind, OpenCall>>;

export const urgentDeny: Item = {
  name: 'urgent-deny',
  line:
    `an urgent deny with ${proxies} proxies, from the accepted write to the first refusal on an open connection; an ` +
    'open gRPC stream and an open TCP connection of the denied caller are cut, those of an allowed caller beside ' +
    'them are not',
  bound: `p99 < ${p99Bound} ms over ${rounds}; cut < ${cutBound / 1000} s in each of ${cuts}; nothing of the allowed caller refused or cut`,
  async run(context) {
    const { progress, defer } = context;
    const [deniedStream = 0, deniedTcp = 0, allowedStream = 0, allowedTcp = 0] = await freePorts(4);
    const deniedPorts = { stream: deniedStream, tcp: deniedTcp };
    const allowedPorts = { stream: allowedStream, tcp: allowedTcp };
    const idle = Array.from({ length: proxies - 4 }, (_, index) => `idle-${index + 1}`);
    const wall = await startCheckoutWall(context, documents(deniedPorts, allowedPorts, idle));
    const applications = await startEchoes(defer);
    for (const kind of kinds) await wall.sidecar(kind, applications[kind]);
    await wall.sidecar('denied');
    await wall.sidecar('allowed');
    await startIdleProxies(wall, trustDomain, idle, defer);

    const connects = async (port: number) => until(`port ${port}`, 20_000, () => lives('stream', port));
    await connects(deniedStream);
    await connects(allowedStream);
    const denied = probe(deniedStream, defer);
    const allowed = probe(allowedStream, defer);
    await denied.until('allowed');
    await allowed.until('allowed');
    const connected = (await wall.admin.proxies()).proxies.filter(({ state }) => state === 'connected').length;
    progress(`${connected} proxies are connected`);
    const latencies: number[] = [];
    let besideRefused = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const refusal = denied.until('refused');
      latencies.push(-(await deny(wall.admin, ['stream'])) + (await refusal));
      if ((await allowed.ask()) !== 'allowed') besideRefused += 1;
      await allow(wall.admin, ['stream']);
      await denied.until('allowed');
      if (round % 50 === 0) progress(`${round} of ${rounds}: p99 so far ${Math.round(quantile(latencies, 0.99))} ms`);
    }

    const cutMs: Record<Kind, number[]> = { stream: [], tcp: [] };
    let besideCut = 0;
    for (let cut = 1; cut <= cuts; cut += 1) {
      const own = await openBoth(deniedPorts);
      const beside = await openBoth(allowedPorts);
      const acceptedAt = await deny(wall.admin, kinds);
      for (const kind of kinds) {
        const late = delay(2 * cutBound, Number.POSITIVE_INFINITY, { ref: false });
        cutMs[kind].push((await Promise.race([own[kind].ended, late])) + performance.timeOrigin - acceptedAt);
      }
      for (const kind of kinds) {
        await beside[kind].echo(`round ${cut}`).catch(() => {
          besideCut += 1;
        });
        beside[kind].close();
      }
      await allow(wall.admin, kinds);
      await until('the denied caller is allowed again', 20_000, () => lives('tcp', deniedTcp));
      progress(
        `cut ${cut}: stream ${Math.round(cutMs.stream.at(-1) ?? 0)} ms, TCP ${Math.round(cutMs.tcp.at(-1) ?? 0)} ms`,
      );
    }
    const p99Ms = tenths(quantile(latencies, 0.99));
    const figures = {
      proxies: connected,
      rounds,
      medianMs: tenths(quantile(latencies, 0.5)),
      p99Ms,
      maxMs: tenths(Math.max(...latencies)),
      streamCutMs: Math.round(Math.max(...cutMs.stream)),
      tcpCutMs: Math.round(Math.max(...cutMs.tcp)),
      besideRefused,
      besideCut,
    };
    const inTime = p99Ms < p99Bound && figures.streamCutMs < cutBound && figures.tcpCutMs < cutBound;
    return { ok: connected >= proxies && inTime && besideRefused === 0 && besideCut === 0, figures };
  },
};

/** Answers when the write was accepted, in epoch milliseconds. */
async function deny(admin: AdminClient, targets: readonly Kind[]): Promise<number> {
  const answer = await admin.apply({ text: targets.map(denyText).join('---\n'), urgent: true });
  if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
  return answer.acceptedAt;
}

async function allow(admin: AdminClient, targets: readonly Kind[]): Promise<void> {
  const changes = targets.map((target) => ({ op: 'delete' as const, key: `AuthorizationPolicy/deny-${target}` }));
  await admin.apply({ changes, urgent: true });
}

async function openBoth(ports: Readonly<Record<Kind, number>>): Promise<Calls> {
  const [stream, tcp] = kinds.map((kind) => openCall({ kind, port: ports[kind] }));
  if (stream === undefined || tcp === undefined) throw new Error('nothing was opened');
  await stream.echo('hello');
  await tcp.echo('hello');
  return { stream, tcp };
}

async function lives(kind: Kind, port: number): Promise<true | undefined> {
  const call = openCall({ kind, port });
  const alive = await call.echo('hello').then(
    () => true as const,
    () => undefined,
  );
  call.close();
  return alive;
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function document(kind: string, name: string, spec: string): string {
  return `apiVersion: cellwall/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

function denyText(target: Kind): string {
  const from = '[{service: denied}]';
  return document(
    'AuthorizationPolicy',
    `deny-${target}`,
    `{target: {service: ${target}}, action: deny, rules: [{from: ${from}}]}`,
  );
}

function documents(denied: Record<Kind, number>, allowed: Record<Kind, number>, idle: readonly string[]): string {
  const caller = (name: string, ports: Record<Kind, number>): string =>
    document(
      'Service',
      name,
      `{protocol: http1, dependsOn: [${kinds.map((kind) => `{service: ${kind}, listen: ${ports[kind]}}`).join(', ')}]}`,
    );
  const allowAll = (name: string): string =>
    document(
      'AuthorizationPolicy',
      `allow-${name}`,
      `{target: {service: ${name}}, action: allow, rules: [{from: [{service: denied}, {service: allowed}]}]}`,
    );
  return [
    document('Mesh', 'mesh', `{trustDomain: ${trustDomain}}`),
    document('Service', 'stream', '{protocol: grpc}'),
    document('Service', 'tcp', '{protocol: tcp}'),
    caller('denied', denied),
    caller('allowed', allowed),
    ...kinds.map(allowAll),
    ...idle.flatMap((name) => [document('Service', name, '{protocol: http1}'), allowAll(name)]),
  ].join('---\n');
}
