// What is known of endpoints and of what applications answer, and what that says about making a service strict.
import { type ApplicationWatch, createApplicationWatch } from '../cutover/application-watch.ts';
import { type CutOver, type CutOverDeps, createCutOver } from '../cutover/cut-over.ts';
import type { EndpointWatch } from '../cutover/endpoint-watch.ts';
import { createProbeApplication } from '../cutover/probe-application.ts';
import type { Registry } from '../registry/registry.ts';
import { type EndpointsDeps, watchEndpoints } from './endpoints.ts';

export interface OpenCutOverDeps extends EndpointsDeps, Omit<CutOverDeps, 'endpoints' | 'probe' | 'clock' | 'proxies'> {
  readonly everywhere: CutOverDeps['proxies'];
  readonly registry: Pick<Registry, 'proxies'>;
}

export interface OpenedCutOver {
  readonly endpoints: EndpointWatch;
  readonly applications: Pick<ApplicationWatch, 'seen'>;
  readonly cutOver: CutOver;
}

/** Its probes stop with `lifecycle`. */
export function openCutOver({ everywhere, registry, ...deps }: OpenCutOverDeps): OpenedCutOver {
  const { control, clock, log, lifecycle } = deps;
  const endpoints = watchEndpoints(deps);
  const { proxies } = registry;
  const probe = createProbeApplication();
  const applications = createApplicationWatch({ proxies, mesh: control.mesh, probe, clock, log });
  lifecycle.defer('application watch', async () => applications.stop());
  const cutOver = createCutOver({ ...deps, proxies: everywhere, endpoints, probe: applications.look });
  return { endpoints, applications, cutOver };
}
