// The gate of cut-over.ts for documents that are edited where they are stored: a change that would make a service strict is held back
// first, the gate is asked, and asked again as long as it has reasons; then the rest comes into force automatically.
import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Hold, Holding } from '../store/judges.ts';
import type { CutOver } from './cut-over.ts';
import { refuses } from './cut-over-reason.ts';
import { cutOverWindow } from './cut-over-window.ts';
import { type HeldReason, heldProblems } from './held-problems.ts';
import { type KeptPermissive, keepPermissive } from './keep-permissive.ts';

export interface EditGate extends Holding {
  /** Until then, questions wait. Without evidence for the warnings that it disregards, nothing is admitted. */
  attach(cutOver: Pick<CutOver, 'judge'>, evidence: Evidence): void;
  stop(): void;
}

/** Rejects where it cannot be kept. */
export type Evidence = (services: readonly string[], reasons: readonly string[]) => Promise<void>;

export interface EditGateDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Minimum time between two questions to the gate, in milliseconds. Default 5 s. */
  readonly againMs?: number;
}

interface Question {
  /** The state in force and the requested one: another pair is another question. */
  readonly id: string;
  readonly kept: KeptPermissive;
  readonly windowMs: number;
  /** Absent until the gate has answered. */
  reasons?: readonly HeldReason[];
  /** What held the same services back in the question before: reported until then. */
  readonly earlier: readonly HeldReason[];
}

/** Even another question waits this long after the last. */
const leastMs = 1000;
/** Asking takes up at most this share of the time. */
const share = 50;
/** As long as a question stays open, the log repeats it at this interval. */
const remindMs = 600_000;
const maxRecorded = 100;

/** Watchers are called when the answer of the gate has changed: the edit must then be judged again. */
export function createEditGate({ clock, log, againMs = 5000 }: EditGateDeps): EditGate {
  const listeners = new Set<() => void>();
  let cutOver: Pick<CutOver, 'judge'> | undefined;
  let evidence: Evidence = async () => {};
  let question: Question | undefined;
  let asking = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  let toldAt = Number.NEGATIVE_INFINITY;
  let cancel = (): void => {};

  const askLater = (ms: number): void => {
    cancel();
    cancel = clock.after(Math.max(0, ms, notBefore - clock.monotonic()), () => void ask());
  };
  const ask = async (): Promise<void> => {
    const asked = question;
    if (cutOver === undefined || asked === undefined || asking) return;
    asking = true;
    const startedAt = clock.monotonic();
    const found = await cutOver.judge(...asked.kept.meshes, asked.windowMs).catch(couldNot('look', asked.kept));
    const endedAt = clock.monotonic();
    // Evidence of what is not asked any more is none.
    const reasons = question === asked ? await recorded(asked.kept, found) : found;
    asking = false;
    notBefore = endedAt + Math.max(leastMs, (endedAt - startedAt) * share);
    if (question !== asked) return askLater(0);
    const news = asked.reasons === undefined || textsOf(asked.reasons) !== textsOf(reasons);
    asked.reasons = reasons;
    remind(asked.kept, reasons);
    if (reasons.some(refuses)) askLater(againMs);
    if (news) for (const listener of [...listeners]) listener();
  };
  const recorded = async (kept: KeptPermissive, found: readonly HeldReason[]): Promise<readonly HeldReason[]> => {
    if (found.length === 0 || found.some(refuses)) return found;
    const services = kept.services.map(({ key }) => key);
    try {
      await evidence(
        services,
        found.slice(0, maxRecorded).map(({ service, who, why }) => `${service}: ${who}: ${why}`),
      );
      return found;
    } catch (reason) {
      return couldNot('write its evidence', kept)(reason);
    }
  };
  const remind = ({ services }: KeptPermissive, reasons: readonly HeldReason[]): void => {
    if (!reasons.some(refuses) || clock.monotonic() - toldAt < remindMs) return;
    toldAt = clock.monotonic();
    log.error(
      { services: services.map(({ key }) => key), reasons: reasons.length },
      'an edit of the documents would make services strict and is held back: see "cellwall status"',
    );
  };
  const release = (): void => {
    question = undefined;
    toldAt = Number.NEGATIVE_INFINITY;
    cancel();
  };

  return {
    attach(given, keep) {
      cutOver = given;
      evidence = keep;
      askLater(0);
    },
    hold(before, after, judge): Hold | undefined {
      const kept = keepPermissive(before, after, judge);
      if (kept === undefined) {
        release();
        return undefined;
      }
      const id = digestOf(kept.rest.documents, after.documents);
      if (question?.id !== id) {
        const before = question?.reasons ?? question?.earlier ?? [];
        const earlier = before.filter(
          (reason) => refuses(reason) && kept.services.some(({ key }) => key === reason.service),
        );
        question = { id, kept, windowMs: cutOverWindow(after.documents), earlier };
        askLater(0);
      } else if (question.reasons?.some(refuses) === false) {
        const services = kept.services.map(({ key }) => key);
        log.warn(
          { services, warnings: question.reasons.length },
          'made strict by an edit of the documents: the gate lets it',
        );
        release();
        return undefined;
      }
      // The gate's answer takes a moment, which is not a problem yet; at the start it may take longer.
      const { reasons, earlier } = question;
      const shown = reasons ?? (earlier.length > 0 ? earlier : undefined);
      const problems = shown === undefined && cutOver !== undefined ? [] : heldProblems(kept, shown);
      return { keep: kept.keep, rest: kept.rest, problems };
    },
    release,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      cancel();
      cutOver = undefined;
      listeners.clear();
    },
  };
}

function couldNot(what: string, { services }: KeptPermissive): (reason: unknown) => readonly HeldReason[] {
  return (reason) => {
    const why = `the gate could not ${what}: ${CellwallError.from(reason).message}`;
    return services.map(({ key }): HeldReason => ({ service: key, kind: 'record', who: key, why }));
  };
}

/** Used to compare answers: a count that grew is not news. */
function textsOf(reasons: readonly HeldReason[]): string {
  return JSON.stringify(reasons.map(({ service, kind, who, why }) => [service, kind, who, why]));
}

function digestOf(...states: readonly (readonly ParsedDocument[])[]): string {
  const texts = states.map((documents) => documents.map(({ key, text }) => [key, text]));
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}
