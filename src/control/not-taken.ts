// For the gates of a rotation of the root: hosts whose helper runs a command after each renewal (`svid fetch --watch --on-renew`). Their
// program has what was there when the last command that ended well began, as the helper says; what it was given since does not count.
import type { IssuedCertificate } from '../identity/issued-log.ts';
import { type RootsRecord, renewingPhases, rootName } from '../identity/roots/roots-record.ts';
import type { SaidInUse } from '../identity/roots/said-in-use.ts';

/** Why the program of this certificate's holder does not have what the phase needs. Undefined: it has, or nobody says. */
export function whyNotTaken(
  record: RootsRecord,
  { confirmed, nodeKey }: Pick<IssuedCertificate, 'confirmed' | 'nodeKey'>,
  said: SaidInUse | undefined,
): string | undefined {
  if (confirmed !== true || nodeKey === undefined || hasTaken(record, said)) return undefined;
  if (said === undefined) return 'its helper, which says when its program has it, is not listening';
  if (said.failed === undefined) return 'the command of --on-renew that gives it to its program has not ended yet';
  return `the command of --on-renew failed (${said.failed}): its program may have what it had before`;
}

/** Of a helper that does not say under which root the certificate is, only the roots count. */
export function hasTaken(record: RootsRecord, said: SaidInUse | undefined): boolean {
  if (said === undefined || !record.roots.every(({ pem }) => said.roots.includes(rootName(pem)))) return false;
  const phase = record.rotation?.phase;
  if (said.under === undefined || phase === undefined || !renewingPhases.includes(phase)) return true;
  const stay = record.roots.filter(({ state }) => state === 'active' || state === 'published');
  return stay.some(({ pem }) => rootName(pem) === said.under);
}
