// What is wrong with the control plane itself, and what to do. Pure. `breaks`: calls fail because of it, or soon cannot be made. `seen`: it
// must be mended. `note`: worth knowing.
import type { Weight } from '../cause.ts';
import { utc } from '../cause-words.ts';
import type { ControlFacts } from './control-facts.ts';

const names = [
  'control-plane-not-ready',
  'store-away',
  'store-read-only',
  'documents-refused',
  'control-plane-gone',
  'parent-away',
  'runs-out',
  'has-ended',
  'keys-missing',
  'keys-not-fetched',
  'roots-missing',
  'roots-not-fetched',
  'credential-missing',
  'bundle-not-published',
  'ban-not-enforced',
  'svids-refused',
  'rotation-held',
  'changes-wait',
] as const;

export type ControlCauseName = (typeof names)[number];

export interface ControlFinding {
  readonly cause: ControlCauseName;
  readonly weight: Weight;
  readonly what: string;
  readonly toDo: string;
  readonly evidence: readonly string[];
}

const mostNamed = 3;

export function lookAtControl(facts: ControlFacts, now: number): readonly ControlFinding[] {
  return [...itself(facts), ...documents(facts), ...credentials(facts, now), ...fetched(facts), ...identities(facts)];
}

function found(cause: ControlCauseName, weight: Weight, what: string, toDo: string): ControlFinding {
  return { cause, weight, what, toDo, evidence: [] };
}

function itself({ ready, reasons, storeTrouble, replicas = [], parent }: ControlFacts): readonly ControlFinding[] {
  return [
    ...(ready
      ? []
      : [
          found(
            'control-plane-not-ready',
            'breaks',
            `the control plane is not ready: ${reasons.join('; ') || 'it does not say why'}`,
            'its log says more; proxies keep what they have, and nobody new is served',
          ),
        ]),
    ...(storeTrouble === undefined ? [] : [storeFinding(storeTrouble)]),
    ...replicas
      .filter(({ alive }) => !alive)
      .map(({ id }) =>
        found(
          'control-plane-gone',
          'seen',
          `the control plane ${id} is gone`,
          'start it again, or leave it: after a day it is forgotten; its proxies have gone to the others',
        ),
      ),
    ...(parent === undefined || parent.connected
      ? []
      : [
          found(
            'parent-away',
            'seen',
            `the parent ${parent.parent} is not connected since ${utc(parent.since)}`,
            'look at the way to its identity API, and at its log; this cell goes on with what it has: docs/cells.md',
          ),
        ]),
  ];
}

function storeFinding({ kind, since, reason }: NonNullable<ControlFacts['storeTrouble']>): ControlFinding {
  return kind === 'away'
    ? found(
        'store-away',
        'seen',
        `the store is away since ${utc(since)}: ${reason}`,
        'bring it back: until then the last good state is served, and changes are refused',
      )
    : found(
        'store-read-only',
        'seen',
        `the store is read-only since ${utc(since)}: ${reason}`,
        'make it writable again (space, mode, owner of its folder): until then changes are refused',
      );
}

function documents({ problems, waiting = 0 }: ControlFacts): readonly ControlFinding[] {
  const refused = problems
    .filter(({ severity }) => severity === 'error')
    .map(({ source: { file, line, column }, message, hint }) =>
      found(
        'documents-refused',
        'seen',
        `an edit of the documents is not in force: ${file}:${line}:${column}: ${message}`,
        hint ?? `correct ${file}:${line} ("cellwall validate" checks files beforehand)`,
      ),
    );
  const waits =
    waiting === 0
      ? []
      : [
          found(
            'changes-wait',
            'note',
            `${waiting} change${waiting === 1 ? ' waits' : 's wait'} for approval, and ${waiting === 1 ? 'is' : 'are'} not in force`,
            '"cellwall waiting" lists them; "cellwall approve" or "cellwall reject" decides',
          ),
        ];
  return [...refused, ...waits];
}

function credentials(
  { runningOut = [], missingCredentials = [] }: ControlFacts,
  now: number,
): readonly ControlFinding[] {
  return [
    ...runningOut.map(({ kind, name, notAfter, hint }) =>
      notAfter <= now
        ? found('has-ended', 'breaks', `the certificate ${kind} ${name} ended at ${utc(notAfter)}`, hint)
        : found('runs-out', 'note', `the certificate ${kind} ${name} ends at ${utc(notAfter)}`, hint),
    ),
    ...missingCredentials.map(({ secret, services }) =>
      found(
        'credential-missing',
        'breaks',
        `the token "${secret}" is not there, or not accepted: callers of ${some(services)} that need it are refused`,
        'write it into the folder of that service in that of --credentials; the log says what is wrong with one that is there',
      ),
    ),
  ];
}

function fetched({ issuerKeys = [], foreignBundles = [], publishers = [] }: ControlFacts): readonly ControlFinding[] {
  return [
    ...issuerKeys.flatMap(({ issuer, url, keys, error }) => {
      if (error === undefined) return [];
      const why = `the keys of the issuer ${issuer} could not be had from ${url} at ${utc(error.at)}: ${error.message}`;
      const toDo = 'look at the way to that address from here, and at `jwksUri` in the Mesh document';
      return keys > 0
        ? [found('keys-not-fetched', 'seen', `${why}; those that are known stay`, toDo)]
        : [found('keys-missing', 'breaks', `${why}; none are known, so that no token of it is valid`, toDo)];
    }),
    ...foreignBundles.flatMap(({ trustDomain, roots, error }) => {
      if (error === undefined) return [];
      const why = `the roots of the trust domain ${trustDomain} could not be had at ${utc(error.at)}: ${error.message}`;
      const toDo =
        'look at the way to its bundle endpoint from here, and at its TrustBundle document: docs/federation.md';
      return roots > 0
        ? [found('roots-not-fetched', 'seen', `${why}; those that are known stay`, toDo)]
        : [found('roots-missing', 'breaks', `${why}; none are known, so that nobody of it is let in`, toDo)];
    }),
    ...publishers.flatMap(({ name, confirmed, error }) =>
      confirmed || error === undefined
        ? []
        : [
            found(
              'bundle-not-published',
              'seen',
              `the trust bundle is not confirmed at ${name}: ${error.message}`,
              'mend that place: whoever takes the roots from there has old ones, and refuses new certificates after a rotation',
            ),
          ],
    ),
  ];
}

function identities({ bans, refusedSvids = 0, rotation }: ControlFacts): readonly ControlFinding[] {
  const waiting = bans?.waiting ?? [];
  return [
    ...(waiting.length === 0
      ? []
      : [
          found(
            'ban-not-enforced',
            'seen',
            `these proxies do not refuse everybody who is banned yet: ${some(waiting)}`,
            '"cellwall status" shows what they reject; end one that does not answer',
          ),
        ]),
    ...(refusedSvids === 0
      ? []
      : [
          found(
            'svids-refused',
            'seen',
            `${refusedSvids} who asked for an SVID within the last hour got none`,
            '"cellwall doctor svid" says who, and why',
          ),
        ]),
    ...(rotation === undefined || rotation.held === 0
      ? []
      : [
          found(
            'rotation-held',
            'note',
            `the rotation of the root (${rotation.phase}) waits for ${rotation.held}: ` +
              some(rotation.holdUps.map(({ who, why }) => `${who}: ${why}`)),
            '"cellwall ca status" lists them',
          ),
        ]),
  ];
}

function some(all: readonly string[]): string {
  const rest = all.length - mostNamed;
  return `${all.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
