// What operators order for proxies whose streams are here. New certificates now: what is pushed is made and sent; a helper that keeps its
// proxy's key is told to ask for one. And what their Envoys log, which their helpers set.
import type { SetLogLevels } from '../admin/log-levels-everywhere.ts';
import type { Control } from '../control/control.ts';
import type { Rotator } from '../identity/rotator.ts';
import type { IdentityApi } from '../identity-api/identity-api.ts';
import { CellwallError } from '../lib/errors.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { Registry } from '../registry/registry.ts';

export interface ProxyOrdersDeps {
  readonly registry: Pick<Registry, 'get'>;
  readonly control: Pick<Control, 'proxies'>;
  readonly rotator: Pick<Rotator, 'rotate'>;
  readonly api: Pick<IdentityApi, 'renew' | 'setLogLevels'>;
}

export interface ProxyOrders {
  /** Of one identity, or all. Resolves with how many were made, or asked for: a helper that is not listening is told as soon as it is. */
  rotate(spiffeId?: SpiffeId): Promise<number>;
  readonly logLevels: SetLogLevels;
}

export function createProxyOrders(deps: ProxyOrdersDeps): ProxyOrders {
  return { rotate: rotateBy(deps), logLevels: setBy(deps) };
}

function setBy({ registry, api }: Pick<ProxyOrdersDeps, 'registry' | 'api'>): SetLogLevels {
  return async ({ node, levels, forMs }) => {
    const found = registry.get(node);
    if (found === undefined || found.replica !== undefined) return undefined;
    const { holder } = found;
    if (holder === undefined) {
      throw new CellwallError('failed_precondition', `${node} has no helper that could set its log levels`, {
        hint: "use Envoy's own admin interface on its host: POST /logging?level=debug",
      });
    }
    return api.setLogLevels(holder, { instance: node.slice(node.lastIndexOf('~') + 1), levels, forMs });
  };
}

function rotateBy({ registry, control, rotator, api }: ProxyOrdersDeps): ProxyOrders['rotate'] {
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
