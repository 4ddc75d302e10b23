// The page: who is signed in, or the form to sign in with.
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { ErrorBody } from '../../src/admin/wire.ts';
import { errorBody } from './api/call.ts';
import { forget, signIn, signOut, takeCode, takeWhyOut, type Who, whoIsIn } from './api/session.ts';
import { SignedIn } from './signed-in.tsx';
import { Failed, Loading } from './ui/states.tsx';
import { SignIn } from './views/sign-in.tsx';

type State =
  | { readonly kind: 'asking' }
  | { readonly kind: 'failed'; readonly error: ErrorBody }
  | { readonly kind: 'out'; readonly why?: string }
  | { readonly kind: 'in'; readonly who: Who };

export function App() {
  const [state, setState] = useState<State>({ kind: 'asking' });
  const ask = useCallback(async () => {
    setState({ kind: 'asking' });
    const [code, whyOut] = [takeCode(), takeWhyOut()];
    try {
      const who = code === undefined ? await whoIsIn() : await signIn(code);
      setState(
        who === undefined ? { kind: 'out', ...(whyOut === undefined ? {} : { why: whyOut }) } : { kind: 'in', who },
      );
    } catch (reason) {
      const error = errorBody(reason);
      setState(code === undefined ? { kind: 'failed', error } : { kind: 'out', why: `${error.message}.` });
    }
  }, []);
  useEffect(() => {
    void ask();
  }, [ask]);
  const leave = useCallback((why?: string) => {
    if (why === undefined) void signOut();
    else forget();
    setState({ kind: 'out', ...(why === undefined ? {} : { why }) });
  }, []);

  switch (state.kind) {
    case 'asking':
      return <Loading what="who is signed in" />;
    case 'failed':
      return (
        <main class="narrow">
          <h1>Cellwall</h1>
          <Failed error={state.error} again={() => void ask()} />
        </main>
      );
    case 'out':
      return <SignIn why={state.why} onIn={(who) => setState({ kind: 'in', who })} />;
    case 'in':
      return <SignedIn who={state.who} onLeave={leave} />;
    default:
      return state satisfies never;
  }
}
