// The identity of one job, in this process's memory alone: what the runner vouches for, renewed until the job ends.
import { sign } from 'node:crypto';
import { vouchMessage } from '../../identity/x509/pop-message.ts';
import { deliver } from '../../identity-api/deliver.ts';
import { identityPaths } from '../../identity-api/identity-protocol.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import type { EvidenceSource } from '../attest/make-evidence.ts';
import type { ControlPlanes } from '../servers/control-planes.ts';
import { firstThatAnswers } from '../servers/first-that-answers.ts';
import { type KeptSvid, keepSvidIn } from '../svid/keep-svid.ts';
import { makeKey, type NodeKeyFile } from '../svid/node-key.ts';
import { type StoredSvid, type SvidFiles, stored } from '../svid/svid-files.ts';

export interface JobIdentityDeps {
  readonly servers: ControlPlanes;
  /** The runner's own. */
  readonly runner: () => StoredSvid;
  readonly clock: Clock;
  readonly log: Log;
}

/** Resolves with the job's first SVID. The control plane is asked until `signal` is aborted, if it does not answer. */
export async function openJobIdentity(
  { servers, runner, clock, log }: JobIdentityDeps,
  token: Redacted<string>,
  signal: AbortSignal,
): Promise<KeptSvid> {
  const key = await makeKey();
  const nodeKey: NodeKeyFile = {
    key: () => key,
    fresh: true,
    replace: () => Promise.reject(new CellwallError('internal', 'a job has one node key')),
  };
  const evidence: EvidenceSource = {
    attestor: 'gitlab-runner',
    roots: runner().bundle,
    async make(host) {
      const { chain, key: own } = runner();
      const signature = sign('sha256', vouchMessage(host, token.reveal()), own).toString('base64url');
      return { attestor: 'gitlab-runner', token: token.reveal(), chain, signature };
    },
  };
  return keepSvidIn({ servers, nodeKey, sharesSvid: true, evidence, files: inMemory(), clock, log, signal });
}

const timeoutMs = 3000;

/** Withdraws it at the control plane. Never throws: if that does not hear of it, the SVID ends by itself, as nobody renews it. */
export async function endJobIdentity(
  { servers, log }: Pick<JobIdentityDeps, 'servers' | 'log'>,
  svid: StoredSvid,
): Promise<void> {
  try {
    const body = async (): Promise<object> => ({});
    await firstThatAnswers(
      servers,
      (identity) => deliver({ ...identity, svid, timeoutMs, path: identityPaths.ended, body }),
      { log },
    );
  } catch (reason) {
    const fields = { spiffeId: svid.spiffeId, notAfter: svid.notAfter.toISOString() };
    log.warn(
      { ...fields, reason: CellwallError.from(reason).message },
      'the control plane does not know that a job has ended: its SVID is not renewed',
    );
  }
}

function inMemory(): SvidFiles {
  let current: StoredSvid | undefined;
  return {
    read: () => current,
    write({ chain, key, bundle }) {
      current = stored(chain, key, bundle);
      return current;
    },
  };
}
