// What every view needs of the session: who is signed in, what is live, and how to ask.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Pulse } from '../../../src/admin/page/pulse.ts';
import type { Link } from './live.ts';
import type { Who } from './session.ts';

export interface Live {
  readonly who: Who;
  readonly link: Link;
  /** Undefined until the first event. */
  readonly pulse: Pulse | undefined;
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body: object): Promise<T>;
}

export const LiveContext = createContext<Live | undefined>(undefined);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error('nobody is signed in');
  return live;
}

export function mayEdit({ role }: Who): boolean {
  return role !== 'viewer';
}

/** Both of them change what views of the mesh show. */
export function marksOf(marks: Pulse['marks'] | undefined): string | undefined {
  return marks === undefined ? undefined : `${marks.documents}/${marks.proxies}`;
}
