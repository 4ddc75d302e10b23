// The state of the control plane, as `GET /v1/events` tells it. EventSource cannot send the session's header, so the stream is read with
// fetch. After a break it begins again, later each time, up to ten seconds.
import type { Pulse } from '../../../src/admin/page/pulse.ts';
import { ApiError, sessionHeader } from './call.ts';

export type Link = 'connecting' | 'live' | 'broken';

export interface LiveOptions {
  readonly session: string;
  readonly onPulse: (pulse: Pulse) => void;
  readonly onLink: (link: Link) => void;
  /** The session has ended. */
  readonly onEnd: () => void;
}

const firstWaitMs = 500;
const maxWaitMs = 10_000;
/** Heartbeats come every 15 s. */
const silentMs = 40_000;

/** Follows it until the returned function is called. */
export function followLive({ session, onPulse, onLink, onEnd }: LiveOptions): () => void {
  const stop = new AbortController();
  const follow = async (): Promise<void> => {
    let wait = firstWaitMs;
    onLink('connecting');
    while (!stop.signal.aborted) {
      try {
        await readOnce(session, stop.signal, (pulse) => {
          wait = firstWaitMs;
          onLink('live');
          onPulse(pulse);
        });
      } catch (reason) {
        if (stop.signal.aborted) return;
        if (reason instanceof ApiError && reason.status === 401) return onEnd();
      }
      if (stop.signal.aborted) return;
      onLink('broken');
      await pause(wait, stop.signal);
      wait = Math.min(wait * 2, maxWaitMs);
    }
  };
  void follow();
  return () => stop.abort();
}

async function readOnce(session: string, signal: AbortSignal, onPulse: (pulse: Pulse) => void): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silentMs);
  try {
    const response = await fetch('/v1/events', {
      headers: { accept: 'text/event-stream', [sessionHeader]: session },
      cache: 'no-store',
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok || response.body === null) {
      throw new ApiError(response.status, { code: 'unavailable', message: 'no events' });
    }
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silentMs);
      const events = (rest + chunk).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) onPulse(JSON.parse(data) as Pulse);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
