// At a cell's own control plane: a rotation of the root that its parent carries out. What the old root vouches for here is renewed, and the
// parent is told, once a second, who would be cut off here by the next phase. After a sudden end it goes on: the parent says its phase
// again, and what was renewed is kept.
import type { Follower } from '../follower/follower.ts';
import type { OpenAuthority } from '../identity/open-authority.ts';
import type { HoldUp } from '../identity/roots/hold-up.ts';
import { createPhaseTime } from '../identity/roots/phase-time.ts';
import { type RootsRecord, renewingPhases, rootName } from '../identity/roots/roots-record.ts';
import type { RotationLook, SeenHoldUp } from '../identity/roots/rotate-root.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { RootHoldUps } from './root-hold-ups.ts';

export interface CellRotation {
  /** As the parent said last. Undefined: it never said. */
  record(): RootsRecord | undefined;
  /** Who holds it up here. */
  look(): RotationLook;
  close(): void;
}

export interface CellRotationDeps {
  readonly parent: Follower['roots'];
  readonly gather: RootHoldUps['gather'];
  readonly authority: Pick<OpenAuthority, 'bundle' | 'signer'>;
  /** Has what a root that goes vouches for renewed. */
  readonly renew: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

const lookMs = 1000;
/** Less than for how long a report counts. */
const longestMs = 10_000;

export function createCellRotation({ parent, gather, authority, renew, clock, log }: CellRotationDeps): CellRotation {
  const nothing = (version: number): RotationLook => ({ version, holdUps: [], held: 0 });
  let found = nothing(0);
  let said: string | undefined;
  let time: ((record: RootsRecord) => number) | undefined;
  let closed = false;
  let looking = false;
  let cancel = (): void => {};

  function seen(holdUps: readonly HoldUp[]): readonly SeenHoldUp[] {
    const before = new Map(found.holdUps.map((one) => [`${one.kind} ${one.who}`, one.since]));
    return holdUps.map((one) => ({ ...one, since: before.get(`${one.kind} ${one.who}`) ?? clock.now() }));
  }

  async function look(): Promise<void> {
    const record = parent.rotation.value()?.record;
    if (record === undefined) return;
    time ??= createPhaseTime(clock, record);
    const elapsedMs = time(record);
    const { rotation, version } = record;
    // While it is cut off nothing can be renewed under another root, and nobody listens.
    if (rotation === undefined || !parent.state().connected) return;
    if (renewingPhases.includes(rotation.phase)) renew();
    const { holdUps, more = 0 } = await gather(record, elapsedMs, found);
    const held = holdUps.length + more;
    found = { version, holdUps: seen(holdUps), held };
    const roots = authority.bundle.value().roots.map(rootName);
    const issuers = [...(await authority.signer.issuers()).keys()];
    await parent.report({ version, roots, issuers, held, holdUps });
    said = undefined;
  }

  function again(ms: number): void {
    cancel();
    if (!closed) cancel = clock.after(ms, () => void run());
  }

  async function run(): Promise<void> {
    if (looking) return;
    looking = true;
    const began = clock.monotonic();
    try {
      await look();
    } catch (reason) {
      const { message } = CellwallError.from(reason);
      if (said !== message) log.warn({ reason: message }, 'the parent is not told who holds up its rotation');
      said = message;
      found = { ...found, trouble: message };
    } finally {
      looking = false;
      again(Math.max(lookMs, Math.min(longestMs, 10 * (clock.monotonic() - began))));
    }
  }

  // A phase that begins is taken up at once.
  const unwatch = parent.rotation.watch(() => void run());
  again(0);
  return {
    record: () => parent.rotation.value()?.record,
    look() {
      const version = parent.rotation.value()?.record.version ?? 0;
      return found.version === version ? found : nothing(version);
    },
    close() {
      closed = true;
      cancel();
      unwatch();
    },
  };
}
