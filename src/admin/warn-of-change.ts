// Warns about problems that are not in the documents, before or after, but in the step between them. Pure.
import { formatPath } from '../model/field-path.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import { writtenPorts } from '../model/service-ports.ts';
import type { Plan } from './plan.ts';

/** Proxies apply the halves of a new protocol one after the other: those of callers, those of the service. */
export function warnOfChange(before: readonly ParsedDocument[], plan: Plan): readonly Problem[] {
  const protocols = new Map<string, string>();
  for (const { key, document } of before) {
    if (document.kind !== 'Service') continue;
    for (const { name, protocol } of writtenPorts(document)) protocols.set(`${key} ${name}`, protocol);
  }
  return plan.documents.flatMap(({ key, document, locate }): Problem[] => {
    if (document.kind !== 'Service') return [];
    return writtenPorts(document).flatMap(({ name, protocol, place }): Problem[] => {
      const was = protocols.get(`${key} ${name}`);
      if (was === undefined || was === protocol) return [];
      return [
        {
          severity: 'warning',
          code: 'protocol-changes',
          message:
            `the protocol of a service that may be in use changes from ${was} to ${protocol}: calls fail while its ` +
            `proxies and its callers' take it, one after the other`,
          hint: 'do it in a quiet hour, or declare a second port of the new protocol, and move callers to it one by one',
          source: locate([...place, 'protocol']),
          path: formatPath([...place, 'protocol']),
        },
      ];
    });
  });
}
