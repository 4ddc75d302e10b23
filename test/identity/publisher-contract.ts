// What every publisher holds, wherever it publishes. A new one runs this suite with a case of its own.
import { X509Certificate } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Publisher } from '../../src/identity/publisher/publisher.ts';
import type { TrustBundle } from '../../src/identity/trust-bundle.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { eventually } from '../support/eventually.ts';
import { bundleOf } from '../support/trust-bundles.ts';

export interface PublisherCase {
  /** Another one for the same place, as after a restart. */
  create(): Publisher;
  /** What consumers get there: PEM of the roots; undefined where there is nothing. */
  fetch(): Promise<string | undefined>;
  /** Changes with every write, however small. */
  version(): Promise<unknown>;
  /** Somebody else puts something in its place. */
  spoil(): Promise<void>;
  remove(): Promise<void>;
  /** Nothing there can be reached, until it is called with `true`. */
  reachable(yes: boolean): Promise<void>;
  close(): Promise<void>;
}

/** `setUp` makes a new place, with nothing in it, at each call. */
export function publisherContract(name: string, setUp: () => Promise<PublisherCase>): void {
  const { signal } = new AbortController();

  async function start(): Promise<PublisherCase & { readonly publisher: Publisher }> {
    const place = await setUp();
    onTestFinished(place.close);
    return { ...place, publisher: place.create() };
  }
  /** As whoever keeps it published does: it waits for what is on its way. */
  const confirmed = (publisher: Publisher, bundle: TrustBundle) =>
    eventually('it is confirmed', async () => {
      const found = await publisher.confirm(bundle, signal);
      if (found.kind !== 'confirmed' && found.kind !== 'pending') throw new Error(JSON.stringify(found));
      return found.kind === 'confirmed';
    });
  const publish = async (publisher: Publisher, bundle: TrustBundle): Promise<void> => {
    await publisher.publish(bundle, signal);
    await confirmed(publisher, bundle);
  };
  const rootsOf = (pem: string | undefined): readonly string[] =>
    fromPem(pem ?? '', 'CERTIFICATE').map((der) => new X509Certificate(der).toString());

  describe(`the publisher ${name}`, () => {
    it('finds nothing where nothing was published, and does not make it by looking', async () => {
      const { publisher, fetch, create } = await start();
      expect(await publisher.confirm(await bundleOf(1, 'a'), signal)).toEqual({ kind: 'missing' });
      expect(await create().confirm(await bundleOf(1, 'a'), signal)).toEqual({ kind: 'missing' });
      expect(await fetch()).toBeUndefined();
    });

    it('publishes every root, and no more', async () => {
      const { publisher, fetch } = await start();
      const bundle = await bundleOf(1, 'a', 'b', 'c');
      await publish(publisher, bundle);
      expect(rootsOf(await fetch())).toEqual(bundle.roots.map((pem) => new X509Certificate(pem).toString()));
    });

    it('publishes again without writing, also as another process', async () => {
      const { publisher, create, version } = await start();
      const bundle = await bundleOf(1, 'a');
      await publish(publisher, bundle);
      const before = await version();
      await publisher.publish(bundle, signal);
      await create().publish(bundle, signal);
      expect(await version()).toEqual(before);
    });

    it('takes a later bundle, and then holds the earlier one for none', async () => {
      const { publisher, fetch } = await start();
      const [one, two, three] = [await bundleOf(1, 'a'), await bundleOf(2, 'a', 'b'), await bundleOf(3, 'b')];
      await publish(publisher, one);
      await publish(publisher, two);
      expect((await publisher.confirm(one, signal)).kind).not.toBe('confirmed');
      await publish(publisher, three);
      expect(rootsOf(await fetch())).toHaveLength(1);
      expect((await publisher.confirm(two, signal)).kind).not.toBe('confirmed');
    });

    it('does not confirm the same roots under another sequence', async () => {
      const { publisher } = await start();
      await publish(publisher, await bundleOf(1, 'a'));
      expect((await publisher.confirm(await bundleOf(2, 'a'), signal)).kind).not.toBe('confirmed');
    });

    it('reads what is there, not what it remembers: what somebody else did is found, and put right', async () => {
      const { publisher, create, spoil, remove, fetch } = await start();
      const bundle = await bundleOf(1, 'a');
      await publish(publisher, bundle);
      await spoil();
      const found = await publisher.confirm(bundle, signal);
      expect(found).toMatchObject({ kind: 'different', why: expect.stringMatching(/./) });
      await publish(publisher, bundle);
      await confirmed(create(), bundle);
      await remove();
      expect(await publisher.confirm(bundle, signal)).toEqual({ kind: 'missing' });
      await publish(publisher, bundle);
      expect(rootsOf(await fetch())).toHaveLength(1);
    });

    it('several at once leave one bundle, whole', async () => {
      const { create, fetch } = await start();
      const bundle = await bundleOf(1, 'a', 'b');
      await Promise.all(Array.from({ length: 8 }, () => create().publish(bundle, signal)));
      await confirmed(create(), bundle);
      expect(rootsOf(await fetch())).toHaveLength(2);
    });

    it('says in words why a place cannot be had, and goes on once it can', async () => {
      const { publisher, reachable, fetch } = await start();
      const [one, two] = [await bundleOf(1, 'a'), await bundleOf(2, 'a', 'b')];
      await publish(publisher, one);
      await reachable(false);
      for (const attempt of [publisher.publish, publisher.confirm]) {
        const reason: unknown = await attempt(two, signal).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(reason).toBeInstanceOf(CellwallError);
        expect(CellwallError.from(reason).hint).toMatch(/./);
      }
      await reachable(true);
      expect(rootsOf(await fetch())).toHaveLength(1);
      await publish(publisher, two);
    });

    it('does nothing once it is told to stop', async () => {
      const { publisher, fetch } = await start();
      const stopped = AbortSignal.abort();
      const bundle = await bundleOf(1, 'a');
      await expect(publisher.publish(bundle, stopped)).rejects.toThrow();
      expect(await fetch()).toBeUndefined();
      await publish(publisher, bundle);
      await expect(publisher.confirm(bundle, stopped)).rejects.toThrow();
    });
  });
}
