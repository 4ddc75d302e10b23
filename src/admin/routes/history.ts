// What was changed, the way back, and the evidence.

import { basename } from 'node:path';
import { routineKinds } from '../../audit/audit-event.ts';
import { defined } from '../../lib/defined.ts';
import { changesBack } from '../../store/changes-back.ts';
import type { ChangeMark } from '../../store/revision.ts';
import { createAuditEverywhere } from '../audit-everywhere.ts';
import { authored } from '../caller.ts';
import { createChange } from '../change.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import { createPlan } from '../plan.ts';
import { ok, type Route, route } from '../route.ts';
import { applyAnswerSchema, rollbackBodySchema } from '../wire.ts';
import { auditQuerySchema, auditSchema, checkpointsSchema, type HistoryAnswer, historySchema } from '../wire-record.ts';

type RevisionKind = Pick<
  HistoryAnswer['revisions'][number],
  'kind' | 'to' | 'forced' | 'confirmed' | 'reason' | 'approvedBy'
>;

export function historyRoutes(deps: AdminDeps): readonly Route[] {
  const { store, audit } = deps;
  const change = createChange(deps);
  const everywhere = createAuditEverywhere(deps.others, async (last, routine) => {
    const { records, brokenAt, fault } = await audit.read(last, ({ kind }) => routine || !routineKinds.has(kind));
    // Its seal is for those who have the key: whether it is intact is answered.
    return {
      brokenAt,
      what: fault && `${basename(fault.file)}:${fault.line}: ${fault.what}`,
      records: records.map(({ number, time, event, hash }) => ({ number, time, event: { ...event }, hash })),
    };
  });
  return [
    route({
      method: 'GET',
      url: '/v1/history',
      access: 'viewer',
      summary: 'The last revisions, newest first, and what each changed.',
      answer: historySchema,
      errors: [503],
      async handle() {
        const revisions = await store.history();
        const proven = new Map(store.lastGood?.kept().map(({ revision, provenAt }) => [revision, provenAt]));
        return ok({
          revision: inForceOrNothing(store).revision,
          revisions: revisions.map(({ changes, mark, ...rest }) => ({
            ...rest,
            ...kindOf(rest.author, mark),
            ...defined({ provenAt: proven.get(rest.revision) }),
            changed: changes.map(({ key, before, after }) => {
              const op = before === undefined ? 'create' : after === undefined ? 'delete' : 'update';
              return { key, op } as const;
            }),
          })),
        });
      },
    }),
    route({
      method: 'POST',
      url: '/v1/rollback',
      access: 'editor',
      summary:
        'Restore an earlier revision as a new one, in force at once. A rollback that makes services strict must pass the gate (412).',
      body: rollbackBodySchema,
      answer: applyAnswerSchema,
      errors: [404, 409, 412, 422, 503],
      async handle({ body, caller, receivedAt, traceparent }) {
        const { revision } = inForceOrNothing(store);
        const to = body.to ?? revision - 1;
        const changes = changesBack(await store.history(), revision, to);
        const answer = await change(createPlan({ changes: [...changes] }), {
          ...body,
          caller,
          urgent: true,
          expectedRevision: revision,
          receivedAt,
          traceparent,
          to,
        });
        if (answer.kind === 'ok' && answer.value.kind === 'applied') {
          const by = authored(caller, body.reason);
          await audit.append({ kind: 'rolled-back', ...by, to, revision: answer.value.revision });
        }
        return answer;
      },
    }),
    route({
      method: 'GET',
      url: '/v1/audit',
      access: 'viewer',
      summary: 'The audit log, oldest first, and whether its chain is unbroken; of replicas, all of their logs.',
      query: auditQuerySchema,
      answer: auditSchema,
      handle: async ({ query }) => ok(await everywhere(query.last, query.all === 'yes')),
    }),
    route({
      method: 'GET',
      url: '/v1/audit/checkpoints',
      access: 'viewer',
      summary: 'The last signed checkpoint of the audit log of every control plane on the store: to be kept elsewhere.',
      answer: checkpointsSchema,
      errors: [503],
      handle: async () => ok({ checkpoints: (await audit.checkpoints()).map((one) => ({ ...one })) }),
    }),
  ];
}

function kindOf(
  author: string | undefined,
  { rolledBackTo, forced, confirmed, reason, approvedBy }: ChangeMark = {},
): RevisionKind {
  return {
    kind: rolledBackTo !== undefined ? 'rollback' : author === undefined ? 'outside' : 'apply',
    ...defined({ to: rolledBackTo }),
    ...(forced === undefined ? {} : { forced: [...forced] }),
    ...(confirmed === undefined ? {} : { confirmed: [...confirmed] }),
    ...defined({ reason, approvedBy }),
  };
}
