// A registry whose proxies include what their helpers report about their applications.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { defaultPort } from '../lib/port-name.ts';
import { type ApplicationState, createApplicationHealth } from './application-health.ts';
import { isEndpoint, type RegisteredProxy } from './registered-proxy.ts';
import type { Registry, RegistryDeps } from './registry.ts';
import type { SharedApplications } from './share-applications.ts';

export interface RegistryWithApplications extends Registry {
  /** Throws for a run other than the known one, and if the name belongs to another host. */
  application(node: string, report: ApplicationsTold, holder?: string): void;
}

export interface ApplicationsTold {
  readonly run: string;
  /** By the port of the service. */
  readonly applications: ReadonlyMap<string, ApplicationState>;
}

export interface WithApplicationDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: RegistryDeps['onChange'];
  /** Absent: nobody shares the registry. */
  readonly shared?: SharedApplications;
}

/** `onChange` is also called when an application goes down or comes up. */
export function withApplication(
  registry: Registry,
  { clock, log, onChange, shared }: WithApplicationDeps,
): RegistryWithApplications {
  const health = createApplicationHealth(clock, ({ node, port }) => {
    const proxy = registry.get(node);
    if (proxy === undefined) return;
    const state = health.of({ node, port }, proxy.run);
    if (state !== undefined && proxy.run !== undefined) shared?.tell({ node, run: proxy.run, port, state });
    const { answers } = state ?? { answers: true };
    log.info(
      { node, ...(port === defaultPort ? {} : { port }), answers },
      answers ? 'its application answers' : 'its application does not answer',
    );
    onChange({ node, endpoints: isEndpoint(proxy) });
  });
  /** What was made of a proxy, and of which states. */
  const made = new WeakMap<RegisteredProxy, { readonly of: readonly unknown[]; readonly proxy: RegisteredProxy }>();
  /** The same object while nothing has changed. */
  const withState = (proxy: RegisteredProxy): RegisteredProxy => {
    const { node, run, ports } = proxy;
    const own = health.of({ node, port: defaultPort }, run);
    const named = ports?.map(({ name }) => health.of({ node, port: name }, run)) ?? [];
    if (own === undefined && !named.some((state) => state !== undefined)) return proxy;
    const of = [own, ...named];
    const there = made.get(proxy);
    if (there?.of.every((state, index) => state === of[index])) return there.proxy;
    const whole = {
      ...{ ...proxy, ...defined({ applicationState: own }) },
      ...defined({ ports: ports?.map((port, index) => ({ ...port, ...defined({ applicationState: named[index] }) })) }),
    };
    made.set(proxy, { of, proxy: whole });
    return whole;
  };
  shared?.listen(({ node, run, port, state }) => {
    if (!health.adopt({ node, port }, run, state)) return;
    const proxy = registry.get(node);
    if (proxy !== undefined) onChange({ node, endpoints: isEndpoint(proxy) });
  });
  return {
    ...registry,
    application(node, { run, applications }, holder) {
      registry.checkHolder(node, holder);
      if (registry.get(node)?.run !== run) {
        throw new CellwallError('unavailable', 'this proxy is not connected to this control plane');
      }
      health.keepOnly((known) => registry.get(known) !== undefined);
      for (const [port, state] of applications) health.report({ node, port }, run, state);
    },
    proxies: () => registry.proxies().map(withState),
    get(node) {
      const found = registry.get(node);
      return found === undefined ? undefined : withState(found);
    },
  };
}
