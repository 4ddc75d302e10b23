// What becomes of a CA backend that fails, or lies: the intermediate in use stays, nothing secret is said, and it goes on once the fault is
// over. Every remote one runs this suite beside the contract, with a way to have its other end misbehave.
import { generateKeyPairSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCaFolder } from '../../src/identity/ca/ca-folder.ts';
import { createLocalSigner, type LocalSigner } from '../../src/identity/signer/local-signer.ts';
import type { UpstreamAuthority } from '../../src/identity/upstream-authority.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import type { TrustDomain } from '../../src/model/spiffe-id.ts';
import { domainOf, idOf } from '../support/identity-harness.ts';

export const faults = {
  down: 'says that it cannot now',
  refusing: 'refuses the credentials',
  silent: 'never answers',
  'hanging-up': 'ends the connection',
  nonsense: 'answers nonsense',
  'wrong-key': 'certifies another key',
  'wrong-trust-domain': 'certifies a CA of another trust domain',
  'wrong-root': 'certifies by a root that it does not name',
  ended: 'certifies what has ended, as with a clock that is behind',
  'not-yet': 'certifies what begins tomorrow, as with a clock that is ahead',
  leaf: 'certifies what may sign nothing',
} as const;
export type Fault = keyof typeof faults;

export interface FaultyAuthority {
  open(dir: string, trustDomain: TrustDomain): Promise<UpstreamAuthority>;
  /** Undefined: it does what it should again. */
  fault(kind: Fault | undefined): void | Promise<void>;
  /** Those that its other end can have. Default: all. */
  readonly kinds?: readonly Fault[];
  /** What must never be said. */
  readonly secrets: readonly string[];
}

export function authorityFaults(name: string, options: FaultyAuthority): void {
  const { open, fault, secrets, kinds = Object.keys(faults).filter((kind): kind is Fault => kind in faults) } = options;
  const trustDomain = domainOf('td1');
  describe(`the CA ${name}, when its other end`, () => {
    const dir = temporaryFolder('faults');
    let authority: UpstreamAuthority;
    let signer: LocalSigner;
    beforeAll(async () => {
      authority = await open(dir, trustDomain);
      signer = await createLocalSigner({
        ...{ upstream: authority, storage: createCaFolder(`${dir}/signer`), trustDomain },
        ...{ clock: systemClock, log: silentLog, mintTimeoutMs: 5000 },
      });
    });
    afterAll(async () => {
      signer.close();
      await authority.close();
      rmSync(dir, { recursive: true, force: true });
    });
    const leaf = async () => {
      const now = Date.now();
      await signer.sign({
        ...{ spiffeId: idOf('spiffe://td1/service/api'), dnsNames: [] },
        publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
        ...{ notBefore: new Date(now), notAfter: new Date(now + 60_000) },
      });
      return signer.issuer().chain;
    };

    it.each(kinds.map((kind) => [faults[kind], kind] as const))(
      '%s',
      async (_, kind) => {
        const [before, roots] = [await leaf(), authority.roots().value()];
        await fault(kind);
        const failed = CellwallError.from(
          await signer.rotate().then(
            () => new Error('it was taken'),
            (thrown) => thrown,
          ),
        );
        expect(failed.message).not.toContain('it was taken');
        expect(['unavailable', 'failed_precondition', 'deadline_exceeded', 'invalid_argument']).toContain(failed.code);
        for (const secret of secrets)
          expect(`${failed} ${failed.hint} ${JSON.stringify(failed)}`).not.toContain(secret);
        expect(await leaf()).toBe(before);
        expect(authority.roots().value()).toBe(roots);
        await fault(undefined);
        await signer.rotate();
        expect(await leaf()).not.toBe(before);
      },
      60_000,
    );
  });
}
