// Replaces the root of the CA in phases, each of which is held up until nobody would be cut off by the next one. What was done is on the
// disk before anything follows from it, and every phase can be done again: after a sudden end it goes on where it was.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { ReplaceableRoots } from '../upstream-authority.ts';
import type { HoldUp } from './hold-up.ts';
import { abort, advance, begin, type RootsRecord, type RotationPhase, successorFolder } from './roots-record.ts';

export interface RotationRequest {
  /** Who asks for it. */
  readonly by: string;
  readonly reason?: string;
  /** For how long nothing under the old root must have been seen before it is removed, milliseconds. */
  readonly quietMs: number;
  /** Holds nothing up for longer than a moment: whoever has not moved by then is cut off. */
  readonly compromised?: true;
}

/** Who holds up the present phase, and since when (epoch milliseconds). */
export interface SeenHoldUp extends HoldUp {
  readonly since: number;
}

export interface RootRotation {
  record(): RootsRecord;
  /** Those of the present phase, as last looked. */
  holdUps(): readonly SeenHoldUp[];
  /** What went wrong the last time that the present phase was tried. */
  trouble(): string | undefined;
  /** Resolves once it is under way. Throws `failed_precondition` while another one is. */
  begin(request: RotationRequest): Promise<void>;
  /** Throws `failed_precondition` once there is no way back. */
  abort(): Promise<void>;
  close(): void;
}

export interface RootRotationDeps {
  readonly roots: ReplaceableRoots;
  /** Who would be cut off by what follows that phase. Throws: it cannot be known, and is held up. */
  readonly holdUps: (phase: RotationPhase, record: RootsRecord) => Promise<readonly HoldUp[]>;
  /** Has everything that this control plane itself looks after renewed under the root that signs. */
  readonly renew: () => void;
  /** Told of every phase that begins, and of the end. */
  readonly onPhase?: (record: RootsRecord) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two looks, milliseconds. Default 1000. */
  readonly lookMs?: number;
}

function unknown({ message }: CellwallError): HoldUp {
  return { kind: 'replica', who: 'whoever is not known', why: message };
}

/** How long a phase of a compromised root waits for those who would be cut off. */
const compromisedMs = 5000;
/** Of whom it is remembered that they were cut off. */
const maxCut = 200;

/** Goes on with a rotation that is under way. */
export function createRootRotation(deps: RootRotationDeps): RootRotation {
  const { roots, renew, clock, log, onPhase = () => {}, lookMs = 1000 } = deps;
  let holding: readonly SeenHoldUp[] = [];
  let trouble: string | undefined;
  let closed = false;
  let took = 0;
  let cancel = (): void => {};
  /** One step at a time: a command and the timer. */
  let turn: Promise<void> = Promise.resolve();

  const inTurn = (step: () => Promise<void>): Promise<void> => {
    const run = turn.then(step);
    turn = run.catch(() => {});
    return run;
  };

  async function put(next: RootsRecord): Promise<void> {
    const { rotation: before } = roots.record();
    await roots.adopt(next);
    const { rotation, last } = next;
    holding = [];
    trouble = undefined;
    if (rotation !== undefined)
      log.warn({ phase: rotation.phase, by: rotation.by }, 'the rotation of the root goes on');
    else if (before !== undefined)
      log.warn({ outcome: last?.outcome, cut: last?.cut }, 'the rotation of the root ended');
    onPhase(next);
  }

  function seen(found: readonly HoldUp[]): readonly SeenHoldUp[] {
    const now = clock.now();
    const before = new Map(holding.map((one) => [`${one.kind} ${one.who}`, one.since]));
    return found.map((one) => ({ ...one, since: before.get(`${one.kind} ${one.who}`) ?? now }));
  }

  /** Whether it went further. */
  async function step(): Promise<boolean> {
    const record = roots.record();
    const { rotation } = record;
    if (rotation === undefined || closed || !roots.renews()) {
      if (rotation === undefined) holding = [];
      return false;
    }
    const { phase } = rotation;
    if (phase === 'renew') renew();
    const overdue = rotation.compromised === true && clock.now() - rotation.since >= compromisedMs;
    const found = await deps.holdUps(phase, record).catch((reason: unknown) => {
      if (overdue) return [unknown(CellwallError.from(reason))];
      throw reason;
    });
    holding = seen(found);
    if (holding.length > 0 && !overdue) return false;
    const cut = [...new Set(holding.map(({ who }) => who))].slice(0, maxCut);
    const successor = phase === 'prepare' ? await roots.successor(successorFolder(rotation)) : undefined;
    if (closed) return false;
    await put(advance(record, { now: clock.now(), cut, ...defined({ successor }) }));
    return true;
  }

  async function look(): Promise<void> {
    try {
      while (await step()) {
        // The next phase may have nothing to wait for.
      }
    } catch (reason) {
      const { message } = CellwallError.from(reason);
      if (trouble !== message)
        log.error({ phase: roots.record().rotation?.phase, reason: message }, 'the rotation waits');
      trouble = message;
    }
  }

  function again(): void {
    if (closed) return;
    // With many certificates a look takes a while: most of the time is for other things.
    cancel = clock.after(Math.max(lookMs, 10 * took), () => {
      const began = clock.monotonic();
      void inTurn(look).finally(() => {
        took = clock.monotonic() - began;
        again();
      });
    });
  }

  void inTurn(look).finally(again);
  return {
    record: roots.record,
    holdUps: () => holding,
    trouble: () => trouble,
    async begin({ by, reason, quietMs, compromised }) {
      const id = randomBytes(8).toString('hex');
      await inTurn(async () => {
        const startedAt = clock.now();
        await put(begin(roots.record(), { id, startedAt, by, quietMs, ...defined({ reason, compromised }) }));
      });
      void inTurn(look);
    },
    async abort() {
      await inTurn(() => put(abort(roots.record(), clock.now())));
      void inTurn(look);
    },
    close() {
      closed = true;
      cancel();
    },
  };
}
