// A rotation whose process ends between any two writes goes on in the next one: nobody's certificate is without a root meanwhile, and the
// old key is gone at the end.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtIn } from '../../../src/identity/ca/built-in.ts';
import { createCaFolder } from '../../../src/identity/ca/ca-folder.ts';
import type { CaStorage } from '../../../src/identity/ca/ca-storage.ts';
import { createRootRotation, type RootRotation } from '../../../src/identity/roots/rotate-root.ts';
import { createLocalSigner, type LocalSigner } from '../../../src/identity/signer/local-signer.ts';
import { createTrustBundle } from '../../../src/identity/trust-bundle.ts';
import type { UpstreamAuthority } from '../../../src/identity/upstream-authority.ts';
import { makeKeyPair } from '../../../src/identity/x509/key-pair.ts';
import { verifySvid } from '../../../src/identity/x509/verify-svid.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { temporaryFolder } from '../../../src/lib/temporary-folder.ts';
import { eventually } from '../../support/eventually.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { domainOf, idOf } from '../../support/identity-harness.ts';

const trustDomain = domainOf('td1');
const clock = createFakeClock();
let dir: string;
beforeEach(() => {
  dir = join(temporaryFolder('sudden'), 'ca');
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

interface Life {
  readonly authority: UpstreamAuthority;
  readonly signer: LocalSigner;
  readonly rotation: RootRotation;
  readonly writes: () => number;
  end(): void;
}

/** Nothing that it wants to write after `most` writes is written any more. */
async function live(most: number): Promise<Life> {
  let writes = 0;
  const folder = createCaFolder(dir);
  const write = async <T>(what: () => Promise<T>): Promise<T> => {
    if (writes >= most) throw new Error('the process has ended');
    writes += 1;
    return what();
  };
  const storage: CaStorage = {
    ...folder,
    add: (...given) => write(() => folder.add(...given)),
    remove: (...given) => write(() => folder.remove(...given)),
    changeNote: (...given) => write(() => folder.changeNote(...given)),
  };
  const common = { trustDomain, clock, log: silentLog };
  const authority = await builtIn.create({ storage, options: {}, ...common });
  const signer = await createLocalSigner({ upstream: authority, storage, ...common });
  const roots = authority.replaceable;
  if (roots === undefined) throw new Error('the root of the built-in CA can be replaced');
  const rotation = createRootRotation({
    roots,
    holdUps: async () => ({ holdUps: [], sequence: 0 }),
    renew() {},
    clock,
    log: silentLog,
  });
  return {
    ...{ authority, signer, rotation, writes: () => writes },
    end() {
      rotation.close();
      signer.close();
      void authority.close();
    },
  };
}

/** A leaf of its signer is one of its roots that stay. */
async function signs({ authority, signer }: Life): Promise<void> {
  const now = clock.now();
  const { chain } = await signer.sign({
    ...{ spiffeId: idOf('spiffe://td1/a'), dnsNames: [], publicKey: makeKeyPair().spki },
    ...{ notBefore: new Date(now - 60_000), notAfter: new Date(now + 60_000) },
  });
  const leaving = authority.retiring?.().value() ?? [];
  const roots = authority
    .roots()
    .value()
    .filter((root) => !leaving.includes(root));
  const { roots: staying } = createTrustBundle({ trustDomain, sequence: 1, roots });
  verifySvid({ chain, bundle: staying.join(''), trustDomain, now });
}

const isOver = ({ rotation }: Life): boolean => rotation.record().last !== undefined;

it('goes on after an end between any two writes', async () => {
  let most = 0;
  for (let isWhole = false; !isWhole; most += 1) {
    rmSync(dir, { recursive: true, force: true });
    const first = await live(Number.POSITIVE_INFINITY);
    const [old] = first.authority.roots().value();
    first.end();
    const second = await live(most).catch(() => undefined);
    if (second !== undefined) {
      await second.rotation.begin({ by: 'ann', quietMs: 0 }).catch(() => {});
      await eventually('it ends, or cannot write', async () => isOver(second) || second.writes() >= most || undefined);
      isWhole = isOver(second);
      second.end();
    }
    const third = await live(Number.POSITIVE_INFINITY);
    await signs(third);
    if (third.rotation.record().rotation === undefined && !isOver(third)) {
      // It ended before the command was kept: then the root is what it was.
      expect(third.authority.roots().value()).toEqual([old]);
      await third.rotation.begin({ by: 'ann', quietMs: 0 });
    }
    await eventually('the rotation ends', async () => isOver(third) || undefined);
    await signs(third);
    expect(third.rotation.record().last?.outcome).toBe('rotated');
    expect(third.authority.roots().value()).toHaveLength(1);
    expect(third.authority.roots().value()).not.toContain(old);
    expect(existsSync(join(dir, 'root'))).toBe(false);
    third.end();
  }
  // Of several phases, each with a write at least.
  expect(most).toBeGreaterThan(6);
});
