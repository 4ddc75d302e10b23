// What is wrong, and what to do: with the calls of one caller to one service; with the mesh.
import { diagnose } from '../../doctor/diagnose.ts';
import { diagnoseMesh } from '../../doctor/mesh/diagnose-mesh.ts';
import { defined } from '../../lib/defined.ts';
import { onceAWhile } from '../../lib/once-a-while.ts';
import type { AdminDeps } from '../deps.ts';
import { gatherFacts } from '../doctor/gather.ts';
import { gatherMesh, type MeshReaders } from '../doctor/gather-mesh.ts';
import { ok, type Route, route } from '../route.ts';
import { diagnosisSchema, doctorQuerySchema, meshDiagnosisSchema } from '../wire-doctor.ts';

/** Every page that is open asks. */
const keptMs = 1000;

export function doctorRoutes(deps: AdminDeps, readers: MeshReaders): readonly Route[] {
  const readMesh = onceAWhile({ clock: deps.clock, forMs: keptMs }, () => gatherMesh(deps, readers));
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
        const facts = await gatherFacts(query, deps, readers.rows);
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
          unseen: unseen.map(({ text }) => text),
        });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/doctor/mesh',
      access: 'viewer',
      summary: 'What is wrong in the whole mesh right now: the worst first, each with what to do.',
      answer: meshDiagnosisSchema,
      async handle() {
        const facts = await readMesh();
        const { verdict, findings, omitted, checked } = diagnoseMesh(facts);
        return ok({
          ...{ verdict, findings: [...findings], checked, unseen: facts.unseen.map(({ text }) => text) },
          ...(omitted === 0 ? {} : { omitted }),
        });
      },
    }),
  ];
}
