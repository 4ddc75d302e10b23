// Which caller was given which token of an application, into the audit log: as far as a document grants it.
import type { AuditEvent } from '../audit/audit-event.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { createGrantedTokens, type GrantedTokens } from '../observe/granted-tokens.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';

export interface RecordGrantedDeps {
  readonly mesh: () => MeshIr | undefined;
  readonly audit: { append(event: AuditEvent): Promise<unknown> };
  readonly clock: Clock;
  readonly log: Log;
}

export function recordGranted({ mesh, audit, clock, log }: RecordGrantedDeps): GrantedTokens {
  return createGrantedTokens({
    clock,
    grants({ principal, service, port, secret }) {
      const now = mesh();
      const called = now && portOf(now, port === undefined ? service : `${service}:${port}`);
      return (called?.credential?.grants ?? []).some(
        (grant) =>
          grant.secret === secret &&
          grant.callers.some((caller) =>
            caller.kind === 'id' ? caller.id === principal : principal.startsWith(caller.prefix),
          ),
      );
    },
    report(use) {
      audit.append({ kind: 'credential-used', ...use }).catch((reason: unknown) => {
        log.error({ ...use, reason: CellwallError.from(reason).message }, 'not in the audit log');
      });
    },
  });
}
