import { useEffect, useRef, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../src/admin/wire.ts';
import type { SignInAnswer } from '../../../src/admin/wire-session.ts';
import { errorBody } from '../api/call.ts';
import { signIn, type Who, waysIn } from '../api/session.ts';

export function SignIn({ why, onIn }: { readonly why: string | undefined; readonly onIn: (who: Who) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<ErrorBody>();
  const [busy, setBusy] = useState(false);
  const provider = useProvider();
  useEffect(() => {
    document.title = 'Sign in · Cellwall';
    field.current?.focus();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '' || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      onIn(await signIn(token));
    } catch (reason) {
      setError(errorBody(reason));
      setBusy(false);
      field.current?.select();
    }
  };
  return (
    <main class="narrow">
      <h1>Cellwall</h1>
      {why === undefined ? null : (
        <div class="notice warn" role="status">
          <p>{why}</p>
        </div>
      )}
      {provider === undefined ? null : (
        <p>
          <a class="button primary" href={provider.path}>
            Sign in with {provider.name}
          </a>
        </p>
      )}
      <form class="card" onSubmit={(event) => void submit(event)}>
        <label for="token">Token of the admin API</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby="token-help"
          aria-invalid={error !== undefined}
        />
        <p id="token-help" class="quiet">
          A named one (<code>cellwall admin-token create NAME --role viewer</code>), or that of the data folder. It is
          not kept: this tab stays signed in for eight hours, or until you sign out.
        </p>
        {error === undefined ? null : (
          <p class="error" role="alert">
            {error.code === 'unauthenticated' ? 'The control plane does not accept this token.' : error.message}
            {error.code === 'unauthenticated' ? ' Was it revoked, or has it expired?' : ''}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
      <p class="quiet">
        Without copying a token: <code>cellwall page</code> on the host of the control plane prints an address that
        signs in once.
      </p>
    </main>
  );
}

/** Undefined: there is none, or it is not known: a token does in any case. */
function useProvider(): SignInAnswer['oidc'] {
  const [provider, setProvider] = useState<SignInAnswer['oidc']>();
  useEffect(() => {
    const gone = new AbortController();
    waysIn(gone.signal).then(
      // Nowhere else: what a browser is sent to is this server's.
      ({ oidc }) => setProvider(oidc?.path.startsWith('/v1/') === true ? oidc : undefined),
      () => undefined,
    );
    return () => gone.abort();
  }, []);
  return provider;
}
