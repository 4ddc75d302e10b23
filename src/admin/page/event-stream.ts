// `GET /v1/events`: server-sent events for pages that are open (HTML Living Standard §9.2). One look a second for all of them together, and
// only while there are any; a page is sent the latest state if it differs from the one before, never a queue of them. Heartbeats show that
// the connection is alive, and are when its credential is looked at again.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Pulse } from './pulse.ts';
import type { Known } from './sessions.ts';

export interface EventStream {
  /** Throws `resource_exhausted` if there are too many; `begin` is not called then. */
  open(known: Known, begin: () => ServerResponse): void;
  close(): void;
}

export interface EventStreamDeps {
  readonly pulse: () => Pulse;
  readonly clock: Clock;
  readonly log: Log;
}

interface Client {
  readonly known: Known;
  readonly reply: ServerResponse;
  /** What it was sent last. */
  sent: string;
}

/** Of one name: a viewer takes nobody else's. */
const [maxOfOne, maxClients] = [16, 64];
const lookMs = 1000;
/** In looks. */
const heartbeatEvery = 15;
/** Unread by a client: it gets the next state when it has read this one. */
const maxUnread = 64 * 1024;

export function createEventStream({ pulse, clock, log }: EventStreamDeps): EventStream {
  const clients = new Set<Client>();
  let looks = 0;
  let cancel: (() => void) | undefined;

  const leave = (client: Client): void => {
    clients.delete(client);
    client.reply.end();
    if (clients.size > 0) return;
    cancel?.();
    cancel = undefined;
  };
  const current = (): string | undefined => {
    try {
      return JSON.stringify(pulse());
    } catch (reason) {
      log.error({ reason: CellwallError.from(reason).message }, 'the state for open pages cannot be told');
      return undefined;
    }
  };
  const tell = (client: Client, text: string): void => {
    if (client.sent === text || client.reply.writableLength > maxUnread) return;
    client.sent = text;
    client.reply.write(`event: pulse\ndata: ${text}\n\n`);
  };
  const beat = async (client: Client): Promise<void> => {
    // A store that is away says nothing about the credential.
    const caller = await client.known.again().catch(() => client.known.caller);
    if (caller === undefined) leave(client);
    else if (clients.has(client) && client.reply.writableLength <= maxUnread) client.reply.write(': alive\n\n');
  };
  const look = (): void => {
    looks += 1;
    const text = current();
    for (const client of clients) {
      if (text !== undefined) tell(client, text);
      if (looks % heartbeatEvery === 0) void beat(client);
    }
    if (cancel !== undefined) cancel = clock.after(lookMs, look);
  };

  return {
    open(known, begin) {
      const own = [...clients].filter((one) => one.known.caller.name === known.caller.name).length;
      if (own >= maxOfOne || clients.size >= maxClients) {
        const whose = own >= maxOfOne ? ` of ${known.caller.name}` : '';
        const most = own >= maxOfOne ? maxOfOne : maxClients;
        throw new CellwallError('resource_exhausted', `${most} pages${whose} are open already`, {
          hint: 'close one; the page asks again by itself',
        });
      }
      const reply = begin();
      const client: Client = { known, reply, sent: '' };
      clients.add(client);
      reply.once('close', () => leave(client));
      const text = current();
      if (text !== undefined) tell(client, text);
      cancel ??= clock.after(lookMs, look);
    },
    close() {
      for (const client of [...clients]) leave(client);
    },
  };
}
