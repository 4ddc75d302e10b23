// When certificates are renewed and issuing CAs change: pure functions of validity and time.
import type { Clock } from '../lib/clock.ts';

/**
 * Certificates begin this long before they are issued: hosts whose clocks are up to ten minutes slow accept them at once. Fast clocks are
 * covered by renewal at half of the lifetime: up to half of it.
 */
export const backdateMs = 600_000;

/** The maximum: a new mesh's CA itself begins an hour before it is created. */
export const maxBackdateMs = 3_300_000;
const minute = 60_000;

/** Enough for a host that is known to be that far behind, plus a minute; beyond the maximum nothing can be done. */
export function backdateFor(behindMs: number): number {
  return Math.min(maxBackdateMs, Math.max(backdateMs, Math.ceil(behindMs / minute + 1) * minute));
}

/** How far behind hosts may be, once that is known. */
export const maxBehindMs = maxBackdateMs - minute;

const day = 24 * 60 * minute;

/**
 * A function that says by how much the clock has been set forward since this was called, in milliseconds, a day at most: certificates begin
 * that much earlier, so that they are valid whether the time before was right, or this one is.
 */
export function createStepsForward(clock: Pick<Clock, 'now' | 'monotonic'>): () => number {
  const offset = (): number => clock.now() - clock.monotonic();
  let least = offset();
  return () => {
    least = Math.min(least, offset());
    const step = offset() - least;
    return step < 1000 ? 0 : Math.min(day, step);
  };
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Milliseconds from issuance to renewal: half of what is left, with ±10 % jitter so that certificates issued together are not renewed
 * together. `random` is in [0, 1).
 */
export function renewalDelay(validity: Validity, now: number, random: number): number {
  return Math.max(0, (validity.notAfter.getTime() - now) / 2) * (0.9 + 0.2 * random);
}

/**
 * Milliseconds to renewal for a certificate that was kept across a restart: until half of its lifetime with the same jitter, and if that is
 * past, a random part of a tenth of what is left, so that a restart neither renews all of them at once nor lets them all wait for the same
 * moment.
 */
export function resumedDelay({ notBefore, notAfter }: Validity, now: number, random: number): number {
  const issued = issuedAt({ notBefore });
  const left = Math.max(0, notAfter.getTime() - now);
  const toHalf = renewalDelay({ notBefore, notAfter }, issued, random) - (now - issued);
  return Math.max(toHalf, (left / 10) * random);
}

/** When it was issued, according to its dates: not later; exact unless hosts are known to be behind. */
export function issuedAt({ notBefore }: Pick<Validity, 'notBefore'>): number {
  return notBefore.getTime() + backdateMs;
}

/**
 * Once a certificate has expired, a new one is requested at least this often: after an outage, a host recovers within 10 s, including a
 * slow attempt.
 */
const longestRetryMs = 4000;

/**
 * Milliseconds before the attempt after `failures` failed ones: 1 s doubling, half of it jitter, up to a tenth of what is left of the
 * certificate, a minute at most.
 */
export function retryDelay(failures: number, random: number, leftMs: number): number {
  const longest = Math.min(60_000, Math.max(longestRetryMs, leftMs / 10));
  return Math.min(longest, 1000 * 2 ** Math.min(failures - 1, 10)) * (0.5 + random / 2);
}

export interface IssuerPlan<T> {
  /** The one that signs now. */
  readonly active: T | undefined;
  /** A successor is due, but there is none yet. */
  readonly prepare: boolean;
}

/**
 * Which of the issuing CAs, oldest first, signs: a successor is prepared at half of the newest one's lifetime and takes over at three
 * quarters, well before the last sixth. The same answer on every replica that sees the same files.
 */
export function planIssuers<T extends Validity>(issuers: readonly T[], now: number): IssuerPlan<T> {
  const live = issuers.filter(({ notAfter }) => notAfter.getTime() > now);
  const newest = live.at(-1);
  if (newest === undefined) return { active: undefined, prepare: true };
  const active = live.find((issuer) => issuer === newest || now < fraction(issuer, 0.75)) ?? newest;
  return { active, prepare: now >= fraction(newest, 0.5) };
}

function fraction({ notBefore, notAfter }: Validity, part: number): number {
  return notBefore.getTime() + (notAfter.getTime() - notBefore.getTime()) * part;
}
