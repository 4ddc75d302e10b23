// The tests of whoever edits: calls that must be allowed, or denied, with what is in force and with the change.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { DiffBody, ErrorBody } from '../../../src/admin/wire.ts';
import type { TriedAnswer, TriedOutcome } from '../../../src/admin/wire-try.ts';
import { errorBody } from '../api/call.ts';
import { useLive } from '../api/context.ts';
import { Badge } from '../ui/badge.tsx';
import { Failed } from '../ui/states.tsx';
import { type CallTest, keepTests, maxTests, nameOf, readTests } from './kept-tests.ts';

/** `body`: the change, if it is valid. */
export function Tests({ body }: { readonly body: DiffBody | undefined }) {
  const [tests, setTests] = useState(() => readTests(localStorage));
  const { answer, error } = useTried(tests, body);
  const change = (next: readonly CallTest[]): void => {
    keepTests(localStorage, next);
    setTests(next);
  };
  const results = tests.map((test, index) => ({ test, index, tried: answer?.calls[index] }));
  const wrong = results.filter(({ test, tried }) => tried !== undefined && tried.after.decision !== test.expect).length;
  return (
    <section aria-labelledby="tests">
      <h2 id="tests">
        Tests{' '}
        {tests.length === 0 || answer === undefined ? null : (
          <Badge tone={wrong === 0 ? 'good' : 'bad'}>
            {wrong === 0 ? 'all pass' : `${wrong} of ${tests.length} fail`}
          </Badge>
        )}
      </h2>
      <p class="quiet">
        Calls that must be allowed, or denied. They are tried with every change that you type, and kept in this browser.
      </p>
      {error === undefined ? null : <Failed error={error} />}
      {tests.length === 0 ? null : (
        <ul class="findings">
          {results.map(({ test, index, tried }) => (
            <li key={`${index} ${nameOf(test)}`} class="finding">
              <Result test={test} tried={tried} changed={body !== undefined} />{' '}
              <button type="button" class="link" onClick={() => change(tests.filter((_, at) => at !== index))}>
                Remove
              </button>
            </li>
          ))}
        </ul>
      )}
      {tests.length >= maxTests ? null : <NewTest onAdd={(test) => change([...tests, test])} />}
    </section>
  );
}

interface Tried {
  readonly answer?: TriedAnswer;
  readonly error?: ErrorBody;
}

const pauseMs = 500;

/** Undefined until it was answered for these tests and this change. */
function useTried(tests: readonly CallTest[], body: DiffBody | undefined): Tried {
  const { post, pulse } = useLive();
  const [found, setFound] = useState<{ readonly of: string } & Tried>({ of: '' });
  const calls = tests.map(({ expect: _, ...call }) => call);
  const key = JSON.stringify({ ...body, calls });
  const revision = pulse?.revision;
  // `revision` says that the answer may be another.
  useEffect(() => {
    if (calls.length === 0) return;
    let gone = false;
    const timer = setTimeout(async () => {
      const next = await post<TriedAnswer>('/v1/try', JSON.parse(key)).then(
        (answer): Tried => ({ answer }),
        (reason: unknown): Tried => ({ error: errorBody(reason) }),
      );
      if (!gone) setFound({ of: key, ...next });
    }, pauseMs);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key, post, revision, calls.length]);
  return found.of === key ? found : {};
}

function Result({
  test,
  tried,
  changed,
}: {
  readonly test: CallTest;
  readonly tried: TriedAnswer['calls'][number] | undefined;
  readonly changed: boolean;
}) {
  const passes = tried?.after.decision === test.expect;
  return (
    <>
      <Badge tone={tried === undefined ? 'quiet' : passes ? 'good' : 'bad'}>
        {tried === undefined ? 'trying' : passes ? 'passes' : 'fails'}
      </Badge>{' '}
      <b>{nameOf(test)}</b> must be {test.expect}
      {tried === undefined ? null : (
        <span class="quiet">
          : {changed && tried.before.decision !== tried.after.decision ? `now ${tried.before.decision}, then ` : ''}
          {tried.after.decision} ({reasonOf(tried.after)})
        </span>
      )}
    </>
  );
}

function reasonOf({ reason, document }: TriedOutcome): string {
  return document === undefined ? reason : `${reason}: ${document}`;
}

function NewTest({ onAdd }: { readonly onAdd: (test: CallTest) => void }) {
  const form = useRef<HTMLFormElement>(null);
  const add = (event: Event): void => {
    event.preventDefault();
    if (form.current === null) return;
    const fields = new FormData(form.current);
    const text = (name: string): string => String(fields.get(name) ?? '').trim();
    const [caller, target, method, path] = ['caller', 'target', 'method', 'path'].map(text);
    if (caller === undefined || target === undefined || caller === '' || target === '') return;
    onAdd({
      ...{ caller, target, expect: text('expect') === 'denied' ? 'denied' : 'allowed' },
      ...(method === undefined || method === '' ? {} : { method }),
      ...(path === undefined || path === '' ? {} : { path }),
    });
    form.current.reset();
  };
  return (
    <form class="actions" ref={form} onSubmit={add} aria-label="Another test">
      <input name="caller" aria-label="Caller" placeholder="Caller" maxLength={1024} required autocomplete="off" />
      <input name="target" aria-label="Service" placeholder="Service" maxLength={1024} required autocomplete="off" />
      <input name="method" aria-label="Method" placeholder="Method" maxLength={32} autocomplete="off" />
      <input name="path" aria-label="Path" placeholder="Path" maxLength={1024} autocomplete="off" />
      <select name="expect" aria-label="Must be">
        <option value="allowed">must be allowed</option>
        <option value="denied">must be denied</option>
      </select>
      <button type="submit">Add test</button>
    </form>
  );
}
