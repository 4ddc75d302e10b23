// Whether calls of that caller reach that service, and what to do if they do not.
import type { DiagnosisAnswer } from '../../../src/admin/wire-doctor.ts';
import { marksOf, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Findings } from '../troubles/findings.tsx';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Read } from '../ui/states.tsx';
import type { Question } from './explain.tsx';

const words: Readonly<Record<DiagnosisAnswer['verdict'], { readonly tone: Tone; readonly means: string }>> = {
  broken: { tone: 'bad', means: 'What breaks them is known.' },
  failing: { tone: 'warn', means: 'Calls failed within the last minutes.' },
  fine: { tone: 'good', means: 'Nothing was found that would break a call, and one got through.' },
  unknown: { tone: 'quiet', means: 'Nothing was found, and not enough could be looked at.' },
};

/** Nothing, until a caller and a service are named. */
export function Diagnosis({
  question: { caller, target, port, method, path, request },
}: {
  readonly question: Question;
}) {
  const { pulse } = useLive();
  const asked = (request ?? '') === '' && caller !== undefined && target !== undefined;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries({ caller, target, port, method, path })) {
    if (value !== undefined && value !== '') search.set(name, value);
  }
  const query = useQuery<DiagnosisAnswer>(asked ? `/v1/doctor?${search}` : undefined, {
    mark: marksOf(pulse?.marks),
    everyMs: 10_000,
  });
  // The decision above says it.
  if (!asked || (query.kind === 'failed' && query.error.code === 'not_found')) return null;
  return (
    <section aria-labelledby="diagnosis">
      <h2 id="diagnosis">Do its calls get through?</h2>
      <Read query={query} what="what is known of its calls">
        {(answer) => <Shown answer={answer} />}
      </Read>
    </section>
  );
}

function Shown({ answer: { verdict, findings, checked, unseen, rule } }: { readonly answer: DiagnosisAnswer }) {
  return (
    <>
      <p>
        <Badge tone={words[verdict].tone}>{verdict}</Badge> {words[verdict].means}
      </p>
      {findings.length === 0 ? null : <Findings findings={findings} />}
      {rule === undefined ? null : <pre>{rule}</pre>}
      <Sentences title="In order" list={checked} />
      <Sentences title="Could not be looked at" list={unseen} />
    </>
  );
}

function Sentences({ title, list }: { readonly title: string; readonly list: readonly string[] }) {
  if (list.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="list">
        {list.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </>
  );
}
