// Replaces the root of the CA in phases, each of which is held up until nobody would be cut off by the next one. What was done is kept
// before anything follows from it, and every phase can be done again: after a sudden end it goes on where it was. Of several control planes
// that share the record one takes the steps; any of them takes commands, and shows what that one found.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { ReplaceableRoots } from '../upstream-authority.ts';
import type { CellProgress } from './cell-report.ts';
import type { HoldUp } from './hold-up.ts';
import { createPhaseTime } from './phase-time.ts';
import { abort, advance, begin, type RootsRecord, renewingPhases, successorFolder } from './roots-record.ts';

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

/** What the one that takes the steps found when it last looked. */
export interface RotationLook {
  /** Of the record that it looked at. */
  readonly version: number;
  readonly holdUps: readonly SeenHoldUp[];
  /** How many there are: `holdUps` may be the first of them. */
  readonly held: number;
  /** What went wrong the last time that the present phase was tried. */
  readonly trouble?: string;
  /** How far cells with a control plane of their own are. Absent: there are none. */
  readonly cells?: readonly CellProgress[];
}

export interface GatheredHoldUps {
  readonly holdUps: readonly HoldUp[];
  /** How many more there are, which are not told. */
  readonly more?: number;
  readonly cells?: readonly CellProgress[];
  /** The highest sequence of a trust bundle that was heard of. */
  readonly sequence: number;
  /** Others were asked, and took so many milliseconds: what moved between them meanwhile may be seen only the next time. Absent: none. */
  readonly waitedMs?: number;
}

export interface RootRotation {
  record(): RootsRecord;
  /** As last looked, here or where the steps are taken. */
  look(): RotationLook;
  /** What the one that takes the steps found: it is shown until it is this one. */
  hear(look: RotationLook): void;
  /** Resolves once it is under way. Throws `failed_precondition` while another one is. */
  begin(request: RotationRequest): Promise<void>;
  /** Throws `failed_precondition` once there is no way back. */
  abort(): Promise<void>;
  close(): void;
}

