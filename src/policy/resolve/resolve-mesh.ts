// The Mesh document and the cells, on which every other document depends.

import { defined } from '../../lib/defined.ts';
import type { Cell } from '../../model/documents/cell.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Mesh } from '../../model/documents/mesh.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import {
  type SpiffeId,
  serverSpiffeId,
  type TrustDomain,
  trustDomainOf,
  trustDomainUri,
} from '../../model/spiffe-id.ts';
import { workloadOf } from '../identities.ts';
import type { CellIr, IdentitiesIr, LegacyAuthorityIr } from '../ir.ts';
import { legacyCertificateFault } from './legacy-certificates.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Problems } from './problems.ts';
import { resolveJwtIssuers } from './resolve-jwt.ts';

const minLifetimeMs = 1000;

/** Without exactly one Mesh there is a problem, and defaults with which the rest can be judged nevertheless. */
export function resolveMeshDefaults(
  meshes: readonly ParsedDocument<Mesh>[],
  documents: readonly ParsedDocument[],
  problems: Problems,
): Omit<MeshDefaults, 'trustBundles'> {
  const [parsed, ...others] = meshes;
  if (parsed === undefined) {
    problems.add({
      severity: 'error',
      source: documents[0]?.source ?? { file: '(no documents)', line: 1, column: 1 },
      code: 'no-mesh',
      message: 'there is no Mesh document',
      hint:
        'write one: `kind: Mesh` with `spec.trustDomain`; to check a change by itself use `cellwall validate ' +
        '--onto DIR`, where DIR has the documents that it changes',
    });
    return {
      document: 'Mesh/unknown' as DocumentKey,
      trustDomain: placeholder,
      mode: 'strict',
      svidLifetimeMs: 3_600_000,
      legacyAuthorities: new Map(),
      jwtIssuers: new Map(),
      authorization: { withinCell: 'deny', acrossCells: 'deny' },
      breakGlass: [],
      strippedHeaders: [],
    };
  }
  for (const other of others) {
    problems.error(other, ['metadata', 'name'], {
      code: 'second-mesh',
      message: `a second Mesh, "${other.document.metadata.name}"`,
      hint: `a deployment has only one; the first is at ${parsed.source.file}:${parsed.source.line}`,
    });
  }
  const { spec } = parsed.document;
  if (spec.svid.lifetime < minLifetimeMs) {
    problems.error(parsed, ['spec', 'svid', 'lifetime'], {
      code: 'lifetime-too-short',
      message: 'an SVID lifetime under a second',
      hint: 'certificates are renewed at half of it; an hour is usual',
    });
  }
  return {
    document: parsed.key,
    trustDomain: spec.trustDomain,
    mode: spec.mtls.mode,
    svidLifetimeMs: spec.svid.lifetime,
    legacyAuthorities: resolveLegacyAuthorities(parsed, problems),
    jwtIssuers: resolveJwtIssuers(parsed, problems),
    authorization: spec.authorization,
    breakGlass: resolveBreakGlass(parsed, problems),
    strippedHeaders: spec.strippedHeaders,
  };
}

/** Only identities that this mesh can issue, and vouch for: never one of another domain, never the control plane's. */
function resolveBreakGlass(parsed: ParsedDocument<Mesh>, problems: Problems): readonly SpiffeId[] {
  const { trustDomain, breakGlass } = parsed.document.spec;
  for (const [index, id] of breakGlass.entries()) {
    const place = ['spec', 'breakGlass', index];
    if (trustDomainOf(id) !== trustDomain) {
      problems.error(parsed, place, {
        code: 'foreign-trust-domain',
        message: `${id} is in another trust domain`,
        hint: `a break-glass identity must be in this mesh: "${trustDomainUri(trustDomain)}/..."`,
      });
    } else if (id.startsWith(serverSpiffeId(trustDomain).replace(/server$/, ''))) {
      problems.error(parsed, place, {
        code: 'reserved-identity',
        message: `${id} is reserved for the control plane`,
        hint: 'name the identity of a person or a job that has its own Workload',
      });
    }
  }
  return breakGlass.toSorted();
}

/** In an emergency it is too late to find out. */
export function warnOfNobodysBreakGlass(
  parsed: ParsedDocument<Mesh> | undefined,
  identities: IdentitiesIr,
  problems: Problems,
): void {
  for (const [index, id] of (parsed?.document.spec.breakGlass ?? []).entries()) {
    if (
      parsed === undefined ||
      workloadOf(identities, id) !== undefined ||
      trustDomainOf(id) !== parsed.document.spec.trustDomain
    )
      continue;
    if (id.startsWith(serverSpiffeId(parsed.document.spec.trustDomain).replace(/server$/, ''))) continue;
    problems.warning(parsed, ['spec', 'breakGlass', index], {
      code: 'matches-nobody',
      message: `nobody has the identity ${id}`,
      hint: 'write a Workload that has it',
    });
  }
}

const placeholder = 'unknown' as TrustDomain;

function resolveLegacyAuthorities(parsed: ParsedDocument<Mesh>, problems: Problems): Map<string, LegacyAuthorityIr> {
  const authorities = new Map<string, LegacyAuthorityIr>();
  const { trustDomain, legacyAuthorities } = parsed.document.spec;
  if (trustDomain.startsWith('.') && legacyAuthorities.length > 0) {
    // A name constraint that begins with "." means the hosts below it (RFC 5280 §4.2.1.10): none would mean this one.
    problems.error(parsed, ['spec', 'legacyAuthorities'], {
      code: 'unconstrained-authority',
      message: `a legacy authority cannot be kept from vouching for the trust domain "${trustDomain}"`,
      hint: 'choose a trust domain that does not begin with "."',
    });
  }
  for (const [index, authority] of legacyAuthorities.entries()) {
    const place = ['spec', 'legacyAuthorities', index];
    if (authorities.has(authority.name)) {
      problems.error(parsed, [...place, 'name'], {
        code: 'duplicate-name',
        message: `two legacy authorities are named "${authority.name}"`,
        hint: 'put all certificates of one authority into one entry',
      });
      continue;
    }
    const fault = legacyCertificateFault(authority.certificates);
    if (fault !== undefined) problems.error(parsed, [...place, 'certificates'], { code: 'bad-certificate', ...fault });
    authorities.set(authority.name, authority);
  }
  return authorities;
}

/** By name. A number that two cells have is a problem. */
export function resolveCells(cells: readonly ParsedDocument<Cell>[], problems: Problems): Map<string, CellIr> {
  const resolved = new Map<string, CellIr>();
  const byId = new Map<number, string>();
  for (const parsed of cells) {
    const { metadata, spec } = parsed.document;
    const holder = byId.get(spec.id);
    if (holder !== undefined) {
      problems.error(parsed, ['spec', 'id'], {
        code: 'duplicate-cell-id',
        message: `the id ${spec.id} is that of the cell "${holder}"`,
        hint: 'every cell needs its own number',
      });
    }
    byId.set(spec.id, metadata.name);
    resolved.set(metadata.name, {
      name: metadata.name,
      id: spec.id,
      ...defined({ region: spec.region, controlPlane: spec.controlPlane }),
    });
  }
  return resolved;
}
