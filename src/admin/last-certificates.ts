// The last certificate of each proxy that has none now: that it ended is what somebody must know of it, and when.
import type { Clock } from '../lib/clock.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { AdminDeps } from './deps.ts';

type Certificate = NonNullable<ProxyStatus['certificate']>;

/** The log is long: it is not read for every look at a mesh in which many are away. */
const keepMs = 5000;

/** A function that adds, to proxies without a certificate, the last one that they had, if that is on record. */
export function createLastCertificates(
  certificates: AdminDeps['certificates'],
  clock: Pick<Clock, 'monotonic'>,
): (proxies: readonly ProxyStatus[]) => Promise<readonly ProxyStatus[]> {
  let known: { readonly at: number; readonly last: Promise<ReadonlyMap<string, Certificate>> } | undefined;
  const read = async (): Promise<ReadonlyMap<string, Certificate>> => {
    const last = new Map<string, Certificate>();
    for (const { purpose, requester, node, serial, notAfter } of await certificates()) {
      const holder =
        purpose === 'svid-pushed' ? requester : purpose === 'svid-fetched' && node ? atHome(node) : undefined;
      if (holder === undefined) continue;
      if (notAfter > (last.get(holder)?.notAfter ?? 0)) last.set(holder, { serial, notAfter });
    }
    return last;
  };
  return async (proxies) => {
    if (proxies.every(({ certificate }) => certificate !== undefined)) return proxies;
    if (known === undefined || clock.monotonic() - known.at > keepMs) known = { at: clock.monotonic(), last: read() };
    // Without the log, as they are.
    const last = await known.last.catch(() => new Map<string, Certificate>());
    return proxies.map((proxy) => {
      const { node, keys } = proxy;
      const certificate =
        proxy.certificate ?? (keys === 'local' ? last.get(atHome(node)) : undefined) ?? last.get(node);
      return certificate === undefined ? proxy : { ...proxy, certificate };
    });
  };
}

/** Of one that keeps its own: that of its connection, until its helper has said which one it shows. */
function atHome(node: string): string {
  return `at home ${node}`;
}
