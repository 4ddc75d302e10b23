// Events that are recorded as evidence: a closed union, so that a reader of the log knows every possible kind.
import { z } from 'zod';
import { accessEvents } from './events/access-events.ts';
import { changeEvents } from './events/change-events.ts';
import { identityEvents } from './events/identity-events.ts';
import { logEvents } from './events/log-events.ts';

/** Every kind, with what it says. Fields may be added, and must then be optional: what was written before stays readable. */
export const auditEventSchema = z.discriminatedUnion('kind', [
  ...changeEvents,
  ...identityEvents,
  ...accessEvents,
  ...logEvents,
]);

export type AuditEvent = z.output<typeof auditEventSchema>;

/** What is recorded all the time while nothing happens: readers see it when they ask for it. */
export const routineKinds: ReadonlySet<string> = new Set([
  'certificates-issued',
  'jwt-svids-issued',
  'host-attested',
  'admin-signed-in',
  'checkpoint',
] satisfies readonly AuditEvent['kind'][]);

const kinds: ReadonlySet<string> = new Set(auditEventSchema.options.flatMap(({ shape }) => [...shape.kind.values]));

export function isAuditKind(text: string): text is AuditEvent['kind'] {
  return kinds.has(text);
}

/** Whether this version knows an event of a log, which may be hostile, or a later version's. */
export function isAuditEvent(value: unknown): value is AuditEvent {
  return auditEventSchema.safeParse(value).success;
}
