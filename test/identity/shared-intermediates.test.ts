// Signers of several control planes on one store: one renews the intermediates, and all sign with the same one.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { builtIn } from '../../src/identity/ca/built-in.ts';
import { createCaVault } from '../../src/identity/ca/ca-vault.ts';
import { createLocalSigner, type LocalSigner } from '../../src/identity/signer/local-signer.ts';
import { fromPem } from '../../src/identity/x509/pem.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { deriveKey } from '../../src/lib/seal.ts';
import { createCaTurn } from '../../src/serve/ca-turn.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';

const day = 86_400_000;
const trustDomain = domainOf('td1');
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('one of them requests a successor, whoever of them is there', async () => {
  const clock = createFakeClock(Date.now());
  const table = createMemoryTable(clock);
  const encryption = [{ id: 'a', key: deriveKey(new Redacted('a'), 'test') }];
  let requested = 0;
  const start = async (): Promise<{ readonly signer: LocalSigner; readonly end: () => Promise<void> }> => {
    const turn = createCaTurn(table, clock, silentLog);
    const storage = createCaVault({ table, secret: () => ({ encryption }), turn });
    const upstream = await builtIn.create({ storage, trustDomain, options: {}, clock, log: silentLog });
    const mintIntermediate: typeof upstream.mintIntermediate = (request) => {
      requested += 1;
      return upstream.mintIntermediate(request);
    };
    const deps = { upstream: { ...upstream, mintIntermediate }, storage, trustDomain, clock, log: silentLog };
    const signer = await createLocalSigner({ ...deps, lifetimeMs: 100 * day });
    let ended = false;
    const end = async (): Promise<void> => {
      if (ended) return;
      ended = true;
      signer.close();
      await turn.stop();
      await upstream.close();
    };
    closers.push(end);
    return { signer, end };
  };
  const issuerOf = async (signer: LocalSigner): Promise<string> => {
    const { chain } = await signer.sign({
      ...{ spiffeId: idOf('spiffe://td1/a'), dnsNames: [], notBefore: new Date(clock.now()) },
      ...{ notAfter: new Date(clock.now() + 60_000) },
      publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
    });
    return new X509Certificate(fromPem(chain, 'CERTIFICATE')[1] ?? Buffer.alloc(0)).serialNumber;
  };
  /** Days go by with what each does in them, leases included. */
  const days = async (count: number, signers: readonly LocalSigner[]): Promise<void> => {
    for (let one = 0; one < count; one += 1) {
      clock.advance(day);
      // Leases are renewed in between, as timers do it.
      for (let step = 0; step < 8; step += 1) {
        clock.advance(5000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(signers.map((signer) => signer.tend()));
    }
  };

  const first = await start();
  const others = [await start(), await start()];
  const all = [first, ...others].map(({ signer }) => signer);
  expect(requested).toBe(1);
  const before = await issuerOf(first.signer);
  for (const signer of all) expect(await issuerOf(signer)).toBe(before);

  await days(55, all);
  expect(requested).toBe(2);
  // It takes over at three quarters, everywhere.
  await days(25, all);
  const second = await issuerOf(first.signer);
  expect(second).not.toBe(before);
  for (const signer of all) expect(await issuerOf(signer)).toBe(second);

  // Whoever did it is gone: another one does.
  const [staying, ...ending] = [...others.reverse(), first].reverse();
  for (const { end } of ending) await end();
  if (staying === undefined) throw new Error('there are three');
  const so = requested;
  await days(35, [staying.signer]);
  expect(requested).toBe(so + 1);
});
