// What a view shows when it has nothing to show: loading, empty, failed, out of date.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../src/admin/wire.ts';
import type { Query } from '../api/use-query.ts';

/** Nothing for the first moment, so that what is fast does not flicker. */
export function Loading({ what }: { readonly what: string }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="state" role="status">
      {slow ? <p class="quiet">Reading {what} …</p> : null}
    </div>
  );
}

/** `within`: below the view's own heading. */
export function Empty({
  title,
  within = false,
  children,
}: {
  readonly title: string;
  readonly within?: boolean;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="state">
      {within ? <h2>{title}</h2> : <h1>{title}</h1>}
      {children}
    </div>
  );
}

export function Failed({ error, again }: { readonly error: ErrorBody; readonly again?: (() => void) | undefined }) {
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{error.message}</strong>
      </p>
      {error.hint === undefined ? null : <p>{error.hint}</p>}
      {again === undefined ? null : (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The one of these that fits, or what was read. */
export function Read<T>({
  query,
  what,
  children,
}: {
  readonly query: Query<T>;
  readonly what: string;
  readonly children: (value: T) => ComponentChildren;
}) {
  if (query.kind === 'loading') return <Loading what={what} />;
  if (query.kind === 'failed') return <Failed error={query.error} again={query.again} />;
  return (
    <>
      {query.stale === undefined ? null : (
        <div class="notice warn" role="status">
          <p>
            This is not the latest: {query.stale.message}.{' '}
            <button type="button" class="link" onClick={query.again}>
              Try again
            </button>
          </p>
        </div>
      )}
      {children(query.value)}
    </>
  );
}
