// New certificates now, for proxies whose streams are here: what is pushed is made and sent; a helper that keeps its proxy's key is told to
// ask for one.
import type { Control } from '../control/control.ts';
import type { Rotator } from '../identity/rotator.ts';
import type { IdentityApi } from '../identity-api/identity-api.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { Registry } from '../registry/registry.ts';

export interface RotateProxiesDeps {
  readonly registry: Pick<Registry, 'get'>;
  readonly control: Pick<Control, 'proxies'>;
  readonly rotator: Pick<Rotator, 'rotate'>;
  readonly api: Pick<IdentityApi, 'renew'>;
}

/** Of one identity, or all. Resolves with how many were made, or asked for: a helper that is not listening is told as soon as it is. */
export function createRotateProxies({ registry, control, rotator, api }: RotateProxiesDeps) {
  return async (spiffeId?: SpiffeId): Promise<number> => {
    const own = control.proxies().filter(({ replica }) => replica === undefined);
    const proxies = own.filter((proxy) => spiffeId === undefined || proxy.spiffeId === spiffeId);
    const rotated = await Promise.all(
      proxies.map(async ({ node, keys }) => {
        if (keys === undefined) return (await rotator.rotate(node)) !== undefined;
        const holder = registry.get(node)?.holder;
        return holder !== undefined && api.renew(holder);
      }),
    );
    return rotated.filter(Boolean).length;
  };
}
