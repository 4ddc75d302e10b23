// The application behind the service's proxies, as their helpers see it. Pure.
import { defined } from '../lib/defined.ts';
import { formatHostPort, type IpPort } from '../lib/host-port.ts';
import type { Suspicion } from './cause.ts';
import type { Facts, ProxyFacts } from './facts.ts';

export function lookAtApplication({ service, call, traffic, answers }: Facts): readonly Suspicion[] {
  const connected = service.proxies.filter(({ state }) => state === 'connected');
  // Callers are sent to others while one answers somewhere.
  const others = connected.some((proxy) => proxy.takesCalls && proxy.applicationState?.answers !== false);
  const found = connected.flatMap((proxy) => lookAt(proxy, others));
  const { failedAt = 0, allowedAt = 0 } = traffic;
  // Of TCP nothing else is known.
  if (call.protocol === 'tcp' && failedAt > allowedAt && answers.length === 0) {
    found.push({ weight: 'seen', cause: { kind: 'connections-failed', at: failedAt } });
  }
  return found;
}

function lookAt({ node, application, applicationState }: ProxyFacts, others: boolean): Suspicion[] {
  if (applicationState === undefined) return [];
  const { answers, why, on = [], around } = applicationState;
  const at = { side: 'service', node } as const;
  const place = application === undefined ? 'its port' : placeText(application);
  const found: Suspicion[] = [];
  if (!answers) {
    const weight = others ? 'note' : 'breaks';
    found.push({
      weight,
      cause:
        on.length > 0
          ? { kind: 'application-elsewhere', ...at, at: place, on }
          : { kind: 'application-down', ...at, at: place, ...defined({ why }) },
    });
  }
  if (around.length > 0) {
    const port = application !== undefined && 'port' in application ? application.port : 0;
    const open = around.map((address) => formatHostPort({ address, port }));
    found.push({ weight: 'note', cause: { kind: 'application-around', ...at, at: open } });
  }
  return found;
}

export function placeText(application: IpPort | { readonly path: string }): string {
  return 'path' in application ? application.path : formatHostPort(application);
}
