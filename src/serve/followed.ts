// What control planes of cells may follow here: the documents in force, the roots, and an intermediate for their own CA.

import type { AuditLog } from '../audit/audit-log.ts';
import type { NodeRegistry } from '../identity/attestor/node-registry.ts';
import type { Bans } from '../identity/ban/bans.ts';
import { followedCell } from '../identity/follower.ts';
import type { FollowerIssuers } from '../identity/follower-issuers.ts';
import type { OpenAuthority } from '../identity/open-authority.ts';
import type { SeenCell } from '../identity/roots/cell-report.ts';
import type { ToldRoots } from '../identity/roots/told-roots.ts';
import type { Followed, SeenFollower } from '../identity-api/follow-routes.ts';
import { createBudget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { Store } from '../store/store.ts';
import { createCellReports } from './cell-reports.ts';
import { issuersKnown } from './issuers-known.ts';

export interface FollowedDeps {
  readonly store: Pick<Store, 'state' | 'watch'>;
  readonly mesh: () => MeshIr | undefined;
  readonly authority: Pick<OpenAuthority, 'bundle' | 'mintIntermediate' | 'replaceable' | 'signer'>;
  readonly nodes: Pick<NodeRegistry, 'check'>;
  readonly bans: Pick<Bans, 'check' | 'news' | 'watch'>;
  readonly issuers: Pick<FollowerIssuers, 'add' | 'refuse' | 'under'>;
  readonly trustDomain: TrustDomain;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Of the program. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A cell lives that long on its own, at least half of it: its intermediate is renewed at half of its life. */
export const intermediateMs = 90 * 86_400_000;
const backdateMs = 3_600_000;
/** For each cell: its control planes need one in 45 days, one for each phase of a rotation, and one wherever a data folder is lost. */
const certified = { burst: 60, everyMs: 600_000 };

export interface FollowedCells extends Followed {
  /** Those that follow it now, and what each was sent. */
  list(): readonly Omit<SeenFollower, 'follower'>[];
  /** What is known of cells for a rotation of the root. */
  readonly cells: {
    list(): readonly SeenCell[];
    /** The roots that a follower says it has, by name. */
    trusting(follower: string): readonly string[] | undefined;
  };
}

export function createFollowed(deps: FollowedDeps): FollowedCells {
  const { store, mesh, authority, nodes, bans, issuers, trustDomain, audit, version, clock, log } = deps;
  const open = new Set<() => SeenFollower>();
  const following = (): readonly SeenFollower[] => [...open].map((look) => look());
  const reports = createCellReports(clock);
  const budget = createBudget({ clock, ...certified });
  let told: ToldRoots | undefined;
  return {
    version,
    list: () => following().map(({ follower: _, ...one }) => one),
    cells: { list: () => reports.list(following()), trusting: reports.trusting },
    report: reports.take,
    async roots() {
      const record = authority.replaceable?.record();
      if (record === undefined) return undefined;
      const known: ToldRoots['issuers'] =
        record.rotation === undefined ? new Map() : await issuersKnown(record, authority.signer, issuers);
      // The same object while nothing changes: it is told when it does.
      if (told?.record !== record || known.size !== told.issuers.size) told = { record, issuers: known };
      return told;
    },
    opened(look) {
      open.add(look);
      return () => void open.delete(look);
    },
    check({ spiffeId, nodeKey, chain }) {
      if (nodeKey !== undefined) nodes.check(nodeKey);
      bans.check({ spiffeId, nodeKey });
      issuers.refuse(chain);
      const cell = followedCell(spiffeId, trustDomain);
      if (cell === undefined) throw new CellwallError('permission_denied', `${spiffeId} is not that of a follower`);
      if (mesh()?.cells.get(cell)?.controlPlane !== undefined) return cell;
      throw new CellwallError('failed_precondition', `the cell ${cell} has no control plane of its own`, {
        hint: `"controlPlane: {}" in the spec of Cell/${cell} gives it one`,
      });
    },
    refuse: issuers.refuse,
    documents() {
      const state = store.state();
      if (state?.mesh === undefined) return undefined;
      return { revision: state.revision, documents: state.documents.map(({ key, text }) => ({ key, text })) };
    },
    watch: (listener) =>
      store.watch((event) => {
        if (event.kind === 'state') listener();
      }),
    bundle: authority.bundle,
    bans,
    async mint(csr, cell, { spiffeId, nodeKey, address }) {
      // Each is known here until it ends, and is looked at with each certificate that is shown.
      const waitMs = budget.spend(cell);
      if (waitMs > 0) {
        throw new CellwallError('resource_exhausted', `too many intermediates were certified for the cell ${cell}`, {
          hint: `ask again in ${Math.ceil(waitMs / 1000)} s; whoever asks has that cell's data folder`,
        });
      }
      const now = clock.now();
      const notAfter = new Date(now + intermediateMs);
      const chain = await authority.mintIntermediate({ csr, notBefore: new Date(now - backdateMs), notAfter });
      await issuers.add(chain, { cell, ...defined({ nodeKey }) });
      const until = notAfter.toISOString();
      // Whoever has it can sign for every identity: not without a record.
      await audit.append({ kind: 'intermediate-certified', author: spiffeId, cell, address, notAfter: until });
      log.warn({ cell, notAfter: until }, 'certified an intermediate for the control plane of a cell');
      return chain;
    },
  };
}
