// Every door of the control plane is shut to who is banned, whichever way the ban was given: joining, renewing, tokens, roots, streams,
// secrets, another session with the same key; also after a restart. Who is not meant passes each of them, before, meanwhile and after.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BanBody } from '../../src/admin/wire-bans.ts';
import { awaitBundle } from '../../src/identity-api/await-bundle.ts';
import { fetchJwt } from '../../src/identity-api/jwt-client.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createSvidFiles, type StoredSvid } from '../../src/sidecar/svid/svid-files.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient, type DeltaStream, type RawXdsClient } from '../support/raw-xds-client.ts';
import { meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const id = 'spiffe://td1/service/web';
let plane: ServeHarness;
const clients: RawXdsClient[] = [];

beforeAll(async () => {
  plane = await startServe(
    yaml(meshText(), serviceText('web'), workloadText('web', '{identity: {service: web}, secrets: pushed}')),
  );
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await plane?.stop();
});

interface Host {
  readonly dir: string;
  readonly instance: string;
  readonly nodeKey: string;
  readonly serial: string;
}

async function join(instance: string): Promise<Host> {
  const before = new Set((await plane.admin.hosts()).hosts.map(({ nodeKey }) => nodeKey));
  const { dir } = await plane.enrol(id);
  const { hosts } = await plane.admin.hosts();
  const nodeKey = hosts.find((host) => !before.has(host.nodeKey))?.nodeKey ?? '';
  const { certificates } = await plane.admin.certificates();
  const serial = certificates.find((one) => one.nodeKey === nodeKey)?.serial ?? '';
  return { dir, instance, nodeKey, serial };
}

const svidOf = ({ dir }: Host): StoredSvid => {
  const svid = createSvidFiles(dir).read();
  if (svid === undefined) throw new Error('it has one');
  return svid;
};

/** A proxy's stream, once it has its secret. */
async function secrets(host: Host): Promise<DeltaStream> {
  const { chain, key, bundle } = svidOf(host);
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  const client = createRawXdsClient(plane.xdsPort, { certificate: chain, key: pem, root: bundle });
  clients.push(client);
  const stream = client.delta();
  const node = { id: `${id}~${host.instance}`, metadata: { cellwall: {} } };
  stream.send({ typeUrl: typeUrls.secret, resourceNamesSubscribe: [id], node });
  const { resources } = await stream.next();
  const value = Buffer.from(resources[0]?.resource?.value ?? []).toString('latin1');
  if (!value.includes('BEGIN CERTIFICATE')) throw new Error('no secret');
  return stream;
}

/** What a host may ask for; each throws if it may not. */
const doors: Readonly<Record<string, (host: Host) => Promise<unknown>>> = {
  renewal: ({ dir }) => fetchSvid({ identity: `127.0.0.1:${plane.identityPort}`, dir, log: silentLog }),
  'joining again, with a token and the key that it has': async ({ dir }) => {
    const { token } = await plane.admin.createToken({ spiffeId: id });
    return fetchSvid({ identity: `127.0.0.1:${plane.identityPort}`, dir, token: new Redacted(token), log: silentLog });
  },
  'a JWT-SVID': (host) => fetchJwt({ host: '127.0.0.1', port: plane.identityPort, svid: svidOf(host) }, ['billing']),
  'the roots': (host) =>
    awaitBundle({
      ...{ host: '127.0.0.1', port: plane.identityPort, svid: svidOf(host), after: 0 },
      signal: AbortSignal.timeout(5000),
    }),
  'a stream with its secret': async (host) => (await secrets(host)).end(),
};

const passes = async (host: Host): Promise<void> => {
  for (const [what, door] of Object.entries(doors)) {
    await door(host).catch((reason: unknown) => {
      throw new Error(`${what}: ${String(reason)}`);
    });
  }
};
const isShut = async (host: Host): Promise<void> => {
  for (const [what, door] of Object.entries(doors)) {
    await expect(door(host), what).rejects.toThrow(/banned|too often/);
  }
};

const ways: readonly (readonly [string, (host: Host) => BanBody, boolean])[] = [
  ['by its identity', () => ({ identity: id }), false],
  ['by the serial of a certificate', ({ serial }) => ({ serial }), true],
  ['by its node key', ({ nodeKey }) => ({ node: nodeKey }), true],
  ['by the name of its proxy', ({ instance }) => ({ node: `${id}~${instance}` }), true],
];

test.each(ways)(
  '%s',
  async (what, body, isOneHost) => {
    const instance = what.replaceAll(' ', '-');
    const [host, other] = [await join(instance), await join(`${instance}-other`)];
    await passes(host);
    const stream = await secrets(host);
    await plane.admin.ban(body(host));
    expect((await stream.ended).details).toContain('banned');
    for (const restarted of [false, true]) {
      if (restarted) await plane.restart();
      await isShut(host);
      // Others of its identity, and a host that joins now: as the ban says.
      await (isOneHost ? passes(other) : isShut(other));
      const joins = plane.enrol(id);
      await (isOneHost ? joins : expect(joins).rejects.toThrow('banned'));
      expect((await plane.admin.proxies()).proxies.filter(({ node }) => node.endsWith(`~${instance}`))).toEqual([]);
    }
    expect((await plane.admin.unban(body(host))).lifted).toBe(true);
    await eventually(
      'it passes again',
      () =>
        passes(host)
          .then(() => true)
          .catch(() => undefined),
      20_000,
    );
    expect(readFileSync(`${host.dir}/svid.pem`, 'utf8')).toContain('BEGIN CERTIFICATE');
  },
  60_000,
);