export interface RootRotationDeps {
  readonly roots: ReplaceableRoots;
  /**
   * Who would be cut off by what follows that phase, which began so many milliseconds ago. Throws: it cannot be known, and is held up.
   * `before`: what was found the last time.
   */
  readonly holdUps: (record: RootsRecord, elapsedMs: number, before: RotationLook) => Promise<GatheredHoldUps>;
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

function isEmpty({ holdUps, more = 0 }: GatheredHoldUps): boolean {
  return holdUps.length + more === 0;
}

/** How long a phase of a compromised root waits for those who would be cut off. */
const compromisedMs = 5000;
/** Between two looks. */
const longestMs = 10_000;
/** Of whom it is remembered that they were cut off. */
const maxCut = 200;
/** A command may be given while a step is taken elsewhere. */
const maxAttempts = 20;

/** Goes on with a rotation that is under way. */
export function createRootRotation(deps: RootRotationDeps): RootRotation {
  const { roots, renew, clock, log, onPhase = () => {}, lookMs = 1000 } = deps;
  const time = createPhaseTime(clock, roots.record());
  let found: RotationLook = { version: 0, holdUps: [], held: 0 };
  let closed = false;
  let took = 0;
  /** Of that, for others. */
  let waited = 0;
  let cancel = (): void => {};
  /** One step at a time: a command and the timer. */
  let turn: Promise<void> = Promise.resolve();

  const inTurn = (step: () => Promise<void>): Promise<void> => {
    const run = turn.then(step);
    turn = run.catch(() => {});
    return run;
  };

  async function put(next: RootsRecord, by: 'command' | 'step', heard = 0): Promise<void> {
    const { rotation: before, sequence = 0 } = roots.record();
    const least = Math.max(sequence + 1, heard + 1, Math.floor(clock.now() / 1000));
    await roots.adopt({ ...next, sequence: least }, by);
    const { rotation, last } = next;
    found = { version: next.version, holdUps: [], held: 0 };
    if (rotation !== undefined)
      log.warn({ phase: rotation.phase, by: rotation.by }, 'the rotation of the root goes on');
    else if (before !== undefined)
      log.warn({ outcome: last?.outcome, cut: last?.cut }, 'the rotation of the root ended');
    onPhase(next);
  }

  /** What another control plane did at the same moment does not refuse a command that it leaves possible. */
  async function command(change: (record: RootsRecord) => RootsRecord): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await put(change(roots.record()), 'command');
      } catch (reason) {
        if (CellwallError.from(reason).code !== 'aborted' || attempt === maxAttempts) throw reason;
      }
    }
  }

  function seen(list: readonly HoldUp[]): readonly SeenHoldUp[] {
    const now = clock.now();
    const before = new Map(found.holdUps.map((one) => [`${one.kind} ${one.who}`, one.since]));
    return list.map((one) => ({ ...one, since: before.get(`${one.kind} ${one.who}`) ?? now }));
  }

  /** Whether it went further. */
  async function step(): Promise<boolean> {
    const record = roots.record();
    const { rotation, version } = record;
    const elapsedMs = time(record);
    if (rotation === undefined || closed || !roots.renews()) return false;
    const { phase } = rotation;
    if (renewingPhases.includes(phase)) renew();
    const overdue = rotation.compromised === true && elapsedMs >= compromisedMs;
    const gather = (): Promise<GatheredHoldUps> =>
      deps.holdUps(record, elapsedMs, found).catch((reason: unknown) => {
        if (overdue) return { holdUps: [unknown(CellwallError.from(reason))], sequence: 0 };
        throw reason;
      });
    let gathered = await gather();
    waited = gathered.waitedMs ?? 0;
    if (isEmpty(gathered) && gathered.waitedMs !== undefined) {
      gathered = await gather();
      waited += gathered.waitedMs ?? 0;
    }
    const { holdUps, more = 0, cells, sequence } = gathered;
    found = { version, holdUps: seen(holdUps), held: holdUps.length + more, ...defined({ cells }) };
    if (found.held > 0 && !overdue) return false;
    const cut = [...new Set(holdUps.map(({ who }) => who))].slice(0, maxCut);
    const successor = phase === 'prepare' ? await roots.successor(successorFolder(rotation)) : undefined;
    if (closed || roots.record() !== record) return false;
    await put(advance(record, { now: clock.now(), cut, ...defined({ successor }) }), 'step', sequence);
    return true;
  }

  async function look(): Promise<void> {
    try {
      while (await step()) {
        // The next phase may have nothing to wait for.
      }
    } catch (reason) {
      const { code, message } = CellwallError.from(reason);
      // Somebody else was first, or it is not this one's turn any more.
      if (code === 'aborted') return;
      const { version, rotation } = roots.record();
      if (found.trouble !== message) log.error({ phase: rotation?.phase, reason: message }, 'the rotation waits');
      found = { ...found, version, trouble: message };
    }
  }

  function again(): void {
    if (closed) return;
    // With many certificates a look takes a while: most of the time is for other things. It may also have been paused meanwhile.
    cancel = clock.after(Math.max(lookMs, Math.min(longestMs, 10 * took)), () => {
      const began = clock.monotonic();
      waited = 0;
      void inTurn(look).finally(() => {
        took = clock.monotonic() - began - waited;
        again();
      });
    });
  }

  void inTurn(look).finally(again);
  return {
    record: roots.record,
    look() {
      const { version } = roots.record();
      return found.version === version ? found : { version, holdUps: [], held: 0 };
    },
    hear(told) {
      if (!roots.renews()) found = told;
    },
    async begin({ by, reason, quietMs, compromised }) {
      const id = randomBytes(8).toString('hex');
      await inTurn(() =>
        command((record) => {
          const startedAt = clock.now();
          return begin(record, { id, startedAt, by, quietMs, ...defined({ reason, compromised }) });
        }),
      );
      void inTurn(look);
    },
    async abort() {
      await inTurn(() => command((record) => abort(record, clock.now())));
      void inTurn(look);
    },
    close() {
      closed = true;
      cancel();
    },
  };
}
