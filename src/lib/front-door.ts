// Where connections wait until they have shown that they are serious, so that whoever opens many and sends nothing occupies no memory and
// delays nobody. A connection costs a few hundred bytes until its first byte; only a limited number at a time is admitted to what is
// expensive (a handshake, a first request), taking turns by address (of IPv6 by /64); and when space is short, the connection that
// has waited longest from the address with the most is closed. Connections that prove nothing in the end are not worth the event loop's
// time: each address gets a burst of them, and then one now and then.
import type { Socket } from 'node:net';
import { createBudget } from './budget.ts';
import { systemClock } from './clock.ts';
import { openWay, type RightOfWay } from './right-of-way.ts';
import { sourceOf } from './source-of.ts';
import { createTurns } from './turns.ts';

export interface FrontDoor {
  /** A connection, as it was accepted. */
  welcome(socket: Socket): void;
  /** It has shown what was required: from now on the door no longer manages it. `socket` may be a layer above the accepted one. */
  settled(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>, as?: Settled): void;
  /** Closes all that are waiting. */
  close(): void;
}

/** Whether it proved its identity, or was served: connections for nothing are counted against their address. */
export type Settled = 'proven' | 'for nothing';

export interface FrontDoorOptions {
  /** Handles a connection whose first bytes have arrived. */
  readonly pass: (socket: Socket) => void;
  /** Until the first byte, and until it is settled after that. Default 5 s each. */
  readonly helloMs?: number;
  readonly settleMs?: number;
  /** Waiting for their first byte, or for their turn. Default 2048. */
  readonly maxWaiting?: number;
  /** Passed on and not settled. Default 128. */
  readonly maxPassed?: number;
  /** Who goes first. */
  readonly way?: Pick<RightOfWay, 'waitMs'>;
}

interface Guest {
  readonly socket: Socket;
  readonly name: string;
  /** Whom it counts for: `sourceOf` its address. */
  readonly address: string;
  state: 'silent' | 'queued' | 'passed';
  since: number;
}

/** How long a connection that was passed on may take while others wait. */
const shortMs = 750;
const sweepMs = 100;
/** For nothing, per address: a handshake and a refusal cost about 3 ms, so that a flood gets an eighth of the loop. */
const forNothing = { burst: 300, everyMs: 25 };

export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const { pass, helloMs = 5000, settleMs = 5000, maxWaiting = 2048, maxPassed = 128, way = openWay } = options;
  /** In order of arrival. */
  const waiting = new Map<string, Guest>();
  const passed = new Map<string, Guest>();
  const turns = createTurns<Guest>();
  const budget = createBudget({ clock: systemClock, ...forNothing });
  /** Addresses that have used up their budget, and until when (`performance.now`). */
  const resting = new Map<string, number>();
  let waking: NodeJS.Timeout | undefined;
  let sweeping: NodeJS.Timeout | undefined;
  let sweepDue = 0;

  const leave = (guest: Guest): void => {
    waiting.delete(guest.name);
    turns.leave(guest);
    if (passed.delete(guest.name)) turns.over(guest.address);
    next();
  };
  const end = (guest: Guest): void => {
    guest.socket.destroy();
    leave(guest);
  };
  /** From the address with the most, the one that has waited longest. */
  const longestOfMost = (guests: Iterable<Guest>): Guest | undefined => {
    const byAddress = new Map<string, { first: Guest; count: number }>();
    for (const guest of guests) {
      const known = byAddress.get(guest.address);
      if (known === undefined) byAddress.set(guest.address, { first: guest, count: 1 });
      else known.count++;
    }
    const [most] = [...byAddress.values()].sort((a, b) => b.count - a.count || a.first.since - b.first.since);
    return most?.first;
  };
  const next = (): void => {
    while (passed.size < maxPassed) {
      const waitMs = way.waitMs();
      if (waitMs > 0) {
        waking ??= setTimeout(wake, waitMs).unref();
        return;
      }
      const best = turns.next((address) => !resting.has(address));
      if (best === undefined) return;
      const restMs = budget.spend(best.address);
      if (restMs > 0) rest(best.address, restMs);
      else {
        waiting.delete(best.name);
        turns.leave(best);
        hand(best);
      }
    }
    sweepSoon();
  };
  const rest = (address: string, ms: number): void => {
    resting.set(address, performance.now() + ms);
    waking ??= setTimeout(wake, ms).unref();
  };
  const wake = (): void => {
    waking = undefined;
    const now = performance.now();
    for (const [address, until] of resting) if (until <= now) resting.delete(address);
    const soonest = Math.min(...resting.values());
    if (resting.size > 0) waking = setTimeout(wake, Math.max(1, soonest - now)).unref();
    next();
  };
  const hand = (guest: Guest): void => {
    guest.state = 'passed';
    guest.since = performance.now();
    passed.set(guest.name, guest);
    turns.begin(guest.address);
    guest.socket.setTimeout(0);
    pass(guest.socket);
  };
  /** If others wait because there is no space, slow ones are closed to make space; nobody waits for ever. */
  const sweep = (): void => {
    sweeping = undefined;
    const now = performance.now();
    // What this process was too busy to read does not count as silence.
    const deafMs = Math.max(0, now - sweepDue);
    for (const guest of [...passed.values(), ...waiting.values()]) guest.since += deafMs;
    const queued = [...waiting.values()].some(({ state }) => state === 'queued');
    const limit = now - (queued && passed.size >= maxPassed ? shortMs : settleMs);
    for (const guest of passed.values()) if (guest.since < limit) end(guest);
    for (const guest of waiting.values()) if (guest.state === 'queued' && guest.since < now - settleMs) end(guest);
    if (passed.size > 0 || queued) sweepSoon();
  };
  const sweepSoon = (): void => {
    if (sweeping !== undefined) return;
    sweepDue = performance.now() + sweepMs;
    sweeping = setTimeout(sweep, sweepMs).unref();
  };
  const ready = (guest: Guest): void => {
    if (guest.state !== 'silent') return;
    guest.state = 'queued';
    turns.wait(guest);
    next();
    sweepSoon();
  };
  return {
    welcome(socket) {
      const address = sourceOf(socket.remoteAddress ?? '');
      const guest: Guest = { socket, name: nameOf(socket), address, state: 'silent', since: performance.now() };
      waiting.set(guest.name, guest);
      socket.on('error', () => undefined);
      socket.once('close', () => leave(guest));
      // What arrived while this process was busy is read first.
      const silence = (): void => void (guest.state === 'silent' && end(guest));
      socket.setTimeout(helloMs, () => setImmediate(silence));
      socket.once('readable', () => {
        const first: Buffer | null = socket.read(1);
        if (first === null) return end(guest);
        socket.unshift(first);
        ready(guest);
      });
      const silent = waiting.size > maxWaiting ? longestOfMost(waiting.values()) : undefined;
      if (silent !== undefined) end(silent);
    },
    settled(socket, as = 'proven') {
      const guest = passed.get(nameOf(socket));
      if (guest === undefined) return;
      if (as === 'proven') budget.refund(guest.address);
      leave(guest);
    },
    close() {
      clearTimeout(waking);
      clearTimeout(sweeping);
      for (const { socket } of [...waiting.values(), ...passed.values()]) socket.destroy();
    },
  };
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
