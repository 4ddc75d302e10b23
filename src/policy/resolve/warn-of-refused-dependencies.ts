// Warns about a dependency whose every call is denied: most often the policy has yet to be written, and the first sign would be a 403.

import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { matchPrincipal } from '../decide/match.ts';
import type { Caller } from '../decide/request.ts';
import type { MeshIr, PortIr, ServiceIr } from '../ir.ts';
import { meantPort, portText } from '../ports.ts';
import { serviceNamed } from '../service-named.ts';
import { serviceKey } from './names.ts';
import type { Problems } from './problems.ts';

type Asked = Pick<MeshIr, 'services' | 'breakGlass'>;

/** One warning a dependency, only if no call at all can pass: operations of allow rules are ignored. */
export function warnOfRefusedDependencies(parsed: ParsedDocument<Service>, mesh: Asked, problems: Problems): void {
  const { metadata, spec } = parsed.document;
  const caller = mesh.services.get(serviceKey(metadata.name, metadata.cell));
  if (caller === undefined) return;
  for (const [index, { service, port: name }] of spec.dependsOn.entries()) {
    const target = dependency(caller, service, mesh);
    // Who may call what is outside of the mesh is decided there.
    if (target === undefined || target.external) continue;
    const port = meantPort(target.ports, name);
    if (port === undefined) continue;
    const refused = refusedBy(caller, port, portText(target, port), mesh);
    if (refused === undefined) continue;
    problems.warning(parsed, ['spec', 'dependsOn', index, 'service'], { code: 'dependency-refused', ...refused });
  }
}

/** As names.ts finds it: in the caller's own cell first. */
function dependency(caller: ServiceIr, reference: string, { services }: Asked): ServiceIr | undefined {
  const own = caller.cell === undefined ? undefined : services.get(serviceKey(reference, caller.cell.name));
  return own ?? serviceNamed({ services }, reference);
}

/** Undefined if some call may pass: operations are ignored, except for a deny rule that covers everything. */
function refusedBy(
  { key, spiffeId }: ServiceIr,
  target: PortIr,
  name: string,
  { breakGlass }: Asked,
): { readonly message: string; readonly hint: string } | undefined {
  if (breakGlass.includes(spiffeId)) return undefined;
  const caller: Caller = { kind: 'id', id: spiffeId };
  const { deny, allow, fallback, cellDefault } = target.authorization;
  const names = (rules: typeof deny) =>
    rules.find(({ principals }) => principals.some((principal) => matchPrincipal(principal, caller)));
  const denied = names(deny.filter(({ operations }) => operations.length === 0));
  if (denied !== undefined) {
    return {
      message: `every call from ${key} to ${name} is denied: deny rule ${denied.id} covers it`,
      hint: `remove the dependency, or change the rule at ${denied.source.file}:${denied.source.line}`,
    };
  }
  if (fallback === 'allow' || names(allow) !== undefined) return undefined;
  if (cellDefault !== undefined && matchPrincipal(cellDefault, caller)) return undefined;
  return {
    message: `every call from ${key} to ${name} is denied: no policy allows it`,
    hint:
      `write an AuthorizationPolicy with target ${target.key} that allows \`from: [{service: ${key}}]\`; ` +
      `\`cellwall explain ${key} ${name}\` prints one`,
  };
}
