// The last certificate of each proxy that has none now: that it ended is what somebody must know of it, and when.
import type { Clock } from '../lib/clock.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { AdminDeps } from './deps.ts';

type Certificate = NonNullable<ProxyStatus['certificate']>;

/** The log is long: it is not read for every look at a mesh in which many are away. */
const keepMs = 5000;

/** A function that adds, to proxies without a certificate, the last one that was sent to them, if that is on record. */
export function createLastCertificates(
  certificates: AdminDeps['certificates'],
  clock: Pick<Clock, 'monotonic'>,
): (proxies: readonly ProxyStatus[]) => Promise<readonly ProxyStatus[]> {
  let known: { readonly at: number; readonly last: Promise<ReadonlyMap<string, Certificate>> } | undefined;
  const read = async (): Promise<ReadonlyMap<string, Certificate>> => {
    const last = new Map<string, Certificate>();
    for (const { purpose, requester, serial, notAfter } of await certificates()) {
      if (purpose !== 'svid-pushed' || requester === undefined) continue;
      if (notAfter > (last.get(requester)?.notAfter ?? 0)) last.set(requester, { serial, notAfter });
    }
    return last;
  };
  return async (proxies) => {
    if (proxies.every(({ certificate }) => certificate !== undefined)) return proxies;
    if (known === undefined || clock.monotonic() - known.at > keepMs) known = { at: clock.monotonic(), last: read() };
    // Without the log, as they are.
    const last = await known.last.catch(() => new Map<string, Certificate>());
    return proxies.map((proxy) => {
      const certificate = proxy.certificate ?? last.get(proxy.node);
      return certificate === undefined ? proxy : { ...proxy, certificate };
    });
  };
}
