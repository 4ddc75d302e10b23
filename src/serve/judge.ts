// Judges every change of documents: by policy, by translate (for raw resources), and that a running deployment keeps its trust domain, to
// which its CA, its proxies and their identities are bound.

import { defined } from '../lib/defined.ts';
import { differing } from '../lib/differing.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Problem } from '../model/problem.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { Metrics } from '../observe/metrics.ts';
import { check } from '../policy/resolve/check.ts';
import { createResolver } from '../policy/resolve/resolver.ts';
import type { StateCheck } from '../store/judges.ts';
import type { ChangeTraces } from '../tracing/change-traces.ts';
import { checkRaw, type RawRights } from '../translate/raw/check-raw.ts';

export interface Judge {
  /** The only place where a running control plane resolves documents: the result is passed on with them. */
  readonly check: StateCheck;
  /** From now on another trust domain is refused: the CA belongs to this one. */
  bind(trustDomain: TrustDomain): void;
  /** From now on the Mesh must stay, too: it is in force. */
  fix(trustDomain: TrustDomain): void;
}

export interface JudgeDeps extends RawRights {
  /** Told each time, and of how many documents something was made: those that a change concerns. */
  readonly metrics?: Pick<Metrics, 'resolved' | 'resolvedDocuments'>;
  readonly traces?: Pick<ChangeTraces, 'resolving'>;
}

/** Keeps the last resolution, so that the next one costs only what has changed. */
export function createJudge({ metrics, traces, ...rights }: JudgeDeps = {}): Judge {
  const resolver = createResolver({ onDocuments: (count) => metrics?.resolvedDocuments(count) });
  let bound: TrustDomain | undefined;
  let inForce = false;
  let last: { readonly of: readonly ParsedDocument[]; readonly found: readonly ParsedDocument[] } | undefined;
  /** Those that are judged here. There are few among many others, which are not looked at again. */
  const judgedHere = (documents: readonly ParsedDocument[]): readonly ParsedDocument[] => {
    const { before, after } = differing(last?.of ?? [], documents);
    const same = last !== undefined && ![...before, ...after].some(isJudgedHere);
    const found = same && last !== undefined ? last.found : documents.filter(isJudgedHere);
    last = { of: documents, found };
    return found;
  };
  const timed: ChangeTraces['resolving'] = traces === undefined ? (work) => work() : traces.resolving;
  return {
    check(documents) {
      metrics?.resolved();
      const own = judgedHere(documents);
      const raw = own.some(({ document }) => document.kind === 'EnvoyResource');
      const { problems, mesh } = timed(() => check(documents, resolver));
      return {
        problems: [
          ...problems.map((problem) => (inForce && problem.code === 'no-mesh' ? meshStays(problem) : problem)),
          ...(mesh === undefined || !raw ? [] : checkRaw(documents, mesh, rights)),
          ...own.flatMap((one) => otherDomain(one, bound)),
        ],
        ...defined({ mesh }),
      };
    },
    bind(trustDomain) {
      bound = trustDomain;
    },
    fix(trustDomain) {
      bound = trustDomain;
      inForce = true;
    },
  };
}

function meshStays(problem: Problem): Problem {
  return {
    ...problem,
    message: 'the Mesh cannot be deleted while it is in force',
    hint: 'put its file back, if that was removed; to end the deployment, stop its sidecars and the control plane',
    // Not at the first of the other documents: that is not at fault.
    source: { file: '(Mesh)', line: 1, column: 1 },
  };
}

function isJudgedHere({ document: { kind } }: ParsedDocument): boolean {
  return kind === 'Mesh' || kind === 'EnvoyResource';
}

function otherDomain({ document, locate }: ParsedDocument, bound: TrustDomain | undefined): readonly Problem[] {
  if (document.kind !== 'Mesh' || bound === undefined || document.spec.trustDomain === bound) return [];
  return [
    {
      severity: 'error',
      code: 'trust-domain-changed',
      message: `the trust domain of a running deployment is "${bound}" and cannot become "${document.spec.trustDomain}"`,
      hint: 'another trust domain is another deployment: give it a data directory of its own',
      source: locate(['spec', 'trustDomain']),
      path: 'spec.trustDomain',
    },
  ];
}
