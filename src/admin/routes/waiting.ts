// What waits for approval, and somebody's word on it. An approval is bound to what was looked at: the exact texts, and why they wait.
import { CellwallError } from '../../lib/errors.ts';
import { documentOf } from '../../store/plan-changes.ts';
import type { Change as StoreChange } from '../../store/store.ts';
import type { WaitingChange } from '../../store/waiting-change.ts';
import { authored, type Caller } from '../caller.ts';
import { createChange } from '../change.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import { createPlan } from '../plan.ts';
import { ok, type Route, route } from '../route.ts';
import { allOf, createWaiting } from '../waiting.ts';
import { applyAnswerSchema, type Difference } from '../wire.ts';
import { approveBodySchema, rejectAnswerSchema, rejectBodySchema, waitingSchema } from '../wire-waiting.ts';

/** Others may change other documents all the time. */
const maxAttempts = 10;

export function waitingRoutes(deps: AdminDeps): readonly Route[] {
  const { store, held, approveOwn, audit, log } = deps;
  const waiting = createWaiting({ held, store });
  const change = createChange(deps);
  return [
    route({
      method: 'GET',
      url: '/v1/waiting',
      access: 'viewer',
      summary: 'Changes that are not in force because they wait for approval, the oldest first.',
      answer: waitingSchema,
      errors: [503],
      async handle() {
        const all = await waiting.list();
        return ok({
          revision: inForceOrNothing(store).revision,
          ...(all.length === 0 ? {} : { all: allOf(all) }),
          waiting: all.map(({ reasons, changes, ...rest }) => ({
            ...rest,
            reasons: [...reasons],
            changes: changes.map(differenceOf),
          })),
        });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/waiting/approve',
      access: 'admin',
      summary: 'Put what waits in force, as it was looked at. What makes services strict must pass the gate (412).',
      body: approveBodySchema,
      answer: applyAnswerSchema,
      errors: [404, 409, 412, 422, 503],
      async handle({ body: { revs, ...options }, caller, receivedAt, traceparent }) {
        for (let attempt = 1; ; attempt++) {
          const found = await waiting.find(revs);
          if (!approveOwn) refuseOwn(found, caller);
          const { documents, revision } = inForceOrNothing(store);
          const changes = found.flatMap((one) => one.changes.map(storeChange));
          for (const { key, before } of found.flatMap((one) => one.changes)) {
            if (documentOf(documents, key)?.text !== before) throw changedSince(key);
          }
          const plan = createPlan({ changes });
          const given = {
            ...{ ...options, caller, urgent: true, expectedRevision: revision, receivedAt, traceparent },
            approving: found,
          };
          const answer = await change(plan, given).catch((reason: unknown) => {
            const { code } = CellwallError.from(reason);
            if (code === 'aborted' && attempt < maxAttempts) return undefined;
            throw reason;
          });
          if (answer === undefined) continue;
          if (answer.kind !== 'ok' || answer.value.kind === 'dry-run') return answer;
          await waiting.approved(found);
          const { author, ...why } = authored(caller, options.reason);
          await audit.append({
            ...{ kind: 'change-approved', author, by: authorsOf(found), revs: found.map(({ rev }) => rev), ...why },
            ...{ revision: answer.value.revision, keys: changes.map(({ key }) => key) },
          });
          return answer;
        }
      },
    }),
    route({
      method: 'POST',
      url: '/v1/waiting/reject',
      access: 'editor',
      summary: 'Drop what waits. A document that was written into the store itself is restored there.',
      body: rejectBodySchema,
      answer: rejectAnswerSchema,
      errors: [404, 409, 503],
      async handle({ body: { revs, reason }, caller }) {
        const found = await waiting.find(revs);
        await waiting.reject(found);
        const [rejected, keys] = [
          found.map(({ rev }) => rev),
          found.flatMap((one) => one.changes.map(({ key }) => key)),
        ];
        const by = authorsOf(found);
        await audit.append({ kind: 'change-rejected', ...authored(caller, reason), by, revs: rejected, keys });
        log.info({ keys, author: caller.name }, 'a change that waited was rejected');
        return ok({ rejected, keys });
      },
    }),
  ];
}

function storeChange({ key, after }: WaitingChange['changes'][number]): StoreChange {
  return after === undefined ? { op: 'delete', key } : { op: 'put', key, text: after };
}

function differenceOf({ key, before, after }: WaitingChange['changes'][number]): Difference {
  const op = before === undefined ? 'create' : after === undefined ? 'delete' : 'update';
  return { key, op, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

function authorsOf(changes: readonly WaitingChange[]): string {
  return [...new Set(changes.map(({ author }) => author))].join(', ');
}

function refuseOwn(changes: readonly WaitingChange[], { name }: Caller): void {
  if (!changes.some(({ author }) => author === name)) return;
  throw new CellwallError('permission_denied', `${name} may not approve what ${name} wrote`, {
    hint: 'ask another admin: serve was started with --approve-by-others',
  });
}

function changedSince(key: string): CellwallError {
  return new CellwallError('aborted', `${key} is not what it was when this change was judged`, {
    hint: 'reject this one; then make the change again, from what is in force now',
  });
}
