// One Service document → its part of the IR, except for authorization.

import { defined } from '../../lib/defined.ts';
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type WrittenPort, writtenPorts } from '../../model/service-ports.ts';
import { type SpiffeId, serviceSpiffeId } from '../../model/spiffe-id.ts';
import type { CellIr, EndpointSourceIr, MtlsIr, PortIr, ServiceIr, WorkloadIr } from '../ir.ts';
import { portKey } from '../ports.ts';
import { checkExternal } from './check-external.ts';
import { checkService } from './check-service.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { type Names, nameHint, serviceKey } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveCredential } from './resolve-credential.ts';
import { resolveIdentityHeaders } from './resolve-identity-headers.ts';

/** A port before its authorization is known. */
export type PortDraft = Omit<PortIr, 'authorization' | 'federated'>;

/** Dependencies are looked up once all services are known. */
export interface ServiceDraft extends Omit<ServiceIr, 'ports' | 'dependsOn'> {
  readonly ports: readonly PortDraft[];
}

export interface ServiceContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly workloads: ReadonlyMap<SpiffeId, WorkloadIr>;
  readonly problems: Problems;
}

type Parsed = ParsedDocument<Service>;

const hourMs = 3_600_000;
/**
 * HTTP/1.1 servers close unused connections after seconds, some sooner, and race with a request that reuses one; a new connection on the
 * same host costs almost nothing.
 */
const http1IdleMs = 250;

/** Always returns a draft, so that documents that refer to it can be checked even if it has problems. */
export function resolveService(parsed: Parsed, context: ServiceContext): ServiceDraft {
  const { metadata, spec } = parsed.document;
  const { defaults, names } = context;
  const cell = metadata.cell === undefined ? undefined : names.cell(metadata.cell, parsed, ['metadata', 'cell']);
  const key = serviceKey(metadata.name, metadata.cell);
  const spiffeId = spec.external?.spiffeId ?? serviceSpiffeId(defaults.trustDomain, metadata.name, metadata.cell);
  checkService(parsed, context.problems);
  checkExternal(parsed, defaults, context.problems);
  const facts = {
    key,
    source: parsed.source,
    name: metadata.name,
    ...defined({ cell }),
    spiffeId,
    ...(spec.external === undefined ? {} : { external: true as const }),
    mtls: spec.external === undefined ? resolveMtls(parsed, context) : ({ mode: 'strict' } as const),
  };
  const credential = resolveCredential(parsed, context);
  const ofAll = {
    identityHeaders: resolveIdentityHeaders(parsed, context),
    retries: {
      attempts: spec.retries.attempts,
      ...defined({ perTryTimeoutMs: spec.retries.perTryTimeout }),
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
    sameCellFirst: spec.locality.sameCellFirst,
    connectionAgeMs: resolveConnectionAge(parsed, spiffeId, context),
  };
  const ports = writtenPorts(parsed.document).map((port): PortDraft => {
    const own = port.protocol === 'tcp' ? {} : defined({ credential });
    return { ...facts, id: portKey(key, port.name), ...resolvePort(parsed, port, context), ...ofAll, ...own };
  });
  return { ...facts, ports };
}

type OfOnePort =
  | 'port'
  | 'place'
  | 'protocol'
  | 'app'
  | 'endpoints'
  | 'healthPath'
  | 'escapedSlashes'
  | 'describesGrpc';

function resolvePort(
  parsed: Parsed,
  port: WrittenPort,
  context: ServiceContext,
): Pick<PortIr, OfOnePort | 'timeouts' | 'upgrades' | 'keepsHeaderCase' | 'healthCheck'> {
  const { name, place, protocol, app, health, healthCheck, grpc, paths, timeouts, upgrades, headerCase } = port;
  return {
    port: name,
    place,
    protocol,
    ...defined({ app }),
    endpoints: resolveEndpoints(parsed, port, context),
    ...(health === undefined ? {} : { healthPath: health.path }),
    escapedSlashes: paths.escapedSlashes,
    describesGrpc: grpc !== undefined && (protocol === 'grpc' || protocol === 'http2'),
    timeouts: {
      connectMs: timeouts.connect,
      requestMs: timeouts.request,
      idleMs: timeouts.idle,
      applicationIdleMs: timeouts.applicationIdle ?? (protocol === 'http1' ? http1IdleMs : timeouts.idle),
    },
    upgrades,
    keepsHeaderCase: headerCase === 'keep' && protocol === 'http1',
    ...(healthCheck === undefined
      ? {}
      : {
          healthCheck: {
            intervalMs: healthCheck.interval,
            timeoutMs: healthCheck.timeout,
            unhealthyThreshold: healthCheck.unhealthyThreshold,
            healthyThreshold: healthCheck.healthyThreshold,
          },
        }),
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

function resolveEndpoints(
  parsed: Parsed,
  { endpoints, place }: WrittenPort,
  { names }: ServiceContext,
): EndpointSourceIr {
  if ('dns' in endpoints) return { kind: 'dns', ...endpoints.dns };
  if (!('static' in endpoints)) return { kind: 'sidecars' };
  const own = parsed.document.metadata.cell;
  return {
    kind: 'static',
    endpoints: endpoints.static.map(({ address, port, cell = own }, index) => {
      if (cell === undefined) return { address, port };
      // An unknown cell of the service itself is reported where it is written.
      const found: CellIr | undefined =
        cell === own ? names.known(cell) : names.cell(cell, parsed, [...place, 'endpoints', 'static', index, 'cell']);
      return { address, port, cell, ...(found?.region === undefined ? {} : { region: found.region }) };
    }),
  };
}

/** Certificates are renewed at half of their lifetime; a connection must not outlive the certificate that it was opened with. */
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
