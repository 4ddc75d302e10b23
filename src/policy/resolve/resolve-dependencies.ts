// Turns `dependsOn` of a Service into what it calls: which port of which service, and where its own application reaches it.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { DependencyIr, PortKey, ServiceKey } from '../ir.ts';
import { meantPort, notAPort } from '../ports.ts';
import type { Names } from './names.ts';
import type { Problems } from './problems.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface DependencyContext {
  readonly names: Names;
  readonly drafts: ReadonlyMap<ServiceKey, ServiceDraft>;
  readonly problems: Problems;
}

/** In the order of the document. A dependency that cannot be resolved is a problem and left out. */
export function resolveDependencies(
  parsed: ParsedDocument<Service>,
  self: ServiceKey,
  { names, drafts, problems }: DependencyContext,
): DependencyIr[] {
  const { metadata, spec } = parsed.document;
  const targets = new Set<PortKey>();
  const taken = new Set<number | string>();
  const resolved: DependencyIr[] = [];
  for (const [index, { service, port, listen, mode, hosts }] of spec.dependsOn.entries()) {
    const place = ['spec', 'dependsOn', index];
    if (mode !== undefined && typeof listen === 'number') {
      problems.error(parsed, [...place, 'mode'], {
        code: 'mode-of-a-port',
        message: `a port has no mode: anybody on that host may connect to ${listen}`,
        hint: 'listen on a socket (listen: unix:/run/NAME.sock), or leave the mode out',
      });
    }
    if (taken.has(listen)) {
      problems.error(parsed, [...place, 'listen'], {
        code: 'duplicate-port',
        message: `two dependencies listen on ${typeof listen === 'number' ? `port ${listen}` : listen}`,
        hint: 'give each its own loopback port or socket',
      });
    }
    taken.add(listen);
    const target = names.called(service, metadata.cell, parsed, [...place, 'service']);
    const draft = target === undefined ? undefined : drafts.get(target);
    if (draft === undefined) continue;
    const meant = meantPort(draft.ports, port);
    if (meant === undefined) {
      problems.error(parsed, [...place, port === undefined ? 'service' : 'port'], notAPort(draft, port));
      continue;
    }
    if (draft.key === self || targets.has(meant.id)) {
      const own = draft.key === self;
      problems.error(parsed, [...place, 'service'], {
        code: own ? 'depends-on-itself' : 'duplicate-dependency',
        message: own ? `${self} depends on itself` : `${meant.id} is listed twice`,
        hint: own ? 'remove it: a service reaches itself without a proxy' : 'keep one of the two',
      });
      continue;
    }
    targets.add(meant.id);
    const at =
      typeof listen === 'number'
        ? listen
        : { path: listen.slice('unix:'.length), mode: Number.parseInt(mode ?? '0600', 8) };
    resolved.push({ target: draft.key, port: meant.id, listen: at, hosts });
  }
  return resolved;
}
