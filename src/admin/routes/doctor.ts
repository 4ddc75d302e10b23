// What is wrong with the calls of one caller to one service, and what to do.
import { diagnose } from '../../doctor/diagnose.ts';
import { defined } from '../../lib/defined.ts';
import type { AdminDeps } from '../deps.ts';
import { gatherFacts } from '../doctor/gather.ts';
import { ok, type Route, route } from '../route.ts';
import { diagnosisSchema, doctorQuerySchema } from '../wire-doctor.ts';
import type { ProxyRow } from '../wire-proxies.ts';

/** `rows`: every known proxy. */
export function doctorRoutes(deps: AdminDeps, rows: () => Promise<readonly ProxyRow[]>): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/doctor',
      access: 'viewer',
      summary: 'Why calls of one caller to one service fail: the likeliest cause first, each with what to do.',
      query: doctorQuerySchema,
      answer: diagnosisSchema,
      errors: [404, 503],
      async handle({ query }) {
        const facts = await gatherFacts(query, deps, rows);
        const { verdict, findings, checked } = diagnose(facts);
        const { caller, call, policy, unseen } = facts;
        return ok({
          verdict,
          caller: caller.who,
          target: call.target,
          operation: call.operation,
          findings: [...findings],
          ...defined({ rule: policy.rule }),
          checked,
          unseen,
        });
      },
    }),
  ];
}
