// A registry whose proxies include what their helpers report about ports on which they cannot listen. Only `status` reads it.
import { CellwallError } from '../lib/errors.ts';
import type { TakenPort } from '../lib/taken-port.ts';
import type { RegisteredProxy } from './registered-proxy.ts';
import type { Registry } from './registry.ts';

export interface PortsTold {
  readonly run: string;
  readonly taken: readonly TakenPort[];
}

/** What is reported about an earlier run does not count. */
export function withTakenPorts<T extends Registry>(
  registry: T,
): T & {
  /** Throws for a run other than the known one, and if the name belongs to another host. */
  takenPorts(node: string, told: PortsTold, holder?: string): void;
} {
  const known = new Map<string, PortsTold>();
  const withPorts = (proxy: RegisteredProxy): RegisteredProxy => {
    const told = known.get(proxy.node);
    return told === undefined || told.run !== proxy.run ? proxy : { ...proxy, takenPorts: told.taken };
  };
  return {
    ...registry,
    takenPorts(node, { run, taken }, holder) {
      registry.checkHolder(node, holder);
      if (registry.get(node)?.run !== run) {
        throw new CellwallError('unavailable', 'this proxy is not connected to this control plane');
      }
      for (const other of known.keys()) if (registry.get(other) === undefined) known.delete(other);
      if (taken.length === 0) known.delete(node);
      else known.set(node, { run, taken });
    },
    proxies: () => registry.proxies().map(withPorts),
    get(node) {
      const found = registry.get(node);
      return found === undefined ? undefined : withPorts(found);
    },
  };
}
