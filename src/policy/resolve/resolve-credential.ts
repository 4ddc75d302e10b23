// The token that an application expects in a header, and who gets it.
import type { Service } from '../../model/documents/service.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { writtenPorts } from '../../model/service-ports.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { NamedIr } from '../authorization-ir.ts';
import type { CredentialIr } from '../ir.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import { idOfService } from './resolve-identity-headers.ts';

interface Context {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
}

type Parsed = ParsedDocument<Service>;
type Caller = NonNullable<Service['spec']['credential']>['grants'][number]['from'][number];

/** Undefined if there is none. */
export function resolveCredential(parsed: Parsed, context: Context): CredentialIr | undefined {
  const { credential } = parsed.document.spec;
  if (credential === undefined) return undefined;
  const { header, scheme, grants, accept } = credential;
  const place = ['spec', 'credential'];
  if (writtenPorts(parsed.document).every(({ protocol }) => protocol === 'tcp')) {
    context.problems.error(parsed, place, {
      code: 'http-on-tcp',
      message: 'a TCP service has no headers',
      hint: 'remove it, or say which protocol the application speaks',
    });
  }
  const seen = new Set<string>();
  const resolved = grants.map(({ secret, from }, index) => ({
    secret,
    callers: from.flatMap((caller, position) => {
      const at = [...place, 'grants', index, 'from', position];
      const found = callerOf(caller, parsed, at, context);
      if (found === undefined) return [];
      const text = found.kind === 'id' ? found.id : found.prefix;
      if (seen.has(text)) {
        context.problems.error(parsed, at, {
          code: 'duplicate-grant',
          message: `${text} is granted a token twice`,
          hint: 'keep one of them: a caller gets one token',
        });
      }
      seen.add(text);
      return [found];
    }),
  }));
  return { header, ...(scheme === undefined ? {} : { scheme }), grants: resolved, accepted: accept ?? [] };
}

/** Undefined with a problem. */
function callerOf(
  caller: Caller,
  parsed: Parsed,
  place: FieldPath,
  { defaults, names, problems }: Context,
): NamedIr | undefined {
  const own = `${trustDomainUri(defaults.trustDomain)}/`;
  if ('authenticated' in caller) return { kind: 'prefix', prefix: own };
  if ('service' in caller) {
    const key = names.service(caller.service, parsed.document.metadata.cell, parsed, [...place, 'service']);
    return key === undefined ? undefined : { kind: 'id', id: idOfService(key, defaults.trustDomain) };
  }
  const found: NamedIr =
    'spiffeId' in caller ? { kind: 'id', id: caller.spiffeId } : { kind: 'prefix', prefix: caller.prefix };
  const text = found.kind === 'id' ? found.id : found.prefix;
  if (text.startsWith(own)) return found;
  problems.error(parsed, place, {
    code: 'foreign-trust-domain',
    message: `${text} is in another trust domain`,
    hint: `who gets a token must be in this mesh: "${own}..."`,
  });
  return undefined;
}
