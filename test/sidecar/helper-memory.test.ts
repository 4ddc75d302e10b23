// What the helper beside an Envoy costs: one that makes and keeps its Envoy's keys, and one whose Envoy has its keys pushed, on one control
// plane, at the same time, through renewals.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { findEnvoy } from '../../src/sidecar/envoy/envoy-binary.ts';
import { quantile } from '../qualification/support/quantile.ts';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';
import { type SidecarProcess, startSidecarProcess } from '../support/sidecar-process.ts';

const kinds = ['local', 'pushed'] as const;
type Kind = (typeof kinds)[number];
const each = qualifying ? 4 : 1;
const lifetimeMs = qualifying ? 8000 : 4000;
const renewals = qualifying ? 20 : 1;
/** Where V8 happens to collect decides about a few hundredths; in CI, where one of each is looked at, about more. */
const mostMore = qualifying ? 1.05 : 1.25;

const names = kinds.flatMap((kind) => Array.from({ length: each }, (_, at) => ({ kind, name: `${kind}-${at}` })));
const running = new Map<string, SidecarProcess>();
let plane: ServeProcess;

beforeAll(async () => {
  plane = await startServeProcess(
    yaml(
      `kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}, svid: {lifetime: ${lifetimeMs}ms}}`,
      ...names.flatMap(({ kind, name }) => [
        serviceText(name),
        workloadText(name, `{identity: {service: ${name}}, secrets: ${kind}}`),
      ]),
    ),
  );
  const envoy = await findEnvoy({ env: process.env, log: silentLog });
  for (const { name } of names) {
    const { token } = await plane.admin.createToken({ service: name });
    const started = startSidecarProcess(
      [
        ...['--service', name, '--data', join(plane.folder, name), '--drain-seconds', '0', '--envoy-bin', envoy],
        ...['--identity-address', `127.0.0.1:${plane.ports.identity}`],
        ...['--xds-address', `127.0.0.1:${plane.ports.xds}`],
      ],
      { CELLWALL_TOKEN: token },
    );
    running.set(name, started);
    await started.envoy();
  }
}, 300_000);
afterAll(async () => {
  for (const one of running.values()) one.signal('SIGTERM');
  await Promise.all([...running.values()].map(({ exited }) => exited));
  await plane?.stop();
}, 60_000);

/** MiB: what is its own and resident. Pages of the program's file it shares with every other one. */
function ownMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

it('a helper that keeps its keys costs no more memory than one beside pushed keys', { timeout: 600_000 }, async () => {
  const renewed = async (): Promise<number> => {
    const { certificates } = await plane.admin.certificates({ ended: 'yes' });
    const per = names.map(({ kind, name }) => {
      const purpose = kind === 'local' ? 'svid-fetched' : 'svid-pushed';
      return certificates.filter((one) => one.purpose === purpose && one.spiffeId.endsWith(`/${name}`)).length;
    });
    return Math.min(...per);
  };
  const samples: Record<Kind, number[]> = { local: [], pushed: [] };
  const first = await renewed();
  const all = eventually(
    'renewals of each',
    async () => ((await renewed()) >= first + renewals ? true : undefined),
    60_000 + renewals * lifetimeMs,
  );
  let over = false;
  const settled = all.finally(() => {
    over = true;
  });
  do {
    for (const { kind, name } of names) samples[kind].push(ownMb(running.get(name)?.pid ?? 0));
    await Promise.race([settled, delay(500)]);
  } while (!over);
  await settled;
  const { proxies } = await plane.admin.proxies();
  const keys = names.map(({ name }) => proxies.find(({ service }) => service === name)?.keys ?? 'pushed');
  expect(keys).toEqual(names.map(({ kind }) => kind));
  const [local, pushed] = [quantile(samples.local, 0.5), quantile(samples.pushed, 0.5)];
  figure('helperLocalMb', Math.round(10 * local) / 10);
  figure('helperPushedMb', Math.round(10 * pushed) / 10);
  figure('helperSamples', samples.local.length);
  expect(local).toBeGreaterThan(1);
  expect(local).toBeLessThanOrEqual(pushed * mostMore);
});
