// SPIRE replaces its X.509 authority as its operators do: prepare, activate, taint, revoke; each step once everybody here has followed.
import type { X509Certificate } from 'node:crypto';
import type { RunningEnvoy } from '../../../support/start-envoy.ts';
import type { Context } from '../../item.ts';
import type { CheckoutWall } from '../../support/checkout-wall.ts';
import { until } from '../../support/until.ts';
import { rootsOf, type Spire } from './spire.ts';

export interface SpireRotation {
  /** One root is left, and it is another one. */
  readonly replaced: boolean;
  /** From SPIRE's new root until it was in force here. */
  readonly newRootMs: number;
  /** From the end of SPIRE's old root until it was trusted no more here. */
  readonly oldRootGoneMs: number;
}

export interface Sides {
  readonly spire: Spire;
  readonly wall: CheckoutWall;
  /** Beside its workload. */
  readonly envoy: RunningEnvoy;
}

export async function rotateSpire({ progress }: Context, { spire, wall, envoy }: Sides): Promise<SpireRotation> {
  const roots = async () => rootsOf(await spire.bundle());
  const [before] = await roots();
  const here = (count: number): Promise<number> => {
    const started = performance.now();
    return until(`${count} roots of SPIRE are in force here`, 60_000, async () => {
      const found = (await wall.admin.status()).foreignBundles?.[0];
      return found?.roots === count ? Math.round(performance.now() - started) : undefined;
    });
  };
  const step = (...args: readonly string[]): Promise<string> => spire.server('localauthority', 'x509', ...args);
  await step('prepare');
  const newRootMs = await here(2);
  progress(`SPIRE's new root is in force here after ${newRootMs} ms`);
  const { prepared, active } = await spire.authorities();
  await step('activate', '-authorityID', prepared?.authority_id ?? '');
  await step('taint', '-authorityID', active?.authority_id ?? '');
  const next = (await roots()).filter((one) => !same(one, before));
  await until("SPIRE's Envoy has certificates of the new authority", 120_000, async () => {
    const svids = await spire.svids();
    const inUse = (await (await fetch(`${envoy.admin}/certs`)).text()).toLowerCase();
    const moved = svids.every(
      (svid) => next.some(({ publicKey }) => svid.verify(publicKey)) && inUse.includes(svid.serialNumber.toLowerCase()),
    );
    return svids.length > 0 && moved ? true : undefined;
  });
  progress("SPIRE's Envoy has certificates of the new authority");
  await step('revoke', '-authorityID', active?.authority_id ?? '');
  const oldRootGoneMs = await here(1);
  const after = await roots();
  return { replaced: after.length === 1 && !same(after[0], before), newRootMs, oldRootGoneMs };
}

function same(one: X509Certificate | undefined, other: X509Certificate | undefined): boolean {
  return one?.fingerprint256 === other?.fingerprint256;
}
