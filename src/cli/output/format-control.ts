// What `cellwall status` says of the control plane itself. Pure.
import type { StatusAnswer } from '../../admin/wire.ts';
import { escapeLine } from '../../lib/escape.ts';
import { followingRows } from './format-following.ts';
import { countProblems } from './problems.ts';
import { formatFields } from './table.ts';
import { relativeTime } from './time.ts';

const storeTexts = {
  away: 'AWAY (the last good state is served, it may be stale; changes are refused)',
  'read-only': 'READ-ONLY (changes are refused)',
} as const;

export function formatControl(status: StatusAnswer, now: number, width?: number): string {
  const { connected, held, gone, rejecting } = status.proxies;
  const counts = [
    `${connected} connected`,
    ...(held > 0 ? [`${held} held`] : []),
    ...(gone > 0 ? [`${gone} gone`] : []),
  ];
  const problems: readonly [string, string][] =
    status.problems.length === 0
      ? []
      : [['documents', `${countProblems(status.problems)} (listed above, on stderr): these are not in force`]];
  const { storeTrouble: trouble, waiting = 0 } = status;
  const waits: readonly [string, string][] =
    waiting === 0 ? [] : [['waiting', `${waiting} for approval, not in force: "cellwall waiting" lists them`]];
  const store: readonly [string, string][] =
    trouble === undefined
      ? []
      : [
          [
            'store',
            `${storeTexts[trouble.kind]} since ${relativeTime(trouble.since, now)}: ${escapeLine(trouble.reason)}`,
          ],
        ];
  return formatFields(
    [
      ['control plane', `${status.version}, started ${relativeTime(status.startedAt, now)}`],
      ['trust domain', status.trustDomain ?? '-'],
      ['revision', status.revision === undefined ? '-' : String(status.revision)],
      ...problems,
      ...waits,
      ...store,
      ...banned(status),
      ...missingCredentials(status),
      ...refusedSvids(status),
      ...endsSoon(status, now),
      ...lastGood(status, now),
      ...replicasRow(status),
      ...followingRows(status, now),
      ['ready', status.ready ? 'yes' : `no: ${status.reasons.join('; ')}`],
      ['proxies', `${counts.join(', ')}${rejecting > 0 ? `; ${rejecting} rejecting` : ''}`],
    ],
    width,
  );
}

function missingCredentials({ missingCredentials: missing = [] }: StatusAnswer): readonly [string, string][] {
  return missing.map(({ secret, services }) => [
    'no credential',
    `"${secret}" is not in the folder of the service in that of --credentials, or not accepted (the log says why): ` +
      `callers of ${services.join(', ')} that need it are refused`,
  ]);
}

function refusedSvids({ refusedSvids: count }: StatusAnswer): readonly [string, string][] {
  if (count === undefined) return [];
  return [['no SVID', `for ${count} who asked within the last hour: "cellwall doctor svid" says why`]];
}

const names = {
  ...{ root: 'root', intermediate: 'intermediate', extra: 'additional root', legacy: 'legacy authority' },
  ...{ foreign: 'root of another trust domain', server: 'server certificate' },
  ...{ admin: 'certificate of the admin port', oidc: 'certificate of the OIDC port' },
} as const;

function endsSoon({ runningOut = [] }: StatusAnswer, now: number): readonly [string, string][] {
  return runningOut.map(({ kind, name, notAfter, hint }) => {
    const when = `${notAfter <= now ? 'ended' : 'ends'} ${relativeTime(notAfter, now)}`;
    return [notAfter <= now ? 'HAS ENDED' : 'ends soon', `${names[kind]} ${escapeLine(name)} ${when}: ${hint}`];
  });
}

/** A few of those that do not refuse them yet. */
const shownProxies = 5;

function banned({ bans }: StatusAnswer): readonly [string, string][] {
  if (bans === undefined) return [];
  const { count, waiting } = bans;
  const few = waiting.slice(0, shownProxies).join(', ');
  const rest = waiting.length > shownProxies ? ` and ${waiting.length - shownProxies} more` : '';
  return [
    ['banned', `${count}, ${waiting.length === 0 ? 'refused by every proxy' : `NOT YET refused by ${few}${rest}`}`],
  ];
}

function lastGood({ lastGood }: StatusAnswer, now: number): readonly [string, string][] {
  if (lastGood === undefined) return [];
  const { kept, fallback } = lastGood;
  const states = kept.map(({ revision, provenAt }) => `revision ${revision} (${relativeTime(provenAt, now)})`);
  const row: [string, string] = ['last good', states.length === 0 ? 'none kept yet' : states.join(', ')];
  if (fallback === undefined) return [row];
  const since =
    fallback.revision === undefined
      ? 'no last good state is kept'
      : `it started with that of revision ${fallback.revision}`;
  return [row, ['STARTED ON IT', `${fallbacks[fallback.kind]}: ${since}`]];
}

const fallbacks = {
  'crash-loop': 'the control plane died again and again under what was in force',
  damaged: 'what was in force is damaged on disk',
} as const;

/** Others that share the store. */
function replicasRow({ replicas = [] }: StatusAnswer): readonly [string, string][] {
  if (replicas.length < 2) return [];
  const each = replicas.map(({ id, self, alive, revision }) => {
    const at = revision === undefined ? '' : `, revision ${revision}`;
    return `${escapeLine(id)} (${self ? 'this one' : alive ? 'alive' : 'GONE'}${at})`;
  });
  return [['control planes', each.join('; ')]];
}
