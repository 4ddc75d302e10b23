// Which ports of its target a policy applies to: the one that it names, or all.
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { notAPort } from '../ports.ts';
import type { Problems } from './problems.ts';
import type { PortDraft, ServiceDraft } from './resolve-service.ts';

/** Empty, with a problem, for a port that does not exist. */
export function targetedPorts(
  parsed: ParsedDocument<AuthorizationPolicy>,
  target: ServiceDraft,
  problems: Problems,
): readonly PortDraft[] {
  const { port: name } = parsed.document.spec.target;
  if (name === undefined) return target.ports;
  const found = target.ports.filter(({ port }) => port === name);
  if (found.length === 0) problems.error(parsed, ['spec', 'target', 'port'], notAPort(target, name));
  return found;
}
