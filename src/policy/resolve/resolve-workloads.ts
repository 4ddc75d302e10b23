// Workloads: which identities exist besides those of services, and what their certificates may say.
import type { Workload } from '../../model/documents/workload.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type SpiffeId, serverSpiffeId, serviceSpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { WorkloadIr } from '../ir.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import type { MeshDefaults } from './resolve-mesh.ts';

export interface WorkloadContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
}

export function resolveWorkloads(
  workloads: readonly ParsedDocument<Workload>[],
  context: WorkloadContext,
): Map<SpiffeId, WorkloadIr> {
  const { defaults, names, problems } = context;
  const resolved = new Map<SpiffeId, WorkloadIr>();
  for (const parsed of workloads) {
    const { metadata, spec } = parsed.document;
    if (metadata.cell !== undefined) names.cell(metadata.cell, parsed, ['metadata', 'cell']);
    if (spec.lifetime !== undefined && spec.lifetime < 1000) {
      problems.error(parsed, ['spec', 'lifetime'], {
        code: 'lifetime-too-short',
        message: 'an SVID lifetime under a second',
        hint: 'certificates are renewed at half of it',
      });
    }
    const spiffeId = identityOf(parsed, context);
    if (spiffeId === undefined) continue;
    const first = resolved.get(spiffeId);
    if (first !== undefined) {
      problems.error(parsed, ['spec', 'identity'], {
        code: 'duplicate-identity',
        message: `${spiffeId} is the identity of another Workload`,
        hint: `the other one is at ${first.source.file}:${first.source.line}; list all its selectors there`,
      });
      continue;
    }
    resolved.set(spiffeId, {
      spiffeId,
      document: parsed.key,
      source: parsed.source,
      selectors: spec.selectors,
      lifetimeMs: spec.lifetime ?? defaults.svidLifetimeMs,
      dnsNames: spec.dnsNames,
      ...(spec.commonName === undefined ? {} : { commonName: spec.commonName }),
      ...(spec.advertise === undefined ? {} : { advertise: advertised(spec.advertise) }),
    });
  }
  return resolved;
}

function identityOf(
  parsed: ParsedDocument<Workload>,
  { defaults, names, problems }: WorkloadContext,
): SpiffeId | undefined {
  const { metadata, spec } = parsed.document;
  if ('service' in spec.identity) {
    const key = names.service(spec.identity.service, metadata.cell, parsed, ['spec', 'identity', 'service']);
    if (key === undefined) return undefined;
    const [first = '', second] = key.split('/');
    return second === undefined
      ? serviceSpiffeId(defaults.trustDomain, first)
      : serviceSpiffeId(defaults.trustDomain, second, first);
  }
  const { spiffeId } = spec.identity;
  const place: FieldPath = ['spec', 'identity', 'spiffeId'];
  if (trustDomainOf(spiffeId) !== defaults.trustDomain) {
    problems.error(parsed, place, {
      code: 'foreign-trust-domain',
      message: `${spiffeId} is of another trust domain`,
      hint: `this mesh can only issue for "${defaults.trustDomain}"`,
    });
    return undefined;
  }
  const reserved = serverSpiffeId(defaults.trustDomain).replace(/server$/, '');
  if (spiffeId.startsWith(reserved)) {
    problems.error(parsed, place, {
      code: 'reserved-identity',
      message: `${reserved}… is reserved for the control plane`,
      hint: 'choose another path',
    });
    return undefined;
  }
  return spiffeId;
}

function advertised(advertise: NonNullable<Workload['spec']['advertise']>): NonNullable<WorkloadIr['advertise']> {
  const { addresses, ports } = advertise;
  return ports === undefined ? { addresses } : { addresses, ports };
}
