// A change of documents, from a plan to its answer: dry run, gate, store, warnings. The store's check decides; nothing here delays an
// urgent change of policy.

import { setImmediate } from 'node:timers/promises';
import type { AuditEvent } from '../audit/audit-event.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { DocumentKey } from '../model/documents/document.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import { refuseConflict } from '../store/refuse.ts';
import type { ApplyOptions } from '../store/store.ts';
import type { WaitingChange } from '../store/waiting-change.ts';
import type { RequestTrace } from '../tracing/change-traces.ts';
import { type Authored, authored, type Caller } from './caller.ts';
import { confirmed } from './confirmed.ts';
import type { AdminDeps } from './deps.ts';
import { type GateAnswer, gate, mayCutOver } from './gate.ts';
import { invalidDocuments } from './http-error.ts';
import { recentImpact } from './impact.ts';
import { differences, type Plan } from './plan.ts';
import { type Answer, ok } from './route.ts';
import { type TracedOptions, tracedChange } from './traced-change.ts';
import { asSent, tryPlan, warningsOf } from './trial.ts';
import { warnOfChange } from './warn-of-change.ts';
import type { ApplyAnswer } from './wire.ts';

/**
 * `since`: how far back the gate looks. `urgent`: is not gathered with other changes. `receivedAt`: epoch
 * milliseconds.
 */
export interface ChangeOptions extends TracedOptions {
  readonly reason?: string | undefined;
  readonly force: boolean;
  readonly since?: string | undefined;
  readonly ignoreAddresses?: readonly string[] | undefined;
  /** Codes of reasons for which a change is otherwise held. */
  readonly confirm?: readonly string[] | undefined;
  readonly expectedRevision?: number | undefined;
  /** For a rollback: the revision that it goes back to. */
  readonly to?: number;
  /** What waited, and is approved by `caller`. */
  readonly approving?: readonly WaitingChange[];
}

export type Change = (plan: Plan, options: ChangeOptions) => Promise<Answer<ApplyAnswer>>;

/** Problems of the documents, and reasons of the gate, are answers; they are not thrown. */
export function createChange(deps: AdminDeps): Change {
  const { store, log } = deps;
  const change: Change = async (plan, options) => {
    const {
      caller,
      reason,
      dryRun,
      urgent,
      force,
      since,
      ignoreAddresses = [],
      confirm = [],
      expectedRevision,
      receivedAt,
      to,
      approving,
      trace,
    } = options;
    const step: RequestTrace['step'] = trace === undefined ? (_, work) => work() : trace.step;
    const by = approving === undefined ? authored(caller, reason) : approvedBy(approving, caller, reason);
    if (hasErrors(plan.problems)) return invalid(plan.problems);
    const { before, after, problems } = step('validate', () => tryPlan(store, plan));
    const rawAsBefore = checkRawRight(caller, before.documents, plan);
    if (dryRun && hasErrors(problems)) return invalid(problems);
    const held = await confirmed(deps, { before, after, plan, confirm, dryRun, by, approved: approving !== undefined });
    if (held.kind === 'held') return { kind: 'error', ...held.error };
    const judged: GateAnswer = mayCutOver(plan)
      ? await step('gate', () =>
          gate(deps, { before, after, since, force, ignoreAddresses, dryRun, by: authored(caller, reason) }),
        )
      : { kind: 'pass', judged: false, reasons: [] };
    if (judged.kind === 'refused') return { kind: 'error', ...judged.error };
    const reasons = [...judged.reasons];
    const way = to === undefined ? {} : { to };
    const { forced } = judged;
    if (dryRun) {
      const found = [...differences(before.documents, plan)];
      const impact = recentImpact(before, after, deps);
      return ok({
        kind: 'dry-run',
        revision: before.revision,
        ...way,
        changed: found.map(({ key }) => key),
        ...deletedOf(
          found.map(({ key }) => key),
          plan,
        ),
        differences: found,
        ...defined({ impact }),
        warnings: [...problems, ...warnOfChange(before.documents, plan)],
        reasons,
        ...defined({ held: held.waiting }),
        ...(held.waiting === undefined || deps.approveOwn ? {} : { byOthers: true as const }),
        receivedAt,
        acceptedAt: receivedAt,
      });
    }
    // What was judged is what is changed: the gate's answer is about this revision, and so is the caller's right.
    const isJudged = judged.judged || rawAsBefore || held.codes !== undefined;
    if (isJudged) refuseConflict(before.revision, defined({ expectedRevision }));
    const expected = isJudged ? before.revision : expectedRevision;
    const applied: ApplyOptions = {
      ...{ author: by.author, urgent, ...defined({ trace: trace?.traceparent }) },
      mark: {
        ...defined({ rolledBackTo: to, forced, confirmed: held.codes, reason }),
        ...(approving === undefined ? {} : { approvedBy: caller.name }),
      },
      ...(approving === undefined ? {} : { direct: directKeys(approving) }),
      ...defined({ expectedRevision: expected }),
    };
    const result = await step('store', () => store.apply(plan.changes, applied));
    const acceptedAt = performance.timeOrigin + performance.now();
    if (result.kind === 'invalid') return invalid([...plan.problems, ...asSent(result.problems, plan)]);
    const { revision } = result;
    const changed = result.kind === 'applied' ? [...result.changed] : [];
    log.info({ revision, changed, urgent, ...by }, `documents ${result.kind}`);
    // The proxies come first: warnings and the audit log can wait until the push is on its way. What is written to streams in one turn of
    // the event loop goes to the sockets in the next.
    await setImmediate();
    await setImmediate();
    if (changed.length > 0) await record(deps, { revision, changed, urgent, ...by });
    const warnings = [...warningsOf(result.warnings, before, plan)];
    const more = { ...deletedOf(changed, plan), ...defined({ restored: result.restored && [...result.restored] }) };
    return ok({ kind: result.kind, revision, ...way, changed, ...more, warnings, reasons, receivedAt, acceptedAt });
  };
  return tracedChange(change, deps.traces);
}

