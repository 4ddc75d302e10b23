// An answer of the API for a view: read when the view opens, again when its mark changes, and every now and then. What was read stays while
// the next answer is under way, and if that fails, beside the reason.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ErrorBody } from '../../../src/admin/wire.ts';
import { errorBody } from './call.ts';
import { useLive } from './context.ts';

export type Query<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'failed'; readonly error: ErrorBody; readonly again: () => void }
  | {
      readonly kind: 'ready';
      readonly value: T;
      /** Why it is not the latest. */
      readonly stale?: ErrorBody;
      readonly again: () => void;
    };

export interface QueryOptions {
  /** Read again when it changes. */
  readonly mark?: string | undefined;
  /** And every so many milliseconds, while the page is seen. Default: never. */
  readonly everyMs?: number;
}

interface Found<T> {
  readonly path?: string;
  readonly value?: T;
  readonly error?: ErrorBody;
}

/** `path` undefined: not yet. One request at a time: what changes meanwhile is asked for afterwards, once. */
export function useQuery<T>(path: string | undefined, { mark, everyMs }: QueryOptions = {}): Query<T> {
  const { get } = useLive();
  const [found, setFound] = useState<Found<T>>({});
  const ask = useRef<(() => void) | undefined>(undefined);
  const seen = useRef(mark);
  const again = useCallback(() => ask.current?.(), []);

  useEffect(() => {
    if (path === undefined) return;
    const gone = new AbortController();
    let [busy, wanted] = [false, false];
    const send = async (): Promise<void> => {
      if (busy) {
        wanted = true;
        return;
      }
      busy = true;
      try {
        const value = await get<T>(path, gone.signal);
        if (!gone.signal.aborted) setFound({ path, value });
      } catch (reason) {
        if (gone.signal.aborted) return;
        const error = errorBody(reason);
        setFound((before) => (before.path === path ? { ...before, error } : { path, error }));
      } finally {
        busy = false;
        if (wanted && !gone.signal.aborted) {
          wanted = false;
          void send();
        }
      }
    };
    ask.current = () => void send();
    void send();
    return () => {
      gone.abort();
      ask.current = undefined;
    };
  }, [path, get]);

  useEffect(() => {
    if (seen.current === mark) return;
    seen.current = mark;
    again();
  }, [mark, again]);

  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, again]);

  if (found.path !== path) return { kind: 'loading' };
  const { value, error } = found;
  if (value !== undefined) return { kind: 'ready', value, again, ...(error === undefined ? {} : { stale: error }) };
  return error === undefined ? { kind: 'loading' } : { kind: 'failed', error, again };
}
