// `from` of a rule → principals.
import type { AuthorizationPolicy, PolicySource } from '../../model/documents/authorization-policy.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { cellSpiffePrefix, trustDomainUri } from '../../model/spiffe-id.ts';
import type { NamedIr, PrincipalIr } from '../authorization-ir.ts';
import type { DependencyIr, IdentitiesIr, MeshIr, PortKey, ServiceKey } from '../ir.ts';
import type { GrpcDescriptors } from './grpc-descriptors.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import { resolveToken } from './resolve-jwt.ts';
import type { PortDraft, ServiceDraft } from './resolve-service.ts';

export interface AuthorizationContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  readonly serviceOf: MeshIr['serviceOf'];
  readonly dependencies: ReadonlyMap<ServiceKey, readonly DependencyIr[]>;
  readonly descriptors: (target: PortKey) => GrpcDescriptors | undefined;
  /** Every identity that the documents give to somebody. */
  readonly identities: IdentitiesIr;
}

type Parsed = ParsedDocument<AuthorizationPolicy>;

/** What a rule is about, and the ports to which it applies. */
export interface RuleTarget {
  readonly target: ServiceDraft;
  readonly ports: readonly PortDraft[];
}

/** One or, for `eachCell`, as many as there are; none if something does not exist: that is a problem, so that no IR results. */
export function resolvePrincipals(
  source: PolicySource,
  parsed: Parsed,
  place: FieldPath,
  target: RuleTarget,
  context: AuthorizationContext,
): readonly PrincipalIr[] {
  const found =
    'eachCell' in source
      ? resolveEachCell(source.eachCell, parsed, [...place, 'eachCell'], context)
      : [resolveSource(source, parsed, place, target, context)].filter((one) => one !== undefined);
  if (!('jwt' in source) || source.jwt === undefined) return found;
  const token = resolveToken(source.jwt, parsed, place, {
    ...{ issuers: context.defaults.jwtIssuers, ports: target.ports, problems: context.problems },
    action: parsed.document.spec.action,
  });
  if (token === undefined) return [];
  if (isTokenAlone(source)) return [{ kind: 'jwt', ...token }];
  return found.filter(isNamed).map((caller) => ({ kind: 'with-token', caller, token }));
}

type TokenAlone = Extract<PolicySource, { readonly jwt: unknown }>;

function isTokenAlone(source: PolicySource): source is TokenAlone {
  return Object.keys(source).every((key) => key === 'jwt');
}

function isNamed(principal: PrincipalIr): principal is NamedIr {
  return principal.kind === 'id' || principal.kind === 'prefix';
}

/** The services of that name, one per cell; future ones are included once their documents exist. */
function resolveEachCell(
  name: string,
  parsed: Parsed,
  place: FieldPath,
  { drafts, problems }: AuthorizationContext,
): PrincipalIr[] {
  const found = [...drafts.values()].filter(
    (draft) => draft.name === name && draft.cell !== undefined && !draft.external,
  );
  if (found.length === 0) {
    problems.warning(parsed, place, {
      code: 'matches-nobody',
      message: `no cell has a service "${name}"`,
      hint: 'write one, with the cell in its metadata',
    });
  }
  return found.map(({ spiffeId }) => ({ kind: 'id', id: spiffeId }));
}

/** Undefined if the source names something that does not exist: that is a problem, so that no IR results. */
function resolveSource(
  source: Exclude<PolicySource, { readonly eachCell: string }>,
  parsed: Parsed,
  place: FieldPath,
  { target }: RuleTarget,
  { names, problems, drafts, defaults: { trustDomain } }: AuthorizationContext,
): PrincipalIr | undefined {
  const { metadata } = parsed.document;
  if ('service' in source) {
    const key = names.service(source.service, metadata.cell, parsed, [...place, 'service']);
    const caller = key === undefined ? undefined : drafts.get(key);
    return caller === undefined ? undefined : { kind: 'id', id: caller.spiffeId };
  }
  if ('cell' in source) {
    if (source.cell !== 'same') {
      const cell = names.cell(source.cell, parsed, [...place, 'cell']);
      return cell === undefined ? undefined : { kind: 'prefix', prefix: cellSpiffePrefix(trustDomain, cell.name) };
    }
    if (target.cell === undefined) {
      problems.error(parsed, [...place, 'cell'], {
        code: 'cell-same-without-cell',
        message: `"cell: same" means nothing here: ${target.key} is in no cell`,
        hint: 'name the cells, or the services',
      });
      return undefined;
    }
    return { kind: 'prefix', prefix: cellSpiffePrefix(trustDomain, target.cell.name) };
  }
  if ('spiffeId' in source) return { kind: 'id', id: source.spiffeId };
  if ('prefix' in source) return { kind: 'prefix', prefix: source.prefix };
  if ('trustDomain' in source) return { kind: 'prefix', prefix: `${trustDomainUri(source.trustDomain)}/` };
  if ('authenticated' in source) return { kind: 'prefix', prefix: `${trustDomainUri(trustDomain)}/` };
  if ('anonymous' in source) return { kind: 'anonymous' };
  if ('everyone' in source) return { kind: 'everyone' };
  source satisfies TokenAlone;
  return undefined;
}
