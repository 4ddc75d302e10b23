// The identity of a Workload document: a service's, an exact ID, or a template, none of which may be reserved for the mesh.
import { keysOf } from '../../model/attestors.ts';
import type { Workload } from '../../model/documents/workload.ts';
import { type IdentityTemplate, parseIdentityTemplate } from '../../model/identity-template.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type SpiffeId, serverSpiffeId, serviceSpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { type Names, nameHint } from './names.ts';
import type { Problems } from './problems.ts';

export interface WorkloadContext {
  readonly defaults: MeshDefaults;
  readonly names: Names;
  readonly problems: Problems;
}

/**
 * A problem and undefined if the identity is of another trust domain, reserved, or of a service that does not exist.
 */
export function resolveIdentity(
  parsed: ParsedDocument<Workload>,
  context: WorkloadContext,
): SpiffeId | IdentityTemplate | undefined {
  const { defaults, names, problems } = context;
  const { metadata, spec } = parsed.document;
  if ('template' in spec.identity) return templateOf(spec.identity.template, parsed, context);
  if ('service' in spec.identity) {
    const key = names.service(spec.identity.service, metadata.cell, parsed, ['spec', 'identity', 'service']);
    if (key === undefined) return undefined;
    const [first = '', second] = key.split('/');
    return second === undefined
      ? serviceSpiffeId(defaults.trustDomain, first)
      : serviceSpiffeId(defaults.trustDomain, second, first);
  }
  const { spiffeId } = spec.identity;
  const place = ['spec', 'identity', 'spiffeId'];
  if (trustDomainOf(spiffeId) !== defaults.trustDomain) {
    problems.error(parsed, place, foreign(spiffeId, defaults));
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

function templateOf(
  text: string,
  parsed: ParsedDocument<Workload>,
  { defaults, problems }: WorkloadContext,
): IdentityTemplate | undefined {
  const place = ['spec', 'identity', 'template'];
  const template = parseIdentityTemplate(text);
  // The schema accepts nothing else.
  if (template === undefined) return undefined;
  if (template.trustDomain !== defaults.trustDomain) {
    problems.error(parsed, place, foreign(text, defaults));
    return undefined;
  }
  const reserved = reservedBy(template);
  if (reserved !== undefined) {
    problems.error(parsed, place, {
      code: 'reserved-identity',
      message: `${text} could make ${reserved}`,
      hint: 'begin the path with a fixed word, as in "/ci/{project_id}"',
    });
    return undefined;
  }
  let known = true;
  for (const attestor of new Set(parsed.document.spec.selectors.map((selector) => selector.attestor))) {
    const keys = keysOf(attestor);
    for (const segment of template.segments) {
      if ('literal' in segment || keys.includes(segment.key)) continue;
      known = false;
      problems.error(parsed, place, {
        code: 'unknown-key',
        message: `"${attestor}" proves no "${segment.key}"`,
        hint:
          keys.length === 0
            ? 'it stands for one exact identity: give that as `spiffeId`, or list other selectors'
            : nameHint(segment.key, keys, 'a key that it proves'),
      });
    }
  }
  return known ? template : undefined;
}

/**
 * Which identities of others it could produce. Whatever is proved, no value may choose a service, a cell or a part of the control plane.
 */
function reservedBy({ segments: [first, second, third] }: IdentityTemplate): string | undefined {
  if (first === undefined || 'key' in first) return 'any identity of the mesh';
  if (first.literal === 'cellwall') return 'an identity of the control plane';
  if (first.literal === 'service') return 'the identity of a service';
  if (first.literal !== 'cell' || second === undefined) return undefined;
  if ('key' in second) return 'an identity in any cell';
  return third === undefined || 'key' in third || third.literal === 'service' ? 'the identity of a service' : undefined;
}

function foreign(identity: string, { trustDomain }: MeshDefaults) {
  return {
    code: 'foreign-trust-domain',
    message: `${identity} is in another trust domain`,
    hint: `this mesh can only issue for "${trustDomain}"`,
  };
}
