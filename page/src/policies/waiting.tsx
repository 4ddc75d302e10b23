// Changes that wait for a second word.
import { useState } from 'preact/hooks';
import type { ErrorBody } from '../../../src/admin/wire.ts';
import type { WaitingAnswer } from '../../../src/admin/wire-waiting.ts';
import { errorBody } from '../api/call.ts';
import { mayEdit, useLive } from '../api/context.ts';
import { useQuery } from '../api/use-query.ts';
import { Failed } from '../ui/states.tsx';
import { useNow, When } from '../ui/when.tsx';
import { Diff } from './diff.tsx';

type One = WaitingAnswer['waiting'][number];

/** Nothing, as long as none do. */
export function Waiting() {
  const { pulse } = useLive();
  const query = useQuery<WaitingAnswer>('/v1/waiting', { mark: pulse?.marks.documents, everyMs: 10_000 });
  if (query.kind === 'failed') return <Failed error={query.error} again={query.again} />;
  if (query.kind === 'loading' || query.value.waiting.length === 0) return null;
  return (
    <section aria-labelledby="waiting">
      <h2 id="waiting">Waiting for approval</h2>
      {query.value.waiting.map((one) => (
        <Change one={one} key={one.rev} onDone={query.again} />
      ))}
    </section>
  );
}

function Change({ one, onDone }: { readonly one: One; readonly onDone: () => void }) {
  const { who, post } = useLive();
  const now = useNow(5000);
  const [error, setError] = useState<ErrorBody>();
  const decide = async (path: '/v1/waiting/approve' | '/v1/waiting/reject'): Promise<void> => {
    setError(undefined);
    try {
      await post(path, { revs: [one.rev] });
      onDone();
    } catch (reason) {
      setError(errorBody(reason));
    }
  };
  return (
    <article class="card">
      <p>
        <b>{one.author}</b>, <When at={one.since} now={now} /> <span class="quiet mono">{one.rev}</span>
      </p>
      <ul class="list">
        {one.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      <Diff differences={one.changes} />
      {error === undefined ? null : <Failed error={error} />}
      <div class="actions">
        {who.role === 'admin' ? (
          <button type="button" class="primary" onClick={() => void decide('/v1/waiting/approve')}>
            Approve
          </button>
        ) : null}
        {mayEdit(who) ? (
          <button type="button" onClick={() => void decide('/v1/waiting/reject')}>
            Reject
          </button>
        ) : null}
      </div>
    </article>
  );
}
