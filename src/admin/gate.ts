// The gate of an apply that makes services strict: refuses with the reasons, or lets a forced one through and records them.

import { type CutOverReason, refuses } from '../cutover/cut-over-reason.ts';
import { cutOverWindow } from '../cutover/cut-over-window.ts';
import { dismiss } from '../cutover/dismiss.ts';
import type { Authored } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { type HttpError, refusedCutOver } from './http-error.ts';
import { sinceOf } from './impact.ts';
import type { Plan } from './plan.ts';
import type { Trial } from './trial.ts';
import type { CutOverRow } from './wire-record.ts';

export type GateAnswer =
  /** `judged`: services become strict, and what was examined must be what is changed. */
  | {
      readonly kind: 'pass';
      readonly judged: boolean;
      readonly reasons: readonly CutOverRow[];
      /** Services that become strict despite the reasons. */
      readonly forced?: readonly string[];
    }
  | { readonly kind: 'refused'; readonly error: HttpError };

export interface GateQuestion {
  readonly before: Trial['before'];
  readonly after: Trial['after'];
  readonly since?: string | undefined;
  readonly force: boolean;
  /** Whose attempts without any proof are disregarded. */
  readonly ignoreAddresses?: readonly string[];
  readonly dryRun: boolean;
  readonly by: Authored;
}

/** What cannot change a mode skips the gate: an urgent policy does not wait for it. */
export function mayCutOver({ changes }: Plan): boolean {
  return changes.some(({ key }) => key.startsWith('Mesh/') || key.startsWith('Service/'));
}

/**
 * A dry run records nothing. Throws `invalid_argument` for an address or a time that cannot be read, even if no
 * service becomes strict.
 */
export async function gate(
  { cutOver, audit, clock, log }: Pick<AdminDeps, 'cutOver' | 'audit' | 'clock' | 'log'>,
  { before, after, since, force, ignoreAddresses = [], dryRun, by }: GateQuestion,
): Promise<GateAnswer> {
  // Before anything else: a mistyped one is reported, whether or not it is needed.
  const pass = (reasons: readonly CutOverReason[]) => dismiss(reasons, ignoreAddresses);
  pass([]);
  const now = clock.now();
  const windowMs = since === undefined ? cutOverWindow(after.documents) : now - sinceOf(since, now);
  const [old, next] = [before.mesh, after.mesh];
  if (old === undefined || next === undefined) return { kind: 'pass', judged: false, reasons: [] };
  const services = cutOver.services(old, next);
  if (services.length === 0) return { kind: 'pass', judged: false, reasons: [] };
  const reasons = pass(await cutOver.judge(old, next, windowMs));
  if (reasons.length === 0 || dryRun) return { kind: 'pass', judged: true, reasons };
  const texts = [
    ...(ignoreAddresses.length === 0 ? [] : [`disregarded: ${ignoreAddresses.join(', ')}`]),
    ...reasons.slice(0, maxAudited).map(({ service, who, why }) => `${service}: ${who}: ${why}`),
  ];
  if (!reasons.some(refuses)) {
    await audit.append({ kind: 'cut-over-warned', ...by, services, reasons: texts });
    log.warn(
      { services, reasons: reasons.length, author: by.author },
      'made strict: the remaining reasons were waited for long enough, or disregarded by the operator',
    );
    return { kind: 'pass', judged: true, reasons };
  }
  if (!force) return { kind: 'refused', error: refusedCutOver(services, reasons) };
  // Before the change: without its record, a change is not forced.
  await audit.append({ kind: 'cut-over-forced', ...by, services, reasons: texts });
  log.warn({ services, reasons: reasons.length, author: by.author }, 'made strict despite the reasons of the gate');
  return { kind: 'pass', judged: true, reasons, forced: services };
}

const maxAudited = 100;
