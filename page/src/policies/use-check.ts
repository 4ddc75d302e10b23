// What a change would do, asked while it is typed.
import { useEffect, useState } from 'preact/hooks';
import type { DiffAnswer, DiffBody, ErrorBody } from '../../../src/admin/wire.ts';
import { errorBody } from '../api/call.ts';
import { useLive } from '../api/context.ts';
import type { Problem } from './problems.tsx';

export type Check =
  | { readonly kind: 'none' }
  | { readonly kind: 'checking' }
  | { readonly kind: 'good'; readonly answer: DiffAnswer; readonly problems: readonly Problem[] }
  /** The documents are not valid. */
  | { readonly kind: 'wrong'; readonly problems: readonly Problem[] }
  | { readonly kind: 'failed'; readonly error: ErrorBody };

const pauseMs = 500;

/** `body` undefined: there is nothing to check. Checked again when it, or what is in force, changes. */
export function useCheck(body: DiffBody | undefined): Check {
  const { post, pulse } = useLive();
  const [check, setCheck] = useState<Check>({ kind: 'none' });
  const key = body === undefined ? undefined : JSON.stringify(body);
  const revision = pulse?.revision;
  // `key` is the body; `revision` says that the answer may be another.
  useEffect(() => {
    if (key === undefined) return setCheck({ kind: 'none' });
    let gone = false;
    setCheck((before) => (before.kind === 'none' ? { kind: 'checking' } : before));
    const timer = setTimeout(async () => {
      const next = await ask(post, key);
      if (!gone) setCheck(next);
    }, pauseMs);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key, post, revision]);
  return check;
}

async function ask(post: ReturnType<typeof useLive>['post'], key: string): Promise<Check> {
  try {
    const answer = await post<DiffAnswer>('/v1/diff', JSON.parse(key));
    const errors = answer.problems.some(({ severity }) => severity === 'error');
    return errors ? { kind: 'wrong', problems: answer.problems } : { kind: 'good', answer, problems: answer.problems };
  } catch (reason) {
    const error = errorBody(reason);
    return error.problems === undefined ? { kind: 'failed', error } : { kind: 'wrong', problems: error.problems };
  }
}
