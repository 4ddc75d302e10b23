// Renewals before new ones at a slow authority: nothing that is in use ends, whatever storm of joins there is, and nobody waits for ever.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { createIssuer } from '../../src/identity/issuer.ts';
import { createRotator } from '../../src/identity/rotator.ts';
import { createSigningTurns, type SigningTurns } from '../../src/identity/signer/signing-turns.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { figure } from '../support/figure.ts';
import { createIdentityHarness, domainOf, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const settled = () => new Promise(setImmediate);

/** An authority that does one after the other, each in its time. */
function slow(clock: FakeClock, ms: number) {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const run = last.then(async () => {
      await new Promise<void>((done) => void clock.after(ms, done));
      return work();
    });
    last = run.catch(() => undefined);
    return run;
  };
}

describe('turns', () => {
  /** In which order each was served, one at a time. */
  async function served(turns: readonly Parameters<SigningTurns['take']>[0][]): Promise<readonly number[]> {
    const clock = createFakeClock();
    const queue = createSigningTurns({ clock, parallel: 1 });
    let open = (): void => {};
    const first = queue.take(
      {},
      () =>
        new Promise<void>((resolve) => {
          open = resolve;
        }),
    );
    const order: number[] = [];
    const all = turns.map((turn, at) => queue.take(turn, async () => void order.push(at)));
    expect(queue.waiting()).toBe(turns.length);
    open();
    await Promise.all([first, ...all]);
    expect(queue.waiting()).toBe(0);
    return order;
  }
  const at = createFakeClock().now();

  it('are for what ends first, then for who comes back, then for new ones', async () => {
    expect(await served([{}, { back: true }, { ends: at + 2000 }, { ends: at + 1000 }])).toEqual([3, 2, 1, 0]);
    expect(await served([{}, { ends: at - 1 }, {}])).toEqual([1, 0, 2]);
  });

  it('are now and then for new ones, however many renew', async () => {
    const turns = [{}, {}, ...Array.from({ length: 20 }, (_, index) => ({ ends: at + 1000 + index }))];
    const order = await served(turns);
    expect(order.indexOf(0)).toBe(3);
    expect(order.indexOf(1)).toBe(7);
  });

  test('any of them: each is served once, a new one never before all renewals of three turns, and no host starves another', async () => {
    const turn = fc.record({
      ends: fc.option(
        fc.integer({ min: 1, max: 10_000 }).map((ms) => at + ms),
        { nil: undefined },
      ),
      host: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 60 }), async (turns) => {
        const order = await served(turns);
        expect(order.toSorted((a, b) => a - b)).toEqual(turns.map((_, index) => index));
        const isLive = (index: number): boolean => turns[index]?.ends !== undefined;
        for (const [place, index] of order.entries()) {
          const left = order.slice(place + 1).some(isLive);
          if (!isLive(index) && left) expect(order.slice(Math.max(0, place - 3), place).every(isLive)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
    const flood = Array.from({ length: 500 }, () => ({ ends: at + 1000, host: 'flood' }));
    const order = await served([...flood, { ends: at + 5000, host: 'other' }]);
    expect(order.indexOf(500)).toBeLessThanOrEqual(16);
  });

  it('are refused to new ones first if too many wait, and to whoever waited for too long', async () => {
    const clock = createFakeClock();
    const queue = createSigningTurns({ clock, parallel: 1, mostWaiting: 2, mostWaitMs: 1000 });
    void queue.take({}, () => new Promise(() => undefined));
    const [early, late] = [queue.take({}, async () => 1), queue.take({}, async () => 2)];
    const renewal = queue.take({ ends: clock.now() + 9000 }, async () => 3);
    await expect(late).rejects.toMatchObject({ code: 'unavailable' });
    await expect(queue.take({}, async () => 4)).rejects.toThrow('too many wait');
    clock.advance(1000);
    await expect(early).rejects.toThrow('took too long');
    await expect(renewal).rejects.toThrow('took too long');
    expect(queue.waiting()).toBe(0);
  });

  it('go on after work that failed, and nobody waits where nothing is busy', async () => {
    const queue = createSigningTurns({ clock: createFakeClock(), parallel: 1 });
    const failed = queue.take({}, async () => {
      throw new Error('no');
    });
    const next = queue.take({}, async (waited) => waited);
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBe(true);
    await expect(queue.take({}, async (waited) => waited)).resolves.toBe(false);
  });
});

describe('200 SVIDs that live for a minute, and 1,000 new ones at once, at an authority that signs 25 a second', () => {
  async function storm(turns: (clock: FakeClock) => SigningTurns): Promise<{ ended: number; joined: number }> {
    const clock = createFakeClock();
    const trustDomain = domainOf('td1');
    const world = await createIdentityHarness({ clock });
    const { signer, bundle } = world.authority;
    const atAuthority = slow(clock, 40);
    const issuer = createIssuer({
      signer: { sign: (request) => atAuthority(() => signer.sign(request)) },
      ...{ bundle, trustDomain, clock, log: silentLog, table: createMemoryTable(), turns: turns(clock) },
      policy: () => ({ lifetimeMs: 60_000, dnsNames: [] }),
    });
    const rotator = createRotator({ issuer, clock, log: silentLog, onChange: () => {} });
    const id = idOf('spiffe://td1/service/api');
    const nodes = Array.from({ length: 200 }, (_, index) => `node-${index}`);
    const run = async (seconds: number, look: () => void): Promise<void> => {
      for (let step = 0; step < seconds * 25; step++) {
        clock.advance(40);
        await settled();
        look();
      }
    };
    for (const node of nodes) rotator.ensure(node, id).catch(() => undefined);
    await run(9, () => undefined);
    await run(17, () => undefined);
    const [ended, joined] = [new Set<string>(), new Set<number>()];
    // Whoever is refused asks again, as helpers do.
    const join = (index: number): void => {
      issuer.issue(idOf(`spiffe://td1/service/new-${index}`)).then(
        () => joined.add(index),
        () => void clock.after(2000, () => join(index)),
      );
    };
    for (let index = 0; index < 1000; index++) join(index);
    await run(100, () => {
      for (const node of nodes) if ((rotator.current(node)?.notAfter.getTime() ?? 0) <= clock.now()) ended.add(node);
    });
    rotator.close();
    await world.close();
    return { ended: ended.size, joined: joined.size };
  }

  it('none of the 200 ends, and all new ones are served meanwhile', async () => {
    const { ended, joined } = await storm((clock) => createSigningTurns({ clock, parallel: 1 }));
    figure('renewals ended', ended);
    figure('joined', joined);
    expect(ended).toBe(0);
    expect(joined).toBe(1000);
  }, 60_000);

  it('control: in the order in which they asked, some end', async () => {
    const inOrder: SigningTurns = { take: (_, work) => work(false), waiting: () => 0 };
    expect((await storm(() => inOrder)).ended).toBeGreaterThan(0);
  }, 60_000);
});
