// A job of GitLab CI, by two who must agree: GitLab, whose id_token says which job it is and which runner was given it, and the runner,
// whose SVID vouches for the key that the job's SVID is bound to. Documents say which runner may vouch for which jobs (docs/runners.md).
import { verify } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import type { SpiffeId } from '../../model/spiffe-id.ts';
import { bundlePem } from '../trust-bundle.ts';
import { nodeKeyOf } from '../x509/node-key-extension.ts';
import { vouchMessage } from '../x509/pop-message.ts';
import { verifySvid } from '../x509/verify-svid.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { createGitlabIdTokenAttestor } from './gitlab-id-token.ts';

const mostChain = 32_768;

/**
 * The evidence is `token`, as for `gitlab-id-token` and used up together with it, `chain` (the runner's SVID, PEM, leaf first), and
 * `signature` (base64url, by the key of that SVID). A token that no runner vouches for is not used up.
 */
export function createGitlabRunnerAttestor(deps: AttestorDeps): Attestor | undefined {
  const { vouching, bundle, clock } = deps;
  const jobs = createGitlabIdTokenAttestor(deps);
  if (jobs === undefined || vouching === undefined) return undefined;
  const { trustDomain, check } = vouching;

  function runnerOf({ chain, signature, token }: Readonly<Record<string, unknown>>, nodeKey: string): Runner {
    if (typeof chain !== 'string' || typeof signature !== 'string' || typeof token !== 'string') {
      throw refused('the evidence is not a token, a chain and a signature');
    }
    if (chain.length > mostChain || signature.length > 2048) throw refused('the chain or the signature is too long');
    const { spiffeId, leaf, issuers } = verified(() =>
      verifySvid({ chain, bundle: bundlePem(bundle.value()), trustDomain, now: clock.now() }),
    );
    const host = nodeKeyOf(leaf.raw);
    if (host === undefined) throw refused("the runner's SVID is bound to no host");
    if (!verify('sha256', vouchMessage(nodeKey, token), leaf.publicKey, Buffer.from(signature, 'base64url'))) {
      throw refused("the key of the runner's SVID did not sign for this job");
    }
    verified(() => check({ spiffeId, nodeKey: host, chain: [leaf, ...issuers] }));
    return { spiffeId, host };
  }

  return {
    exchanges: true,
    async attest(evidence, context) {
      const { spiffeId, host } = runnerOf(evidence, context.nodeKey);
      const { values, notAfter } = await jobs.attest({ token: evidence['token'] }, context);
      if (notAfter === undefined) throw new CellwallError('internal', 'the token of a job has no end');
      return { attestor: 'gitlab-runner', values: { ...values, runner: spiffeId, runner_host: host }, notAfter };
    },
  };
}

interface Runner {
  readonly spiffeId: SpiffeId;
  /** Its node key. */
  readonly host: string;
}

/** Whatever is wrong with a runner: the evidence proves nothing. */
function verified<T>(judge: () => T): T {
  try {
    return judge();
  } catch (reason) {
    throw refused(`the runner: ${CellwallError.from(reason).message}`);
  }
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/runners.md' });
}
