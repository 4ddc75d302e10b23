// A change beyond the limits is held: it waits, with the reasons, for somebody who approves it, or passes if their codes were confirmed,
// which is recorded first. Where nobody may approve what they wrote themselves, their own confirmation does not count either.
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { RevisionChange } from '../store/revision.ts';
import type { Authored } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import type { HeldChange } from './held-changes.ts';
import { type HttpError, heldChange, heldForOthers } from './http-error.ts';
import { differences, type Plan } from './plan.ts';
import { asSent, type Trial } from './trial.ts';

export interface ConfirmQuestion extends Pick<Trial, 'before' | 'after'> {
  readonly plan: Plan;
  /** Codes of reasons, as the caller knows them. */
  readonly confirm: readonly string[];
  /** It waited, and was approved as it was shown. */
  readonly approved: boolean;
  readonly dryRun: boolean;
  readonly by: Authored;
}

export type Confirmed =
  /** `codes`: those that were needed. `waiting`: reasons that nobody confirmed yet, of a dry run. */
  | { readonly kind: 'pass'; readonly codes?: readonly string[]; readonly waiting?: Problem[] }
  | { readonly kind: 'held'; readonly error: HttpError };

const maxAudited = 20;

/** A dry run records nothing. Documents that will be refused are none of its business. */
export async function confirmed(
  deps: Pick<AdminDeps, 'limits' | 'held' | 'approveOwn' | 'audit' | 'log'>,
  { before, after, plan, confirm, approved, dryRun, by }: ConfirmQuestion,
): Promise<Confirmed> {
  const { limits, approveOwn, audit, log } = deps;
  if (limits === undefined || after.mesh === undefined) return { kind: 'pass' };
  const reasons = asSent(limits.beyond(before, { ...after, problems: [] }), plan);
  if (reasons.length === 0) return { kind: 'pass' };
  const waiting = reasons.filter(({ code }) => !approved && !(approveOwn && confirm.includes(code)));
  if (dryRun) return { kind: 'pass', ...(waiting.length === 0 ? {} : { waiting: [...waiting] }) };
  const codes = [...new Set(reasons.map(({ code }) => code))];
  const texts = reasons.slice(0, maxAudited).map(({ code, message }) => `${code}: ${message}`);
  const change = { author: by.author, changes: revisionChanges(before.documents, plan), reasons: texts };
  if (waiting.length > 0) {
    limits.held(waiting);
    const rev = await keep(deps, change);
    log.warn({ author: by.author, reasons: texts }, 'a change is held: nobody has confirmed it');
    return { kind: 'held', error: approveOwn ? heldChange(waiting, codes, rev) : heldForOthers(waiting, rev) };
  }
  // Before the change: without its record, nothing is confirmed.
  await audit.append({ kind: 'change-confirmed', ...by, codes, reasons: texts });
  log.warn({ author: by.author, codes, reasons: texts }, 'a change beyond the limits was confirmed');
  if (!approved) forget(deps, change);
  return { kind: 'pass', codes };
}

function revisionChanges(before: readonly ParsedDocument[], plan: Plan): readonly RevisionChange[] {
  return differences(before, plan).map(({ key, before: was, after }) => ({
    // A plan names documents only by what the store accepts as keys.
    key: key as RevisionChange['key'],
    ...defined({ before: was, after }),
  }));
}

/** Its name among the changes that wait; undefined where it cannot be kept: then only its author can make it. */
async function keep(
  { held, audit, log }: Pick<AdminDeps, 'held' | 'audit' | 'log'>,
  change: HeldChange,
): Promise<string | undefined> {
  try {
    const { rev, isNew } = await held.hold(change);
    const { author, changes, reasons } = change;
    if (isNew) await audit.append({ kind: 'change-waits', author, rev, keys: changes.map(({ key }) => key), reasons });
    return rev;
  } catch (reason) {
    log.warn({ reason: CellwallError.from(reason).message }, 'a change that is held does not wait for approval');
    return undefined;
  }
}

/** Its author has confirmed it: nobody needs to approve it. Nothing waits for this. */
function forget({ held, log }: Pick<AdminDeps, 'held' | 'log'>, change: HeldChange): void {
  held.drop(held.nameOf(change)).catch((reason: unknown) => {
    log.warn({ reason: CellwallError.from(reason).message }, 'a change that was confirmed still waits for approval');
  });
}
