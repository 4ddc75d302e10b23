// Pushed SVIDs over a restart of the control plane: the same certificates, unless something makes them invalid.
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRotator, type Rotator } from '../../src/identity/rotator.ts';
import { createSvidStore } from '../../src/identity/svid-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openTableFile, type TableFile } from '../../src/store/sqlite/table-file.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createIdentityHarness, type IdentityHarness, idOf } from '../support/identity-harness.ts';

const id = idOf('spiffe://td1/service/api');
let harness: IdentityHarness;
let file: string;
let open: { readonly rotator: Rotator; readonly kept: TableFile } | undefined;

beforeEach(async () => {
  harness = await createIdentityHarness();
  file = join(harness.dir, 'svids.db');
});

afterEach(async () => {
  stop();
  await harness.close();
});

/** The end of a control plane: it closes what it had open. */
function stop(): void {
  open?.rotator.close();
  open?.kept.close();
  open = undefined;
}

function start(from: IdentityHarness = harness, clock = systemClock): Rotator {
  stop();
  const { issuer, bundle } = from;
  const kept = openTableFile({ file, clock, log: silentLog });
  const store = createSvidStore({ table: kept.table, bundle, clock, log: silentLog });
  const rotator = createRotator({ issuer, clock, log: silentLog, onChange: () => {}, kept: store });
  open = { rotator, kept };
  return rotator;
}

describe('a restarted control plane', () => {
  it('goes on with every SVID that it had, key and all', async () => {
    const [first, other] = [await start().ensure('a', id), await start().ensure('b', id)];
    for (const end of ['', '-wal', '-shm']) expect(statSync(`${file}${end}`).mode & 0o777).toBe(0o600);
    const again = start();
    const [one, two] = await Promise.all([again.ensure('a', id), again.ensure('a', id)]);
    expect([one.serial, two.serial]).toEqual([first.serial, first.serial]);
    expect(one.key?.reveal()).toBe(first.key?.reveal());
    expect(one.chain).toBe(first.chain);
    expect((await again.ensure('b', id)).serial).toBe(other.serial);
  });

  it('has what was rotated last, and nothing of what was released', async () => {
    const before = start();
    await before.ensure('a', id);
    const rotated = await before.rotate('a');
    expect((await start().ensure('a', id)).serial).toBe(rotated?.serial);
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
        chmodSync(file, 0o644);
        return (await start().ensure('a', id)).serial;
      },
    ],
    [
      'is a link to another file',
      async () => {
        stop();
        renameSync(file, `${file}.elsewhere`);
        symlinkSync(`${file}.elsewhere`, file);
        return (await start().ensure('a', id)).serial;
      },
    ],
    [
      'is damaged',
      async () => {
        stop();
        writeFileSync(file, readFileSync(file).fill(0x78, 0, 4096));
        return (await start().ensure('a', id)).serial;
      },
    ],
    [
      'is damaged in the middle',
      async () => {
        stop();
        writeFileSync(file, readFileSync(file).fill(0x78, 4096));
        return (await start().ensure('a', id)).serial;
      },
    ],
  ])('issues a new SVID when the one kept %s', async (_, next) => {
    const { serial } = await start().ensure('a', id);
    expect(await next(serial)).not.toBe(serial);
  });

  it('has nothing of what was released, nor of what was released while it was being saved', async () => {
    start().release('a');
    const { table } = open?.kept ?? expect.unreachable();
    const kept = createSvidStore({ table, bundle: harness.bundle, clock: systemClock, log: silentLog });
    const svid = await harness.issuer.issue(id);
    const saved = kept.save('a', svid);
    kept.remove('a');
    const loaded = kept.load('a', id);
    await saved;
    expect(await loaded).toBeUndefined();
    await kept.save('a', svid);
    expect((await kept.load('a', id))?.serial).toBe(svid.serial);
    kept.remove('a');
    stop();
    const key = svid.key?.reveal().split('\n')[1] ?? expect.unreachable();
    for (const name of readdirSync(harness.dir, { recursive: true, withFileTypes: true })) {
      if (name.isFile()) expect(readFileSync(join(name.parentPath, name.name), 'latin1')).not.toContain(key);
    }
  });
});
