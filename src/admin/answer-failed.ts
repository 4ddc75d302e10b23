// Why a call that rules allowed got no complete answer: which hop failed, in words, with the rules that allowed it.

import { failedAnswerWords } from '../doctor/failed-answer-words.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Failed } from '../observe/refusals.ts';
import type { MeshIr } from '../policy/ir.ts';
import { serviceNamed } from '../policy/service-named.ts';
import { answerExplain } from './answer-explain.ts';
import { questionOf } from './question-of.ts';
import type { Explanation } from './wire.ts';

/** Throws `not_found` if the service's document is gone. */
export function answerFailed(mesh: MeshIr, failed: Failed): Explanation {
  const { service, node, status, details } = failed;
  const { why, advice } = failedAnswerWords(details, service);
  const said = status >= 400 ? `answered ${status} in place of its application` : 'allowed the call, which failed';
  const reason = `${service}'s own sidecar (${node}) ${said}: ${why}`;
  const document = serviceNamed(mesh, service);
  if (document === undefined) {
    throw new CellwallError('not_found', `${reason}; since then the Service was deleted`, { hint: advice });
  }
  const { decision, remedy: _, ...rules } = answerExplain(mesh, questionOf(mesh, failed));
  return {
    ...rules,
    decision: 'failed',
    stage: 'application',
    reason,
    document: `Service/${service}`,
    source: document.source,
    notes: [
      `what to do: ${advice}`,
      decision === 'allowed'
        ? `rules allowed it: ${rules.reason}`
        : `the documents have changed since, or rules look at something that is not logged: they would deny it now: ${rules.reason}`,
      ...rules.notes,
    ],
  };
}
