// The roots that a host keeps: pushed to it when they change, the newest ones whoever brings them, and an SVID under one of them.
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTrustBundle } from '../../src/identity/trust-bundle.ts';
import { verifySvid } from '../../src/identity/x509/verify-svid.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { followBundle } from '../../src/sidecar/svid/follow-bundle.ts';
import { createNewestRoots } from '../../src/sidecar/svid/newest-roots.ts';
import { loadNodeKey } from '../../src/sidecar/svid/node-key.ts';
import { fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createSvidFiles, type StoredSvid } from '../../src/sidecar/svid/svid-files.ts';
import { createSvidKeeper, type SvidKeeper } from '../../src/sidecar/svid/svid-keeper.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { heardLog } from '../support/heard-log.ts';
import { createIdentityHarness, domainOf, type IdentityHarness } from '../support/identity-harness.ts';
import { oneServer } from '../support/one-server.ts';
import { testRoot } from '../support/test-bundle.ts';
import { createTurningCa, type TurningCa } from '../support/turning-ca.ts';

const minute = 60_000;
let harness: IdentityHarness;
let ca: TurningCa;
let dir: string;
let clock: FakeClock;
let keeper: SvidKeeper;
let renewed: StoredSvid[];
let ending: AbortController;

beforeEach(async () => {
  ca = await createTurningCa();
  harness = await createIdentityHarness({ ca: ca.kind });
  dir = temporaryFolder('roots');
  clock = createFakeClock(Date.now());
  renewed = [];
  ending = new AbortController();
  keeper = await createSvidKeeper({
    servers: oneServer(harness.address),
    token: await harness.token('spiffe://td1/service/api'),
    ...{ nodeKey: await loadNodeKey(dir), files: createSvidFiles(join(dir, 'svid')), clock, log: silentLog },
    random: () => 0.5,
    onRenewed: (svid) => void renewed.push(svid),
  });
});
afterEach(async () => {
  ending.abort();
  keeper.close();
  await harness.close();
  rmSync(dir, { recursive: true, force: true });
});

function put(roots: readonly string[]): void {
  const { trustDomain, sequence } = harness.bundle.value();
  harness.bundle.set(createTrustBundle({ trustDomain, sequence: sequence + 1, roots }));
}
const onDisk = (): string => readFileSync(join(dir, 'svid', 'bundle.pem'), 'utf8');

it('are pushed: on disk, in the SVID in force, and told, while nothing of the SVID changes', async () => {
  const { current: svid, sequence, trust: onBundle } = keeper;
  void followBundle({
    ...{ servers: oneServer(harness.address), svid, sequence, onBundle, log: silentLog, signal: ending.signal },
    random: () => 0.0123,
  });
  const { chain } = svid();
  const added = await testRoot();
  const own = harness.bundle.value().roots;
  for (const roots of [[...own, added], own, [added, ...own]]) {
    put(roots);
    await eventually('it is there', () => onDisk() === harness.roots() || undefined);
    expect(keeper.current()).toMatchObject({ chain, bundle: harness.roots() });
    expect(renewed.at(-1)).toBe(keeper.current());
    expect(keeper.sequence()).toBe(harness.bundle.value().sequence);
  }
});

it('are pushed soon after an SVID that had ended was replaced, though the one before was refused', async () => {
  const { sequence, trust: onBundle } = keeper;
  const { chain, key, bundle } = createSvidFiles(join(dir, 'svid')).read() ?? expect.unreachable();
  // Refused: nobody here gave it this certificate.
  const strange = await createIdentityHarness({ trustDomain: 'td1' });
  const other = await fetchSvid({
    identity: `${strange.address.host}:${strange.address.port}`,
    token: await strange.token('spiffe://td1/service/api'),
    dir: join(dir, 'other'),
    log: silentLog,
  });
  const refused = {
    ...keeper.current(),
    chain: readFileSync(other.chain, 'utf8'),
    key: createPrivateKey(readFileSync(other.key)),
  };
  await strange.close();
  let svid: StoredSvid = { ...refused, bundle };
  let asked = 0;
  const log = heardLog({
    debug: () => {
      asked += 1;
    },
  });
  void followBundle({
    ...{ servers: oneServer(harness.address), svid: () => svid, sequence, onBundle, log, signal: ending.signal },
    random: () => 0,
  });
  await eventually('it is refused', () => asked > 0 || undefined);
  svid = { ...svid, chain, key };
  put([...harness.bundle.value().roots, await testRoot()]);
  await eventually('it is there', () => onDisk() === harness.roots() || undefined);
});

it('are not those of an older bundle, whoever brings it', async () => {
  put([...harness.bundle.value().roots, await testRoot()]);
  const newer = { bundle: harness.roots(), sequence: harness.bundle.value().sequence };
  keeper.trust(newer);
  const kept = renewed.length;
  keeper.trust({ bundle: await testRoot(), sequence: newer.sequence - 1 });
  expect(onDisk()).toBe(newer.bundle);
  expect(renewed).toHaveLength(kept);
  // A renewal by a control plane that has not heard of it yet.
  const { roots } = harness.authority.bundle.value();
  harness.bundle.set(createTrustBundle({ trustDomain: domainOf('td1'), sequence: newer.sequence - 1, roots }));
  clock.advance(30 * minute + 1);
  await eventually('it is renewed', () => renewed.length > kept || undefined);
  expect(onDisk()).toBe(newer.bundle);
  expect(keeper.current().bundle).toBe(newer.bundle);
});

it('that the SVID is not under any more: another one is got at once', async () => {
  const before = keeper.current();
  await ca.add();
  ca.turn();
  await harness.authority.signer.rotate();
  await harness.server.rotate();
  const { trust: hear } = keeper;
  const heard = () => hear({ bundle: harness.roots(), sequence: harness.bundle.value().sequence });
  heard();
  expect(keeper.current().chain).toBe(before.chain);
  clock.advance(minute);
  ca.drop();
  heard();
  clock.advance(0);
  await eventually('it has another one', () => keeper.current().chain !== before.chain || undefined);
  const { chain, bundle, spiffeId } = keeper.current();
  expect(bundle).toBe(harness.roots());
  const trust = { bundle, trustDomain: domainOf('td1'), now: Date.now() };
  expect(verifySvid({ chain, ...trust }).spiffeId).toBe(spiffeId);
  expect(() => verifySvid({ chain: before.chain, ...trust })).toThrow(/does not lead to a root/);
});

it('of one that says no sequence are taken as long as nobody says one', () => {
  const roots = createNewestRoots();
  expect(roots.hear({ bundle: 'a' })).toBe('a');
  expect(roots.hear({ bundle: 'b' })).toBe('b');
  expect(roots.sequence()).toBe(0);
  expect(roots.hear({ bundle: 'c', sequence: 5 })).toBe('c');
  expect(roots.hear({ bundle: 'd', sequence: 4 })).toBe('c');
  expect(roots.hear({ bundle: 'e', sequence: 5 })).toBe('e');
});
