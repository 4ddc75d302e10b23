// A proxy's ports, as the admin API returns them, and whether it serves. Pure.
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import { defaultPort } from '../../lib/port-name.ts';

type Proxy = ProxiesAnswer['proxies'][number];
type Port = NonNullable<Proxy['ports']>[number];

/** What it says about `default` is in its own fields. */
export function proxyPorts({
  inbound,
  notRegistered,
  application,
  applicationState,
  ports = [],
}: Proxy): readonly Port[] {
  const own = { inbound, notRegistered, application, applicationState };
  return Object.values(own).every((part) => part === undefined) ? ports : [{ name: defaultPort, ...own }, ...ports];
}

/** `yes`, or why not; with several ports, perhaps only one has an application that is down. */
export function serves(proxy: Proxy): string {
  const all = proxyPorts(proxy);
  const down = all.filter(({ applicationState }) => applicationState?.answers === false);
  if (down.length > 0 && down.length === all.length) return 'no (application down)';
  if (!proxy.ready) return 'no';
  return down.length === 0 ? 'yes' : `yes, not ${down.map(({ name }) => name).join(', ')} (application down)`;
}

/** Whether callers of that port use this proxy. */
export function servesPort(proxy: Proxy, name: string): boolean {
  const port = proxyPorts(proxy).find((one) => one.name === name);
  if (port?.inbound === undefined || port.notRegistered !== undefined) return false;
  return proxy.ready && proxy.state === 'connected' && port.applicationState?.answers !== false;
}
