// One Service document → its part of the IR, all but the authorization.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type SpiffeId, serviceSpiffeId } from '../../model/spiffe-id.ts';
import type { CellIr, DependencyIr, EndpointSourceIr, MtlsIr, ServiceIr, ServiceKey, WorkloadIr } from '../ir.ts';
import { checkService } from './check-service.ts';
import { type Names, nameHint, serviceKey } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveIdentityHeaders } from './resolve-identity-headers.ts';
import type { MeshDefaults } from './resolve-mesh.ts';

export type ServiceDraft = Omit<ServiceIr, 'authorization'>;

export interface ServiceContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly workloads: ReadonlyMap<SpiffeId, WorkloadIr>;
  readonly problems: Problems;
}

type Parsed = ParsedDocument<Service>;

const hourMs = 3_600_000;
/**
 * HTTP/1.1 servers close unused connections after seconds, some sooner, and race with a request that reuses one; a new connection
 * on the same host costs next to nothing.
 */
const http1IdleMs = 250;

export function resolveService(parsed: Parsed, context: ServiceContext): ServiceDraft {
  const { metadata, spec } = parsed.document;
  const { defaults, names } = context;
  const cell = metadata.cell === undefined ? undefined : names.cell(metadata.cell, parsed, ['metadata', 'cell']);
  const key = serviceKey(metadata.name, metadata.cell);
  const spiffeId = serviceSpiffeId(defaults.trustDomain, metadata.name, metadata.cell);
  checkService(parsed, context.problems);
  return {
    key,
    source: parsed.source,
    name: metadata.name,
    ...(cell === undefined ? {} : { cell }),
    spiffeId,
    protocol: spec.protocol,
    mtls: resolveMtls(parsed, context),
    endpoints: resolveEndpoints(parsed, context),
    dependsOn: resolveDependencies(parsed, key, context),
    identityHeaders: resolveIdentityHeaders(parsed, context),
    ...(spec.health === undefined ? {} : { healthPath: spec.health.path }),
    escapedSlashes: spec.paths.escapedSlashes,
    describesGrpc: spec.grpc !== undefined && (spec.protocol === 'grpc' || spec.protocol === 'http2'),
    timeouts: {
      connectMs: spec.timeouts.connect,
      requestMs: spec.timeouts.request,
      idleMs: spec.timeouts.idle,
      applicationIdleMs:
        spec.timeouts.applicationIdle ?? (spec.protocol === 'http1' ? http1IdleMs : spec.timeouts.idle),
    },
    upgrades: spec.upgrades,
    keepsHeaderCase: spec.headerCase === 'keep' && spec.protocol === 'http1',
    retries: {
      attempts: spec.retries.attempts,
      ...(spec.retries.perTryTimeout === undefined ? {} : { perTryTimeoutMs: spec.retries.perTryTimeout }),
    },
    ...(spec.outlierDetection === undefined
      ? {}
      : {
          outlierDetection: {
            consecutiveFailures: spec.outlierDetection.consecutiveFailures,
            baseEjectionMs: spec.outlierDetection.baseEjection,
            maxEjectionPercent: spec.outlierDetection.maxEjectionPercent,
          },
        }),
    ...(spec.healthCheck === undefined
      ? {}
      : {
          healthCheck: {
            intervalMs: spec.healthCheck.interval,
            timeoutMs: spec.healthCheck.timeout,
            unhealthyThreshold: spec.healthCheck.unhealthyThreshold,
            healthyThreshold: spec.healthCheck.healthyThreshold,
          },
        }),
    sameCellFirst: spec.locality.sameCellFirst,
    connectionAgeMs: resolveConnectionAge(parsed, spiffeId, context),
  };
}

function resolveMtls(parsed: Parsed, { defaults, problems }: ServiceContext): MtlsIr {
  const { mtls } = parsed.document.spec;
  const mode = mtls?.mode ?? defaults.mode;
  const legacyAuthority = mtls?.legacyAuthority;
  if (legacyAuthority === undefined) return { mode };
  const place = ['spec', 'mtls', 'legacyAuthority'];
  if (mode === 'strict') {
    problems.error(parsed, place, {
      code: 'legacy-under-strict',
      message: 'a strict service accepts no legacy certificates',
      hint: 'remove legacyAuthority, or make the service permissive',
    });
    return { mode };
  }
  if (!defaults.legacyAuthorities.has(legacyAuthority)) {
    problems.error(parsed, place, {
      code: 'unknown-legacy-authority',
      message: `the mesh has no legacy authority "${legacyAuthority}"`,
      hint: nameHint(
        legacyAuthority,
        [...defaults.legacyAuthorities.keys()],
        "it in the Mesh's spec.legacyAuthorities",
      ),
    });
    return { mode };
  }
  return { mode, legacyAuthority };
}

