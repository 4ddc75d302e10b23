// Assembles the rotation of the root: who would be cut off, as this control plane sees it, and what it renews itself.
import type { RootsAdmin } from '../admin/deps-ca.ts';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ForeignRoots } from '../control/bundles.ts';
import type { RootsRecord } from '../identity/roots/roots-record.ts';
import { createRootRotation, type RootRotation, type RotationLook } from '../identity/roots/rotate-root.ts';
import { maxRoots } from '../identity/trust-bundle.ts';
import type { ReplaceableRoots } from '../identity/upstream-authority.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdowns } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { createEvent } from '../lib/event.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { caAnswer } from './ca-answer.ts';
import { caCountdowns } from './ca-countdowns.ts';
import { createCellRotation } from './cell-rotation.ts';
import type { OpenedReplicas } from './open-replicas.ts';
import { createRootFacts, type RootFactsParts, servesBundle } from './root-facts.ts';
import { createRootHoldUps, sharesRoots } from './root-hold-ups.ts';

export interface RootsParts extends RootFactsParts {
  readonly metrics: Pick<Metrics, 'watchCa'>;
  readonly countdowns: Countdowns;
  /** Of other trust domains. */
  readonly foreign: ForeignRoots;
  /** Has what a root that goes vouches for renewed. */
  readonly renew: () => void;
  readonly others: Pick<OpenedReplicas, 'id' | 'list' | 'ask' | 'answer' | 'tell' | 'isAlive'> | undefined;
  /** The keys of the CA are in the store, for all who share it. */
  readonly caInStore: boolean;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export function openRoots(parts: RootsParts): RootsAdmin {
  const { identity, renew, others, parent, caInStore, audit, clock, log, lifecycle } = parts;
  const { authority } = identity;
  const why = whyNot(authority.replaceable !== undefined, others !== undefined && !caInStore);
  const tell = async (phase: string, { rotation: going, last }: RootsRecord): Promise<void> => {
    const { by: author = 'cellwall', reason, cut = last?.cut ?? [] } = going ?? {};
    const event = { kind: 'root-rotation', author, phase, cut: [...cut], ...defined({ reason }) } as const;
    await audit
      .append(event)
      .catch((cause: unknown) => log.error({ phase, reason: String(cause) }, 'not in the audit log'));
  };
  const looked = createEvent<RotationLook>();
  const { own, shared, shown, cells } = createRootFacts(parts);
  const holdUps = createRootHoldUps({
    ...{ others, own, shared, shown, cells, renew, clock },
    record: () => authority.replaceable?.record() ?? parent?.rotation.value()?.record,
    onLook: looked.tell,
  });
  const open = (roots: ReplaceableRoots): RootRotation =>
    createRootRotation({
      ...{ roots, renew, clock, log, holdUps: holdUps.gather },
      onPhase: (record) => void tell(record.rotation?.phase ?? record.last?.outcome ?? 'ended', record),
    });
  const rotation = authority.replaceable === undefined ? undefined : open(authority.replaceable);
  if (rotation !== undefined) looked.listen(rotation.hear);
  const above = parent && createCellRotation({ ...{ parent, gather: holdUps.gather, authority, renew, clock, log } });
  lifecycle.defer('rotation of the root', async () => {
    rotation?.close();
    above?.close();
  });
  if (above !== undefined || (rotation !== undefined && why === undefined)) others?.tell(sharesRoots);
  if (parts.bundleEndpoint) others?.tell(servesBundle);
  const running = (): RootRotation => {
    if (rotation !== undefined && why === undefined) return rotation;
    throw new CellwallError('failed_precondition', why ?? 'the root is not replaced here');
  };
  const status = (): CaAnswer => caAnswer(authority, { rotation, ...defined({ notReplaceable: why, above }) });
  parts.countdowns.add(() => caCountdowns(authority, status(), parts.mesh(), parts.foreign));
  parts.metrics.watchCa(
    () => ({ countdowns: parts.countdowns.list(), ...defined({ rotation: status().rotation }) }),
    clock.now,
  );
  return {
    status,
    async rotate(request) {
      const { length } = authority.bundle.value().roots;
      if (length >= maxRoots) {
        throw new CellwallError('failed_precondition', `there are ${length} roots already: no more fit into a bundle`, {
          hint: 'take out those of --ca-extra-roots that nothing in use was issued under',
        });
      }
      const [unable] = holdUps.unable();
      if (unable !== undefined) {
        throw new CellwallError('failed_precondition', `the control plane ${unable} cannot take part in a rotation`, {
          hint: 'it is starting, of an earlier version, or has no --bootstrap-secret: start it as the others, or stop it',
        });
      }
      const old = identity.cells?.list().find(({ connected, takesPart }) => connected && !takesPart);
      if (old !== undefined && request.compromised !== true) {
        throw new CellwallError(
          'failed_precondition',
          `the control plane of the cell ${old.cell} is of an earlier version, which cannot say whom it would cut off`,
          { hint: 'update it first; --compromised does not wait for it, and cuts off whoever has not moved in time' },
        );
      }
      await running().begin(request);
      return status();
    },
    async abort() {
      await running().abort();
      return status();
    },
  };
}

function whyNot(replaceable: boolean, apart: boolean): string | undefined {
  if (!replaceable) return 'its root is replaced where the CA is: at the parent, or in the backend that --ca names';
  if (apart)
    return 'control planes can share this store, and each would replace a root of its own: use --bootstrap-secret';
  return undefined;
}
