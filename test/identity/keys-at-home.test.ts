// Keys at home: the helper beside an Envoy makes its key, and the control plane never has it. Each with a control whose keys are pushed.
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type HomeWall, startHomeWall } from '../support/home-wall.ts';
import { startSidecarEnvoy } from '../support/sidecar-envoy.ts';

const lifetimeMs = qualifying ? 8000 : 3000;
const renewals = qualifying ? 20 : 2;
let world: HomeWall | undefined;

afterEach(async () => {
  await world?.stop();
  world = undefined;
});

/** Of workloads, on record, also those that have ended. */
async function issued({ plane }: HomeWall) {
  const { certificates } = await plane.admin.certificates({ ended: 'yes' });
  return certificates.filter(({ purpose }) => purpose === 'svid-fetched' || purpose === 'svid-pushed');
}

async function proxies({ plane }: HomeWall) {
  return (await plane.admin.proxies()).proxies.toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

/** What the control plane has on its disk, and what it answers to whoever may see most. */
async function everything(here: HomeWall): Promise<string> {
  const data = join(here.plane.folder, 'data');
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const answers = await Promise.all([
    issued(here),
    ...(await proxies(here)).map(({ node }) => here.plane.admin.envoy(node)),
  ]);
  return [
    ...files.map((file) => readFileSync(join(file.parentPath, file.name), 'latin1')),
    ...answers.map((answer) => JSON.stringify(answer)),
  ].join('\n');
}

/** A line of a key's text, and its bytes. */
function partsOf(pem: string): readonly string[] {
  const lines = pem.trim().split('\n').slice(1, -1);
  return [lines[1] ?? '', Buffer.from(lines.join(''), 'base64').toString('latin1').slice(40, 80)];
}

describe('traffic through renewals', () => {
  it.each(['local', 'pushed'] as const)('%s: no call fails', { timeout: 600_000 }, async (secrets) => {
    const here = await startHomeWall({ secrets, lifetimeMs });
    world = here;
    const kind = secrets === 'local' ? 'svid-fetched' : 'svid-pushed';
    const own = async () => (await issued(here)).filter((one) => one.purpose === kind && one.spiffeId.endsWith('/web'));
    const failed = here.calls.failed();
    const first = (await own()).length;
    const limit = 30_000 + renewals * lifetimeMs;
    await eventually('renewals', async () => ((await own()).length >= first + renewals ? true : undefined), limit);
    expect((await proxies(here)).map(({ keys }) => keys ?? 'pushed')).toEqual([secrets, secrets]);
    const pushed = (await issued(here)).filter(({ purpose }) => purpose === 'svid-pushed');
    if (secrets === 'local') expect(pushed).toEqual([]);
    else expect(pushed.length).toBeGreaterThan(0);
    expect(here.calls.failed()).toBe(failed);
    figure(`${secrets}Calls`, here.calls.fine());
    figure(`${secrets}Failed`, here.calls.failed() - failed);
  });
});

it('without a word the keys of sidecars are theirs; a word changes that, and back, while calls go on', {
  timeout: 600_000,
}, async () => {
  const here = await startHomeWall({ secrets: undefined });
  world = here;
  const keys = async () => (await proxies(here)).map((proxy) => proxy.keys ?? 'pushed');
  expect(await keys()).toEqual(['local', 'local']);

  // What is said of a certificate is what Envoy shows.
  for (const service of ['api', 'web'] as const) {
    const serial = new X509Certificate(readFileSync(join(here.folder(service), 'svid/svid.pem'))).serialNumber;
    const shown = async () =>
      (await proxies(here)).find(({ spiffeId }) => spiffeId.endsWith(`/${service}`))?.certificate;
    await eventually(
      'its certificate',
      async () => ((await shown())?.serial === serial.toLowerCase() ? true : undefined),
      20_000,
    );
    for (const name of ['xds-certificate.json', 'svid/current/key.pem']) {
      expect(statSync(join(here.folder(service), name)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(here.folder(service)).mode & 0o777).toBe(0o700);
  }

  // The key is nowhere at the control plane. The control: its certificate is.
  const key = readFileSync(join(here.folder('web'), 'svid/current/key.pem'), 'utf8');
  const before = await everything(here);
  for (const part of partsOf(key)) expect(before.includes(part)).toBe(false);
  const { serialNumber } = new X509Certificate(readFileSync(join(here.folder('web'), 'svid/svid.pem')));
  expect(before.includes(serialNumber.toLowerCase())).toBe(true);

  const failed = here.calls.failed();
  const settled = async (wanted: readonly string[]): Promise<void> => {
    await eventually(
      'their keys',
      async () => (JSON.stringify(await keys()) === JSON.stringify(wanted) ? true : undefined),
      20_000,
    );
    const now = async () =>
      (await proxies(here)).every(
        ({ types, ready }) => ready && types.every((one) => one.sentRevision === one.ackedRevision),
      );
    await eventually('all is accepted', async () => ((await now()) ? true : undefined), 20_000);
    const fine = here.calls.fine();
    await eventually('calls', () => here.calls.fine() > fine + 10 || undefined, 20_000);
  };
  await here.plane.apply(here.documents('pushed'));
  await settled(['pushed', 'pushed']);
  expect((await issued(here)).filter(({ purpose }) => purpose === 'svid-pushed')).toHaveLength(2);
  await here.plane.apply(here.documents('local'));
  await settled(['local', 'local']);
  expect(here.calls.failed()).toBe(failed);

  // It starts without the control plane, by what is on its disk, and works once that is back.
  await here.plane.restart(async () => {
    await here.sidecar('web').stop();
    await here.start('web');
  });
  const fine = here.calls.fine();
  await eventually('calls again', () => here.calls.fine() > fine + 5 || undefined, 30_000);
  expect(await keys()).toEqual(['local', 'local']);
});

it('a host that is banned loses its certificate at home, too, and has it again once the ban is lifted, in the same processes', {
  timeout: 600_000,
}, async () => {
  const here = await startHomeWall({ secrets: undefined });
  world = here;
  const file = join(here.folder('web'), 'xds-certificate.json');
  const leaf = (): X509Certificate => {
    const { resources } = JSON.parse(readFileSync(file, 'utf8'));
    return new X509Certificate(resources[0].tls_certificate.certificate_chain.inline_string);
  };
  const before = leaf();
  const key = readFileSync(file, 'utf8').split('private_key')[1];
  const [pid, { node }] = [here.sidecar('web').envoyPid, here.sidecar('web')];
  const ask = here.plane.admin;
  await eventually(
    'its helper listens',
    async () => (await ask.proxies()).proxies.every(({ certificate }) => certificate),
    20_000,
  );
  await here.plane.admin.ban({ node });
  await eventually('it has another one', () => leaf().serialNumber !== before.serialNumber || undefined, 20_000);
  expect(leaf().issuer).toBe(leaf().subject);
  expect(readFileSync(file, 'utf8')).not.toContain(key);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await eventually('calls fail', () => here.calls.failed() > 3 || undefined, 20_000);
  const host = (await ask.hosts()).hosts.find(({ spiffeId }) => spiffeId.endsWith('/web'))?.nodeKey ?? '';
  await ask.unban({ node: host });
  await eventually('it has its own again', () => leaf().issuer === before.issuer || undefined, 20_000);
  const fine = here.calls.fine();
  await eventually('calls again', () => here.calls.fine() > fine + 5 || undefined, 30_000);
  expect(here.sidecar('web').envoyPid).toBe(pid);
  expect(() => process.kill(pid, 0)).not.toThrow();
});

it('a Workload that says local: an Envoy without a helper for its key is sent nothing, and status says why', {
  timeout: 600_000,
}, async () => {
  const here = await startHomeWall({ secrets: undefined });
  world = here;
  const bare = 'spiffe://td1/service/web~a1';
  const there = async () => (await proxies(here)).find(({ node }) => node === bare);
  await here.sidecar('web').stop();
  // Beside replicas with helpers, the keys of one without are pushed to it.
  const envoy = await startSidecarEnvoy(here.plane, 'spiffe://td1/service/web', { variant: 'delta' });
  try {
    await eventually('calls', () => here.calls.fineInARow() > 5 || undefined, 30_000);
    expect(await there()).toMatchObject({ state: 'connected', certificate: { serial: expect.any(String) } });
    expect((await there())?.keys).toBeUndefined();
    await here.plane.apply(here.documents('local'));
    const withheld = async () => (await there())?.withheld?.includes('secrets: local') || undefined;
    await eventually('it is told', withheld, 20_000);
    // No key is made for it, or kept, any more: a new stream is not answered.
    const isGone = () =>
      here.plane.admin.envoy(bare).then(
        () => undefined,
        ({ code }: { readonly code?: string }) => code === 'not_found' || undefined,
      );
    await eventually('nothing is kept for it', isGone, 20_000);
  } finally {
    await envoy.stop();
  }
});
