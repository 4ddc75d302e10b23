// Pushed SVIDs over a restart of the control plane: the same certificates, unless something makes them invalid.
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRotator, type Rotator } from '../../src/identity/rotator.ts';
import { createSvidStore } from '../../src/identity/svid-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createIdentityHarness, type IdentityHarness, idOf } from '../support/identity-harness.ts';

const id = idOf('spiffe://td1/service/api');
let harness: IdentityHarness;
let dir: string;
const rotators: Rotator[] = [];

beforeEach(async () => {
  harness = await createIdentityHarness();
  dir = join(harness.dir, 'svids');
});

afterEach(async () => {
  for (const rotator of rotators.splice(0)) rotator.close();
  await harness.close();
});

function start(from: IdentityHarness = harness, clock = systemClock): Rotator {
  const { issuer, bundle } = from;
  const kept = createSvidStore({ dir, bundle, clock, log: silentLog });
  const rotator = createRotator({ issuer, clock, log: silentLog, onChange: () => {}, kept });
  rotators.push(rotator);
  return rotator;
}

const onlyFile = (): string => join(dir, readdirSync(dir)[0] ?? '');

describe('a restarted control plane', () => {
  it('goes on with every SVID that it had, key and all', async () => {
    const [first, other] = [await start().ensure('a', id), await start().ensure('b', id)];
    const again = start();
    const [one, two] = await Promise.all([again.ensure('a', id), again.ensure('a', id)]);
    expect([one.serial, two.serial]).toEqual([first.serial, first.serial]);
    expect(one.key?.reveal()).toBe(first.key?.reveal());
    expect(one.chain).toBe(first.chain);
    expect((await again.ensure('b', id)).serial).toBe(other.serial);
    expect(statSync(onlyFile()).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it('has what was rotated last, and nothing of what was released', async () => {
    const before = start();
    await before.ensure('a', id);
    const rotated = await before.rotate('a');
    expect((await start().ensure('a', id)).serial).toBe(rotated?.serial);
    before.release('a');
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each<[string, (serial: string) => Promise<string>]>([
    ['has another identity', async () => (await start().ensure('a', idOf('spiffe://td1/service/other'))).serial],
    [
      'is of another root',
      async () => {
        const remade = await createIdentityHarness();
        const { serial } = await start(remade).ensure('a', id);
        await remade.close();
        return serial;
      },
    ],
    [
      'has ended',
      async () => (await start(harness, createFakeClock(Date.now() + 5 * 3_600_000)).ensure('a', id)).serial,
    ],
    [
      'may be read by others',
      async () => {
        chmodSync(onlyFile(), 0o644);
        return (await start().ensure('a', id)).serial;
      },
    ],
    [
      'is damaged',
      async () => {
        writeFileSync(onlyFile(), readFileSync(onlyFile(), 'utf8').slice(0, 300));
        return (await start().ensure('a', id)).serial;
      },
    ],
  ])('issues a new SVID when the one kept %s', async (_, next) => {
    const { serial } = await start().ensure('a', id);
    expect(await next(serial)).not.toBe(serial);
  });

  it('has nothing of what was released while it was being saved', async () => {
    const kept = createSvidStore({ dir, bundle: harness.bundle, clock: systemClock, log: silentLog });
    const svid = await harness.issuer.issue(id);
    const saved = kept.save('a', svid);
    kept.remove('a');
    const loaded = kept.load('a', id);
    await saved;
    expect(await loaded).toBeUndefined();
    expect(readdirSync(dir)).toEqual([]);
    await kept.save('a', svid);
    expect((await kept.load('a', id))?.serial).toBe(svid.serial);
  });
});
