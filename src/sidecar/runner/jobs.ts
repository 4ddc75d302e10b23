// The jobs that run on a runner: each has a folder, in it a socket of SPIFFE's Workload API, and in that its own identity alone. Folder and
// socket belong to the job's user, which no other job is given before this one is closed.
import { join } from 'node:path';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { SocketPath } from '../../lib/socket-path.ts';
import { createWatched } from '../../lib/watchable.ts';
import type { Refusal } from '../../workload-api/refusal.ts';
import type { SocketOwner } from '../../workload-api/socket-guard.ts';
import { createWorkloadApi } from '../../workload-api/workload-api.ts';
import type { StoredSvid } from '../svid/svid-files.ts';
import { leftBehind, makeFolder, removeFolder, socketOf } from './job-folder.ts';
import { endJobIdentity, type JobIdentityDeps, openJobIdentity } from './job-identity.ts';
import { endOf, idPattern, type RunnersJob } from './job-response.ts';
import type { JobUsers } from './job-users.ts';

/** How jobs are kept apart: each has a user of its own; or a container, in which it finds its own folder alone. */
export type Separation =
  | { readonly kind: 'users'; readonly users: JobUsers }
  /** `owner`: of each socket. Absent: this user. */
  | { readonly kind: 'containers'; readonly owner?: SocketOwner };

export interface JobsDeps extends JobIdentityDeps {
  /** Of the runner itself: while it is refused, so are its jobs. */
  readonly refusal: Refusal;
  /** Has a folder for each job. */
  readonly folder: string;
  readonly separation: Separation;
  /** How long the control plane may take for the first SVID of a job. Default 30 s. */
  readonly patienceMs?: number;
}

export interface OpenJob {
  readonly job: string;
  /** The user of the job, if it has one of its own. */
  readonly user?: number;
  /** Absent: the job has no identity. */
  readonly socket?: SocketPath;
  readonly spiffeId?: string;
  /** Why it has none. */
  readonly reason?: string;
}

export interface Jobs {
  /** Throws `already_exists` for a job that is open, `unavailable` if the control plane does not answer, `resource_exhausted`. */
  open(job: RunnersJob): Promise<OpenJob>;
  /** It has no identity any more; it keeps its user. False if there is no such job. */
  end(job: string): Promise<boolean>;
  /** The same, and another job may have its user. False if there is no such job. */
  close(job: string): Promise<boolean>;
  /** None has an identity any more. */
  endAll(): Promise<void>;
}

interface Running {
  readonly user: number | undefined;
  /** Aborted: it has no identity, and gets none any more. */
  readonly stop: AbortController;
  /** Ends what it has, once it has it. Resolves when nobody gets it here any more, and the control plane was told. */
  withdraw?: () => Promise<void>;
}

const most = 1000;

/** Jobs that an earlier process opened keep their users. */
export function createJobs(deps: JobsDeps): Jobs {
  const { folder, separation, clock, log, patienceMs = 30_000 } = deps;
  const running = new Map<string, Running>();
  for (const { job, gid } of leftBehind(folder)) {
    if (separation.kind !== 'users' || !separation.users.keep(gid)) removeFolder(join(folder, job));
    else running.set(job, { user: gid, stop: new AbortController() });
  }

  async function identityOf(job: string, token: NonNullable<RunnersJob['token']>, one: Running): Promise<OpenJob> {
    const { signal } = one.stop;
    const late = clock.after(patienceMs, () => one.stop.abort());
    const kept = await openJobIdentity(deps, token, signal).finally(late);
    const socket = socketOf(folder, job);
    const refusal = eitherOf(kept.refusal, deps.refusal);
    const owner = ownerOf(one.user);
    let api: { close(): Promise<void> } | undefined;
    const withdraw = async (): Promise<void> => {
      one.stop.abort();
      refusal.stop();
      await api?.close();
      await endJobIdentity(deps, kept.svid.value());
    };
    const stay = (): void => {
      if (signal.aborted) throw new CellwallError('aborted', `job ${job} has ended meanwhile`);
    };
    try {
      stay();
      api = await createWorkloadApi({
        ...{ socket, svid: kept.svid, jwt: kept.jwt, refusal: refusal.value, clock, log },
        ...defined({ owner }),
      });
      stay();
    } catch (reason) {
      await withdraw();
      throw reason;
    }
    const over = clock.after(Math.max(0, endOf(token) - clock.now()), () => void end(job));
    one.withdraw = () => {
      over();
      return withdraw();
    };
    const { spiffeId }: StoredSvid = kept.svid.value();
    log.info({ job, spiffeId, ...defined({ user: one.user }) }, 'a job has its identity');
    return { job, socket, spiffeId, ...defined({ user: one.user }) };
  }

  function ownerOf(user: number | undefined): SocketOwner | undefined {
    if (user !== undefined) return { uid: user, gid: user };
    return separation.kind === 'containers' ? separation.owner : undefined;
  }

  async function end(job: string): Promise<boolean> {
    const one = running.get(job);
    if (one === undefined) return false;
    one.stop.abort();
    const { withdraw } = one;
    if (withdraw === undefined) return true;
    delete one.withdraw;
    await withdraw();
    log.info({ job }, 'the identity of a job has ended');
    return true;
  }

  async function close(job: string): Promise<boolean> {
    const one = running.get(job);
    if (one === undefined) return false;
    await end(job);
    // Of several at once, one has it done.
    if (running.get(job) !== one) return false;
    running.delete(job);
    removeFolder(join(folder, job));
    if (one.user !== undefined && separation.kind === 'users') separation.users.free(one.user);
    return true;
  }

  return {
    async open({ job, project, token }) {
      if (!idPattern.test(job)) throw new CellwallError('invalid_argument', 'this is no number of a job');
      if (running.has(job)) {
        throw new CellwallError('already_exists', `job ${job} is open`, {
          hint: 'one process serves one runner of one GitLab: give each its own --run-dir',
        });
      }
      if (running.size >= most) throw new CellwallError('resource_exhausted', `${most} jobs are open`);
      const user = separation.kind === 'users' ? separation.users.take() : undefined;
      const one: Running = { user, stop: new AbortController() };
      running.set(job, one);
      const without = (reason: string): OpenJob => ({ job, reason, ...defined({ user }) });
      try {
        makeFolder(join(folder, job), ownerOf(user));
        if (token === undefined) return without('it asks for none: it has no id_token');
        return await identityOf(job, token, one);
      } catch (reason) {
        const failed = CellwallError.from(reason);
        const { code, message } = failed;
        log.warn({ job, project, code, reason: message }, 'a job has no identity');
        // The job goes on without: what it does with it is not for the runner to decide.
        if (code === 'unauthenticated' || code === 'permission_denied') return without(message);
        if (running.get(job) === one) await close(job);
        throw failed;
      }
    },
    end,
    close,
    async endAll() {
      await Promise.all([...running.keys()].map(separation.kind === 'users' ? end : close));
    },
  };
}

function eitherOf(own: Refusal, runners: Refusal): { readonly value: Refusal; readonly stop: () => void } {
  const value = createWatched(own.value() ?? runners.value());
  const look = (): void => value.set(own.value() ?? runners.value());
  const ends = [own.watch(look), runners.watch(look)];
  return {
    value,
    stop() {
      for (const end of ends) end();
    },
  };
}
