// Bans between a parent and the control planes of cells: what the parent bans is banned in every cell, also in one that was away, before it
// serves again; what a cell bans is banned there alone, until it is lifted there.
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { type Cable, layCable } from '../support/cable.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient } from '../support/raw-xds-client.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

const web = 'spiffe://td1/service/web';
const api = 'spiffe://td1/service/api';
const day = 86_400_000;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const cell = (name: string, id: number): string =>
  `kind: Cell\nmetadata: {name: ${name}}\nspec: {id: ${id}, controlPlane: {}}`;

interface Place {
  readonly at: ServeHarness;
  readonly cable: Cable;
}

async function start(): Promise<{ readonly parent: ServeHarness; readonly cells: readonly [Place, Place] }> {
  const parent = await startServe(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      ...[cell('cell-1', 1), cell('cell-2', 2), serviceText('api'), serviceText('web')],
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
    ),
  );
  closers.push(() => parent.stop());
  const follow = async (name: string): Promise<Place> => {
    const { token } = await parent.admin.createToken({ spiffeId: `spiffe://td1/cellwall/follower/${name}` });
    const cable = await layCable(parent.identityPort);
    closers.push(() => cable.close());
    const at = await startServe('', { parent: { addresses: `127.0.0.1:${cable.port}`, token: new Redacted(token) } });
    closers.push(() => at.stop());
    return { at, cable };
  };
  return { parent, cells: [await follow('cell-1'), await follow('cell-2')] };
}

const listOf = async ({ admin }: ServeHarness) => (await admin.bans()).bans;
const banned = (at: ServeHarness, count: number) =>
  eventually(`${count} are banned there`, async () => (await listOf(at)).length === count || undefined);

/** A proxy's stream: the deny filters that it is sent, and why it ended. */
async function proxy(
  at: ServeHarness,
  id: string,
  { chain, key, bundle }: Readonly<Record<'chain' | 'key' | 'bundle', string>>,
) {
  const read = (path: string): string => readFileSync(path, 'utf8');
  const client = createRawXdsClient(at.xdsPort, { certificate: read(chain), key: read(key), root: read(bundle) });
  closers.push(() => client.close());
  const stream = client.delta();
  const node = { id: `${id}~a`, metadata: { cellwall: { inbound: '127.0.0.1:40001', application: '127.0.0.1:1' } } };
  stream.send({ typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'], node });
  stream.send({ typeUrl: typeUrls.extension, resourceNamesSubscribe: [`${id.split('/').at(-1)}/authz-deny`] });
  const told: string[] = [];
  void (async () => {
    for (;;) {
      const { typeUrl, nonce, resources } = await stream.next(600_000);
      for (const { resource } of resources) told.push(Buffer.from(resource?.value ?? []).toString('latin1'));
      stream.send({ typeUrl, responseNonce: nonce });
    }
  })().catch(() => undefined);
  return { ended: stream.ended, refuses: () => told.at(-1)?.includes('cellwall/guard/banned') === true, told };
}

it('what the parent bans is banned in every cell: certificates, streams, proxies; until it is lifted there', async () => {
  const { parent, cells } = await start();
  const [{ at, cable }, other] = cells;
  const files = await at.enrol(web);
  const caller = await proxy(at, web, files);
  const called = await proxy(at, api, await at.enrol(api));
  await eventually('both have a stream', () => (called.told.length > 0 && caller.told.length > 0) || undefined);

  // A host that only the cell knows, by its whole node key.
  const { hosts } = await at.admin.hosts();
  const node = hosts.find(({ spiffeId }) => spiffeId === web)?.nodeKey ?? '';
  const { ban } = await parent.admin.ban({ node, reason: 'key stolen' });
  // As long as a cell that does not hear of it can issue.
  expect(ban.until - Date.now()).toBeGreaterThan(90 * day);
  expect((await caller.ended).details).toContain('banned');
  await eventually('its proxies refuse it', () => called.refuses() || undefined);
  await banned(other.at, 1);
  expect(await listOf(at)).toEqual([
    expect.objectContaining({ from: 'parent', reason: 'key stolen', target: ban.target }),
  ]);
  const renewal = { identity: `127.0.0.1:${at.identityPort}`, dir: files.dir, log: silentLog };
  await expect(fetchSvid(renewal)).rejects.toMatchObject({ code: 'permission_denied' });
  await expect(at.admin.unban({ node })).rejects.toMatchObject({
    code: 'failed_precondition',
    hint: expect.stringContaining('there'),
  });
  // Alone, and started again.
  cable.cut();
  await at.restart();
  await expect(fetchSvid(renewal)).rejects.toMatchObject({ code: 'permission_denied' });
  expect((await parent.admin.unban({ node })).lifted).toBe(true);
  await banned(other.at, 0);
  expect(await listOf(at)).toHaveLength(1);
  cable.mend();
  await banned(at, 0);
  await fetchSvid(renewal);
}, 60_000);

it('a cell that was away has heard of it before its first port is open', async () => {
  const { parent, cells } = await start();
  const [{ at, cable }] = cells;
  cable.cut();
  await at.restart(async () => {
    await parent.admin.ban({ identity: web });
    cable.mend();
  });
  // Not later: the answer is in at once.
  expect(await listOf(at)).toHaveLength(1);
  await expect(at.enrol(web)).rejects.toMatchObject({ code: 'permission_denied' });
}, 60_000);

it('what a cell bans is banned there alone, until it is lifted; and who follows is cut off by a ban as well', async () => {
  const { parent, cells } = await start();
  const [{ at }, other] = cells;
  const { ban } = await at.admin.ban({ identity: web });
  // Others may issue to it for as long as they like.
  expect(ban.until).toBe(Number.MAX_SAFE_INTEGER);
  await expect(at.enrol(web)).rejects.toMatchObject({ code: 'permission_denied' });
  await parent.enrol(web);
  await other.at.enrol(web);
  expect([await listOf(parent), await listOf(other.at)]).toEqual([[], []]);

  // Of both, and lifted at the parent: that of the cell is left.
  await parent.admin.ban({ identity: web });
  await banned(at, 2);
  await parent.admin.unban({ identity: web });
  await banned(at, 1);
  await expect(at.enrol(web)).rejects.toMatchObject({ code: 'permission_denied' });
  expect((await at.admin.unban({ identity: web })).lifted).toBe(true);
  await at.enrol(web);

  const link = async () => (await at.admin.status()).parent?.connected;
  await eventually('it follows', async () => (await link()) || undefined);
  await parent.admin.ban({ identity: 'spiffe://td1/cellwall/follower/cell-1' });
  await eventually('it is cut off', async () => (await link()) === false || undefined);
  await at.enrol(web);
}, 60_000);
