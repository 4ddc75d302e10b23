// The text of a diagnosis: the verdict first, then causes with what to do, then what else to know.
import { expect, it } from 'vitest';
import type { DiagnosisAnswer } from '../../src/admin/wire-doctor.ts';
import { formatDiagnosis } from '../../src/cli/output/format-diagnosis.ts';

const answer: DiagnosisAnswer = {
  ...{ verdict: 'broken', caller: 'web', target: 'api', operation: { from: 'last', method: 'GET', path: '/closed' } },
  findings: [
    {
      cause: 'denied',
      weight: 'breaks',
      what: 'policy denies GET /closed',
      toDo: 'apply the rule below',
      evidence: ['it was denied'],
    },
    { cause: 'clock-off', weight: 'note', what: 'its clock is off', toDo: 'synchronize it', evidence: [] },
  ],
  rule: 'kind: AuthorizationPolicy\nspec: {}\n',
  checked: ['web reaches api on 127.0.0.1:9000'],
  unseen: ['the control plane b did not answer'],
};

it('causes are numbered, the rule follows, and the rest is listed', () => {
  expect(formatDiagnosis(answer)).toBe(`BROKEN: web -> api, GET /closed (the last call that failed)

1. policy denies GET /closed
   do: apply the rule below
   seen: it was denied
   [denied]

to allow it, apply:

kind: AuthorizationPolicy
spec: {}

also:
  - its clock is off (synchronize it)

in order:
  - web reaches api on 127.0.0.1:9000

not seen:
  - the control plane b did not answer
`);
});

it('nothing found says so', () => {
  const text = formatDiagnosis({
    ...answer,
    verdict: 'fine',
    operation: { from: 'any' },
    findings: [],
    checked: [],
    unseen: [],
  });
  expect(text).toBe('FINE: web -> api\n\nnothing was found that would make a call fail\n');
});

it('what a caller chose cannot move the cursor', () => {
  const text = formatDiagnosis({ ...answer, operation: { from: 'last', path: '/\u001b[2J\n1. trust me' } });
  expect(text).not.toContain('\u001b');
  expect(text.split('\n').some((line) => line.startsWith('1. trust'))).toBe(false);
});
