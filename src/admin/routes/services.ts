// The services, and how far each is on the way to strict: what the gate would object to now.

import { type CutOverReason, refuses } from '../../cutover/cut-over-reason.ts';
import { cutOverWindow } from '../../cutover/cut-over-window.ts';
import type { SeenEndpoint } from '../../cutover/endpoint-watch.ts';
import { endpointWords } from '../../cutover/endpoint-words.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { defaultPort } from '../../lib/port-name.ts';
import type { MeshIr, ServiceIr } from '../../policy/ir.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import { ok, type Route, route } from '../route.ts';
import { type ServicesAnswer, servicesSchema } from '../wire-services.ts';

/** For each service; the gate shows all of them when asked. */
const maxReasons = 100;

export function serviceRoutes({ store, cutOver, endpoints }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/services',
      access: 'viewer',
      summary: 'Every service, its mTLS mode, and the reasons against making it strict now.',
      answer: servicesSchema,
      async handle() {
        const { revision, documents, mesh } = inForceOrNothing(store);
        if (mesh === undefined) return ok({ revision, services: [] });
        const windowMs = cutOverWindow(documents);
        const reasons = await judge(cutOver, mesh, windowMs);
        const services = [...mesh.services.values()].map((service) => {
          const { key, spiffeId, external, mtls, source, ports } = service;
          const own = reasons?.filter((reason) => reason.service === key);
          return {
            service: key,
            spiffeId,
            ...defined({ external }),
            mtls: mtls.mode,
            source,
            ...(ports.length === 1 && ports[0]?.port === defaultPort
              ? {}
              : { ports: ports.map(({ port, protocol }) => ({ name: port, protocol })) }),
            ...endpointsOf(service, endpoints?.(service) ?? []),
            ...(mtls.mode === 'strict' || own === undefined
              ? {}
              : { cutOver: { ready: !own.some(refuses), windowMs, reasons: own.slice(0, maxReasons) } }),
          };
        });
        return ok({ revision, services });
      },
    }),
  ];
}

const order = ['open', 'unknown', 'fine'] as const;

/** Absent for a service whose endpoints are its sidecars. */
function endpointsOf(
  { mtls: { mode } }: ServiceIr,
  seen: readonly SeenEndpoint[],
): Pick<ServicesAnswer['services'][number], 'endpoints' | 'endpointCounts'> {
  if (seen.length === 0) return {};
  const endpoints = seen.map(({ answer, never, ...place }) => {
    if (answer !== undefined) {
      const { what, toDo, [mode]: state } = endpointWords[answer];
      return { ...place, answer, state, what, toDo };
    }
    const what = never === undefined ? 'not looked at yet' : `never looked at: the address ${never}`;
    return { ...place, state: 'unknown' as const, what, toDo: never === undefined ? '-' : 'name the host itself' };
  });
  return {
    endpoints: endpoints.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state)).slice(0, maxReasons),
    endpointCounts: { fine: endpoints.filter(({ state }) => state === 'fine').length, all: endpoints.length },
  };
}

/** Undefined while the control plane starts. */
async function judge(
  cutOver: AdminDeps['cutOver'],
  mesh: MeshIr,
  windowMs: number,
): Promise<readonly CutOverReason[] | undefined> {
  const mtls = { mode: 'strict' } as const;
  const strict = (service: ServiceIr): ServiceIr => {
    return { ...service, mtls, ports: service.ports.map((port) => ({ ...port, mtls })) };
  };
  const after = { ...mesh, services: new Map([...mesh.services].map(([key, service]) => [key, strict(service)])) };
  try {
    return await cutOver.judge(mesh, after, windowMs);
  } catch (reason) {
    if (CellwallError.from(reason).code === 'unavailable') return undefined;
    throw reason;
  }
}
