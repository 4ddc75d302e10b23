// What is known of endpoints and of what applications answer, and what that says about making a service strict.
import { type CutOver, type CutOverDeps, createCutOver } from '../cutover/cut-over.ts';
import type { EndpointWatch } from '../cutover/endpoint-watch.ts';
import { createProbeApplication } from '../cutover/probe-application.ts';
import { type EndpointsDeps, watchEndpoints } from './endpoints.ts';

export type OpenCutOverDeps = EndpointsDeps & Omit<CutOverDeps, 'endpoints' | 'probe'>;

export function openCutOver(deps: OpenCutOverDeps): { readonly endpoints: EndpointWatch; readonly cutOver: CutOver } {
  const endpoints = watchEndpoints(deps);
  return { endpoints, cutOver: createCutOver({ ...deps, endpoints, probe: createProbeApplication() }) };
}
