// Whose turn it is, by address: the address with the fewest that have theirs now, and of those the newest, so that an earlier flood does
// not delay those who come now.

export interface Turns<Guest> {
  wait(guest: Guest): void;
  /** It no longer waits, for whatever reason. */
  leave(guest: Guest): void;
  /** One from that address has its turn; and it is over. */
  begin(address: string): void;
  over(address: string): void;
  /** Undefined if nobody waits at an address that `may`. It goes on waiting until it leaves. */
  next(may: (address: string) => boolean): Guest | undefined;
}

interface Queue<Guest> {
  /** In order of arrival, with those that have left since. */
  order: Guest[];
  readonly waiting: Set<Guest>;
}

export function createTurns<Guest extends { readonly address: string }>(): Turns<Guest> {
  /** By address, that of the newest last. */
  const queues = new Map<string, Queue<Guest>>();
  const counts = new Map<string, number>();
  const countOf = (address: string): number => counts.get(address) ?? 0;
  return {
    wait(guest) {
      const { address } = guest;
      const queue = queues.get(address) ?? { order: [], waiting: new Set() };
      queue.waiting.add(guest);
      queue.order.push(guest);
      if (queue.order.length > 2 * queue.waiting.size + 16) queue.order = [...queue.waiting];
      queues.delete(address);
      queues.set(address, queue);
    },
    leave(guest) {
      const queue = queues.get(guest.address);
      if (queue?.waiting.delete(guest) === true && queue.waiting.size === 0) queues.delete(guest.address);
    },
    begin: (address) => void counts.set(address, countOf(address) + 1),
    over(address) {
      const left = countOf(address) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
    },
    next(may) {
      let best: string | undefined;
      for (const address of queues.keys()) {
        if (may(address) && (best === undefined || countOf(address) <= countOf(best))) best = address;
      }
      const queue = best === undefined ? undefined : queues.get(best);
      if (queue === undefined) return undefined;
      for (;;) {
        const last = queue.order.at(-1);
        if (last === undefined || queue.waiting.has(last)) return last;
        queue.order.pop();
      }
    },
  };
}
