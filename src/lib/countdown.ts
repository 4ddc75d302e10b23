// What ends one day and must be replaced before: certificates of CAs, and our own. Each part says what it has; metrics count it down, and
// `status` says what to do once little is left.

/**
 * `intermediate`: signs here. `root`: of our own CA. `extra`: added to it. `legacy`: of a document. `foreign`: of another trust domain.
 * `server`: the control plane's own certificate. `admin`, `oidc`: that of the port, from files.
 */
export const caKinds = ['intermediate', 'root', 'extra', 'legacy', 'foreign'] as const;
export const certificateKinds = ['server', 'admin', 'oidc'] as const;
export type CountdownKind = (typeof caKinds)[number] | (typeof certificateKinds)[number];

/** Times are epoch milliseconds. */
export interface Countdown {
  readonly kind: CountdownKind;
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Countdowns {
  /** Asked whenever somebody looks. */
  add(source: () => readonly Countdown[]): void;
  list(): readonly Countdown[];
}

export function createCountdowns(): Countdowns {
  const sources: (() => readonly Countdown[])[] = [];
  return { add: (source) => void sources.push(source), list: () => sources.flatMap((source) => source()) };
}

/** What is renewed by itself has its turn by half, or two thirds, or three quarters of its life: it is late beyond that. */
const ownAccord: ReadonlySet<CountdownKind> = new Set(['intermediate', 'server', 'admin', 'oidc']);

/** What is left of it is less than a third of its life; of what should have been renewed by itself, less than a quarter. */
export function runsOut({ kind, notBefore, notAfter }: Countdown, now: number): boolean {
  const least = (notAfter - notBefore) / (ownAccord.has(kind) ? 4 : 3);
  return notAfter - now < least;
}
