// What a runner may vouch for must be said in full: which runner, which jobs, and whether of protected refs. It is never more than a job.
// A runner that is stolen has what is said here, and nothing else.
import type { AttestorName } from '../../model/attestors.ts';
import { type Selector, valueFor } from '../../model/evidence.ts';
import { parseSpiffeId, type SpiffeId } from '../../model/spiffe-id.ts';
import { workloadOf } from '../identities.ts';
import type { IdentitiesIr } from '../ir.ts';
import type { Placed } from './check-identities.ts';
import type { Problems } from './problems.ts';

interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Attestors of jobs: what these prove is no host's. */
const ofJobs: ReadonlySet<AttestorName> = new Set(['gitlab-id-token', 'gitlab-runner']);
/** An SVID that a job copied is good until its end, also after the job. */
const longestMs = 15 * 60_000;

/** `services`: the identities of services here. */
export function checkRunnerSelectors(
  all: readonly Placed[],
  { identities, services }: { readonly identities: IdentitiesIr; readonly services: ReadonlySet<SpiffeId> },
  problems: Problems,
): void {
  for (const { workload, parsed } of all) {
    if (parsed === undefined) continue;
    const { selectors } = parsed.document.spec;
    const first = selectors.findIndex(({ attestor }) => attestor === 'gitlab-runner');
    if (first === -1) continue;
    const whole = faultOfWorkload(workload, selectors, services);
    if (whole !== undefined) problems.error(parsed, ['spec', 'selectors', first], whole);
    for (const [index, { attestor, match }] of selectors.entries()) {
      if (attestor !== 'gitlab-runner') continue;
      const fault = faultOf(match, identities);
      if (fault !== undefined) problems.error(parsed, ['spec', 'selectors', index], fault);
    }
  }
}

function faultOfWorkload(
  workload: Placed['workload'],
  selectors: readonly Pick<Selector, 'attestor'>[],
  services: ReadonlySet<SpiffeId>,
): Fault | undefined {
  const other = selectors.find(({ attestor }) => !ofJobs.has(attestor));
  if (other !== undefined) {
    return {
      code: 'more-than-a-job',
      message: `a runner could vouch for the identity of a host ("${other.attestor}")`,
      hint: 'give the jobs a Workload of their own',
    };
  }
  if ('spiffeId' in workload && services.has(workload.spiffeId)) {
    return {
      code: 'more-than-a-job',
      message: `a runner could vouch for the identity of a service, ${workload.spiffeId}`,
      hint: 'give the jobs an identity of their own, and policies that name it',
    };
  }
  if (workload.lifetimeMs > longestMs) {
    return {
      code: 'lifetime-too-long',
      message: 'an SVID that a job copied is good until it ends, also after the job',
      hint: 'set `lifetime: 15m`, or less: the runner renews it as long as the job runs',
    };
  }
  return undefined;
}

function faultOf(match: Selector['match'], identities: IdentitiesIr): Fault | undefined {
  const runner = valueFor(match, 'runner');
  if (runner === undefined) {
    return {
      code: 'any-runner',
      message: 'whoever has an SVID could vouch for jobs',
      hint: 'add `runner` to `match`: the SPIFFE ID of the runner that may vouch for them',
    };
  }
  const id = parseSpiffeId(runner);
  const own = id === undefined ? undefined : workloadOf(identities, id);
  if (own === undefined) {
    return {
      code: 'unknown-runner',
      message: `no document gives the runner ${JSON.stringify(runner)} an identity`,
      hint: 'apply a Workload for the host of the runner, and name its SPIFFE ID here',
    };
  }
  if (own.selectors.some(({ attestor }) => ofJobs.has(attestor))) {
    return {
      code: 'job-as-runner',
      message: `${runner} is the identity of jobs: a job could vouch for others`,
      hint: 'name the identity of the host that the runner runs on',
    };
  }
  if (valueFor(match, 'runner_id') === undefined) {
    return {
      code: 'any-job',
      message: 'the runner could vouch for jobs that GitLab gave to other runners, with a token of theirs',
      hint: 'add `runner_id` to `match`: the number of the runner in GitLab',
    };
  }
  if (valueFor(match, 'ref_protected') === undefined) {
    return {
      code: 'any-ref',
      message: 'nothing says whether this runner may vouch for jobs of protected refs',
      hint: 'add `ref_protected: "true"` or `"false"` to `match`, or an entry for each',
    };
  }
  return undefined;
}
