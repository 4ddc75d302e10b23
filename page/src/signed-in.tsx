// The frame around the views: what is live, where one is, who is signed in.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Pulse } from '../../src/admin/page/pulse.ts';
import { ApiError, call } from './api/call.ts';
import { type Live, LiveContext } from './api/context.ts';
import { followLive, type Link } from './api/live.ts';
import { sessionKey, type Who } from './api/session.ts';
import { type Place, placeOf, type View } from './route.ts';
import { Header } from './ui/header.tsx';
import { viewOf } from './views/catalog.tsx';

const ended = 'The session has ended: its time is over, or its token is. Sign in again.';

export function SignedIn({ who, onLeave }: { readonly who: Who; readonly onLeave: (why?: string) => void }) {
  const [link, setLink] = useState<Link>('connecting');
  const [pulse, setPulse] = useState<Pulse>();
  const place = usePlace();

  useEffect(() => {
    const session = sessionKey();
    if (session === undefined) return onLeave(ended);
    return followLive({ session, onPulse: setPulse, onLink: setLink, onEnd: () => onLeave(ended) });
  }, [onLeave]);

  const ask = useCallback(
    async <T,>(method: 'GET' | 'POST', path: string, more: { body?: object; signal?: AbortSignal }): Promise<T> => {
      try {
        return await call<T>(method, path, { ...more, session: sessionKey() });
      } catch (reason) {
        if (reason instanceof ApiError && reason.status === 401) onLeave(ended);
        throw reason;
      }
    },
    [onLeave],
  );
  const get = useCallback(
    <T,>(path: string, signal?: AbortSignal) => ask<T>('GET', path, signal === undefined ? {} : { signal }),
    [ask],
  );
  const post = useCallback(<T,>(path: string, body: object) => ask<T>('POST', path, { body }), [ask]);
  const live: Live = useMemo(() => ({ who, link, pulse, get, post }), [who, link, pulse, get, post]);

  const { title, Component } = viewOf(place);
  const main = useFocusOn(`${place.view}/${place.item ?? ''}`);
  useEffect(() => {
    document.title = `${title} · Cellwall`;
  }, [title]);
  return (
    <LiveContext.Provider value={live}>
      {/* biome-ignore lint/a11y/useValidAnchor: a link within the page; the fragment is the place, so the browser must not follow it. */}
      <a
        class="skip"
        href="#view"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the view
      </a>
      <Header place={place} onSignOut={() => onLeave()} />
      <main id="view" ref={main} tabIndex={-1} aria-label={title}>
        <Component place={place} key={place.view} />
      </main>
    </LiveContext.Provider>
  );
}

function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const look = (): void => setPlace(placeOf(location.hash));
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return place;
}

/** A new view begins at its top, also for whoever hears it. Not the first one: the browser says the page's own title. */
function useFocusOn(where: View | string) {
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // `where` says when.
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [where]);
  return main;
}
