// Jobs of GitLab CI: what their tokens earn, what tokens earn nothing, and what that costs.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

const exchangeFile = 'test/serve/job-exchange.test.ts';

export const spiffeItems: readonly Item[] = [
  fromTests({
    name: 'exchange',
    line:
      "A job's token buys an SVID at a real control plane; a real Envoy takes it, and policy lets in by its ID; a branch called " +
      '`../main`, and other jobs that would like to be it, have IDs of their own',
    bound: 'each ID to the letter; 200 for those that policy names, 403 for the others',
    files: [exchangeFile],
    only: 'calls a service by its ID',
  }),
  fromTests({
    name: 'refused-jobs',
    line:
      "A fork's merge-request job, an expired, replayed, other-audience, several-audience token, a user's request token, an " +
      'unprotected ref',
    bound: 'no SVID; one answer for all tokens; each reason in the audit log of the control plane',
    files: [exchangeFile],
    only: 'gets nothing',
  }),
  fromTests({
    name: 'exchange-load',
    line:
      '3,000 exchanges at 100 a second beside 200 open streams, on two cores that the callers share; each over its own connection, ' +
      'and in the audit log before it is answered; a time counts from when the exchange was due',
    bound: 'p99 < 50 ms; 0 failed, all 3,000 in the audit log, no stream ended',
    files: ['test/serve/exchange-load.test.ts'],
  }),
  fromTests({
    name: 'issuer-away',
    line:
      'The keys of a GitLab: found by discovery at its own address alone, rotated, asked for once a minute at most for unknown ones; ' +
      'GitLab is away for 90 minutes (fake clock), in which jobs go on',
    bound: '0 refusals of what was known; 1 fetch for a new key, 0 for ten forged ones',
    files: ['test/identity/gitlab-id-token.test.ts'],
    only: 'the keys of a GitLab',
  }),
  fromTests({
    name: 'jwt-corpus',
    line:
      'At least 200 tokens, each wrong in one thing (no signature, HS256 by the public key, keys brought along, kid, names twice, ' +
      'crit, whose, for whom, when, which project, form, size, nesting), many with GitLab’s own signature, over the wire',
    bound:
      'all refused with 401 and one same answer; each reason in the audit log; control: what they were made of is taken',
    files: ['test/adversary/tokens/jwt-corpus.test.ts'],
  }),
  fromTests({
    name: 'injective-ids',
    line:
      '200,000 sets of claims of hostile Unicode, slashes, dots, percent signs, escapes and names of up to 2 KB; and such refs in ' +
      'signed tokens, through the attestor',
    bound:
      'distinct claims, distinct IDs; each decodes to exactly its claims; go-spiffe takes every one, and refuses the controls',
    files: ['test/system/spiffe-ids.test.ts', 'test/system/job-ids.test.ts'],
  }),
  fromTests({
    name: 'ci-component',
    line:
      "The CI component, run as GitLab's runner would, with curl, npm, Docker's paths at an mTLS registry, Terraform's variables, and " +
      "AWS's own credential helper 1.4.0 as credential_process",
    bound:
      'each works with the SVID alone, and none without; a fork’s job ends before its script; nothing stays after a job',
    files: ['test/system/gitlab-svid.test.ts'],
  }),
  fromTests({
    name: 'runner',
    line:
      "A runner that gives its jobs their identities, by the stages of GitLab's custom executor, with a user for each job, go-spiffe and " +
      'py-spiffe; five times two jobs at once that try 17 ways to each other; what outlives a job; a runner that is killed',
    bound:
      'each job has its own identity, by both libraries, and reaches nothing of another; none after its end; control: on itself the ' +
      'same ways lead somewhere',
    files: ['test/system/gitlab-runner.test.ts'],
    limitMinutes: 15,
  }),
  fromTests({
    name: 'runner-bounds',
    line:
      'A runner that lies, replays, is banned, or asks for jobs of other projects, refs and runners; a job that copied its SVID; 200 ' +
      'jobs that end while they are given theirs; Workloads that would let a runner have more',
    bound:
      'what GitLab and documents both allow, once; no identity after its end; each refusal on record with its reason',
    files: [
      'test/sidecar/runner.test.ts',
      'test/sidecar/runner-parts.test.ts',
      'test/identity/gitlab-runner.test.ts',
      'test/policy/runner-selectors.test.ts',
    ],
  }),
  fromTests({
    name: 'token-retirement',
    line:
      'A shared token retires under load, with a real control plane and sidecars: sent by two callers, rotated, replaced by their ' +
      'identities one after the other, not accepted any more, rotated by the two who still know it, gone; forged ones all the time',
    bound: '0 failed of ≥ 20,000; no forged token arrives, in any spelling, in plaintext or over mTLS',
    files: ['test/identity/token-retirement.test.ts', 'test/translate/service-credential.test.ts'],
  }),
  fromTests({
    name: 'two-layers',
    line:
      'Rules that ask for an identity and a token: claims of every kind, on a real Envoy and by the decision; keys of the issuer ' +
      'fetched by the control plane, rotated, and kept when their source fails, lies or is away',
    bound: 'both are needed; proxy and decision agree on each; the last good keys stay, over a restart, too',
    files: [
      'test/translate/two-layers.test.ts',
      'test/policy/jwt.test.ts',
      'test/identity/jwt/mesh-keys.test.ts',
      'test/serve/issuer-keys.test.ts',
    ],
  }),
];