/** The change remains its author's; who approved it is beside that. */
function approvedBy(approving: readonly WaitingChange[], { name }: Caller, reason: string | undefined): Authored {
  const author = [...new Set(approving.map(({ author }) => author))].join(', ');
  return { author: author === '' ? name : author, ...defined({ reason }) };
}

/** Absent if there are none. */
function deletedOf(changed: readonly string[], { changes }: Plan): Pick<ApplyAnswer, 'deleted'> {
  const gone = new Set<string>(changes.flatMap(({ op, key }) => (op === 'delete' ? [key] : [])));
  const deleted = changed.filter((key) => gone.has(key));
  return deleted.length === 0 ? {} : { deleted };
}

function directKeys(approving: readonly WaitingChange[]): ReadonlySet<DocumentKey> {
  const direct = approving.filter(({ origin }) => origin === 'direct');
  return new Set(direct.flatMap(({ changes }) => changes.map(({ key }) => key)));
}

async function record(
  { audit, log }: AdminDeps,
  applied: Omit<Extract<AuditEvent, { readonly kind: 'documents-applied' }>, 'kind'>,
): Promise<void> {
  try {
    await audit.append({ kind: 'documents-applied', ...applied });
  } catch (reason) {
    // It is in force; reporting a failure would be wrong.
    log.error({ reason: CellwallError.from(reason).message, revision: applied.revision }, 'not in the audit log');
  }
}

/** Warnings do not count. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** 422, with every problem. */
export function invalid(problems: readonly Problem[]): Answer<never> {
  return { kind: 'error', ...invalidDocuments(problems) };
}

/**
 * Raw Envoy resources can do nearly anything to a proxy: changing them needs a right in addition to the role. Throws `permission_denied`
 * for a change of raw resources by somebody without that right. Returns whether that depends on the state in force: then the same state
 * must still be in force when the change is made.
 */
function checkRawRight(caller: Caller, before: readonly ParsedDocument[], plan: Plan): boolean {
  // The store refuses a text under another key than its own, so the key tells the kind.
  const changes = plan.changes.filter(({ key }) => key.startsWith('EnvoyResource/'));
  if (caller.rawResources || changes.length === 0) return false;
  const [changed] = differences(before, { ...plan, changes });
  if (changed === undefined) return true;
  throw new CellwallError('permission_denied', `${caller.name} may not change raw resources: ${changed.key}`, {
    hint: 'leave it out, or ask for a token with that right: cellwall admin-token create --raw-resources',
  });
}
