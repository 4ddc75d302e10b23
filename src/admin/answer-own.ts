// Why a caller's own sidecar answered in place of the service: in words, with what rules say about the same call.

import { ownAnswerWords } from '../doctor/own-answer-words.ts';
import { CellwallError } from '../lib/errors.ts';
import type { OwnAnswer } from '../observe/refusals.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { serviceNamed } from '../policy/service-named.ts';
import { answerExplain } from './answer-explain.ts';
import { operationOf } from './operation-of.ts';
import type { Explanation } from './wire.ts';

/** Throws `not_found` if a document that the answer needs is gone. */
export function answerOwn(mesh: MeshIr, answered: OwnAnswer): Explanation {
  const { service, target, node, status, details } = answered;
  const caller = serviceNamed(mesh, service);
  const { why, advice } = ownAnswerWords(details, target);
  const reason = `${service}'s own sidecar (${node}) answered${status >= 400 ? ` ${status}` : ''} itself, and not ${target}: ${why}`;
  const called = portOf(mesh, target);
  if (caller === undefined || called === undefined) {
    throw new CellwallError('not_found', `${reason}; since then a Service of the two was deleted`, { hint: advice });
  }
  const { decision, ...rules } = answerExplain(mesh, {
    caller: caller.spiffeId,
    target: called.key,
    port: called.port,
    ...operationOf(mesh, answered, target),
  });
  const { remedy: _, rule: __, ...rest } = rules;
  return {
    ...rest,
    decision: 'refused',
    stage: 'own-sidecar',
    reason,
    document: `Service/${service}`,
    source: caller.source,
    chain: [],
    notes: [
      `what to do: ${advice}`,
      answered.path === ''
        ? 'the sidecar stopped reading before it knew what was requested'
        : `rules were not consulted; they would now say "${decision}": ${rules.reason}`,
      ...rules.notes,
    ],
  };
}
