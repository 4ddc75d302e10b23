// Keys at home: the helper beside an Envoy makes its key, and the control plane never has it. Each with a control whose keys are pushed.
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type HomeWall, startHomeWall } from '../support/home-wall.ts';

const lifetimeMs = qualifying ? 8000 : 3000;
const renewals = qualifying ? 20 : 2;
let world: HomeWall | undefined;

afterEach(() => world?.stop());

/** Of workloads, on record. */
async function issued({ plane }: HomeWall) {
  const { certificates } = await plane.admin.certificates({ ended: 'yes' });
  return certificates.filter(({ purpose }) => purpose === 'svid-fetched' || purpose === 'svid-pushed');
}

describe('traffic through renewals', () => {
  it.each(['local', 'pushed'] as const)(
    '%s: no call fails',
    { timeout: 600_000 + renewals * lifetimeMs },
    async (secrets) => {
      const here = await startHomeWall({ secrets, lifetimeMs });
      world = here;
      const kind = secrets === 'local' ? 'svid-fetched' : 'svid-pushed';
      const own = async () =>
        (await issued(here)).filter((one) => one.purpose === kind && one.spiffeId.endsWith('/web'));
      const failed = here.calls.failed();
      const first = (await own()).length;
      const limit = 30_000 + renewals * lifetimeMs;
      await eventually('renewals', async () => ((await own()).length >= first + renewals ? true : undefined), limit);
      const { proxies } = await here.plane.admin.proxies();
      expect(proxies.map(({ keys }) => keys)).toEqual(proxies.map(() => (secrets === 'local' ? 'local' : undefined)));
      const pushed = (await issued(here)).filter(({ purpose }) => purpose === 'svid-pushed');
      if (secrets === 'local') expect(pushed).toEqual([]);
      else expect(pushed.length).toBeGreaterThan(0);
      expect(here.calls.failed()).toBe(failed);
      figure(`${secrets}Calls`, here.calls.fine());
    },
  );
});