function resolveEndpoints(parsed: Parsed, { names }: ServiceContext): EndpointSourceIr {
  const { endpoints } = parsed.document.spec;
  if ('dns' in endpoints) return { kind: 'dns', ...endpoints.dns };
  if (!('static' in endpoints)) return { kind: 'sidecars' };
  const own = parsed.document.metadata.cell;
  return {
    kind: 'static',
    endpoints: endpoints.static.map(({ address, port, cell = own }, index) => {
      if (cell === undefined) return { address, port };
      // An unknown cell of the service itself is told where it is written.
      const found: CellIr | undefined =
        cell === own ? names.known(cell) : names.cell(cell, parsed, ['spec', 'endpoints', 'static', index, 'cell']);
      return { address, port, cell, ...(found?.region === undefined ? {} : { region: found.region }) };
    }),
  };
}

function resolveDependencies(parsed: Parsed, self: ServiceKey, { names, problems }: ServiceContext): DependencyIr[] {
  const { metadata, spec } = parsed.document;
  const targets = new Set<ServiceKey>();
  const taken = new Set<number | string>();
  const resolved: DependencyIr[] = [];
  for (const [index, { service, listen, mode, hosts }] of spec.dependsOn.entries()) {
    const place = ['spec', 'dependsOn', index];
    if (mode !== undefined && typeof listen === 'number') {
      problems.error(parsed, [...place, 'mode'], {
        code: 'mode-of-a-port',
        message: `a port has no mode: whoever is on that host may connect to ${listen}`,
        hint: 'listen on a socket (listen: unix:/run/NAME.sock), or leave the mode out',
      });
    }
    if (taken.has(listen)) {
      problems.error(parsed, [...place, 'listen'], {
        code: 'duplicate-port',
        message: `two dependencies listen on ${typeof listen === 'number' ? `port ${listen}` : listen}`,
        hint: 'give each a loopback port, or a socket, of its own',
      });
    }
    taken.add(listen);
    const target = names.service(service, metadata.cell, parsed, [...place, 'service']);
    if (target === undefined) continue;
    if (target === self || targets.has(target)) {
      problems.error(parsed, [...place, 'service'], {
        code: target === self ? 'depends-on-itself' : 'duplicate-dependency',
        message: target === self ? `${self} depends on itself` : `${target} is listed twice`,
        hint: target === self ? 'remove it: a service reaches itself without a proxy' : 'keep one of the two',
      });
      continue;
    }
    targets.add(target);
    const at =
      typeof listen === 'number'
        ? listen
        : { path: listen.slice('unix:'.length), mode: Number.parseInt(mode ?? '0600', 8) };
    resolved.push({ target, listen: at, hosts });
  }
  return resolved;
}

/** Certificates are renewed at half their life; a connection must not outlive the certificate that it was opened with. */
function resolveConnectionAge(parsed: Parsed, spiffeId: SpiffeId, context: ServiceContext): number {
  const { defaults, workloads, problems } = context;
  const lifetimeMs = Math.min(defaults.svidLifetimeMs, workloads.get(spiffeId)?.lifetimeMs ?? defaults.svidLifetimeMs);
  const { connectionAge } = parsed.document.spec;
  if (connectionAge === undefined) return Math.min(Math.floor(lifetimeMs / 3), hourMs);
  const halfMs = lifetimeMs / 2;
  if (connectionAge === 0 || connectionAge > halfMs) {
    problems.error(parsed, ['spec', 'connectionAge'], {
      code: 'connection-age',
      message: connectionAge === 0 ? 'connectionAge is zero' : "connectionAge is over half the SVID's lifetime",
      hint: `at most ${Math.floor(halfMs / 1000)}s here, as SVIDs live ${Math.floor(lifetimeMs / 1000)}s`,
    });
  }
  return connectionAge;
}
