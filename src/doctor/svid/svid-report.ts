// What is found of one SVID: what it is, what is wrong with it and what to do, what is in order, and what could not be looked at.
import { type SvidFault, type SvidFaultName, svidFaultWords } from './svid-fault.ts';

export interface SvidFinding {
  readonly cause: SvidFaultName;
  readonly what: string;
  readonly toDo: string;
}

/** `unknown`: nothing is wrong with what could be looked at, and without the rest nobody can say that it is accepted. */
type SvidVerdict = 'broken' | 'fine' | 'unknown';

export interface SvidReport {
  readonly place: string;
  readonly kind: 'x509-svid' | 'jwt-svid' | 'none';
  readonly verdict: SvidVerdict;
  readonly spiffeId?: string;
  /** Epoch milliseconds. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly findings: readonly SvidFinding[];
  readonly checked: readonly string[];
  readonly unseen: readonly string[];
}

export interface SvidLook extends Omit<SvidReport, 'verdict' | 'findings'> {
  readonly faults: readonly SvidFault[];
}

export function svidReport({ faults, ...look }: SvidLook): SvidReport {
  const verdict = faults.length > 0 ? 'broken' : look.unseen.length > 0 ? 'unknown' : 'fine';
  return { ...look, verdict, findings: faults.map((fault) => ({ cause: fault.kind, ...svidFaultWords(fault) })) };
}
