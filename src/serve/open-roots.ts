// Assembles the rotation of the root: who would be cut off, as this control plane sees it, and what it renews itself.
import { X509Certificate } from 'node:crypto';
import type { RootsAdmin } from '../admin/deps-ca.ts';
import type { CaAnswer } from '../admin/wire-ca.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type OwnFacts, ownHoldUps, sharedHoldUps } from '../control/root-gates.ts';
import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import { type RootsRecord, rootName } from '../identity/roots/roots-record.ts';
import { createRootRotation, type RootRotation } from '../identity/roots/rotate-root.ts';
import { fromPem } from '../identity/x509/pem.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Registry } from '../registry/registry.ts';
import { resourceStatuses } from '../xds/csds/resource-status.ts';
import { typeUrls } from '../xds/resources/type-url.ts';
import type { XdsServer } from '../xds/server/server.ts';
import type { IdentityServices } from './identity.ts';

export interface RootsParts {
  readonly identity: Pick<IdentityServices, 'authority' | 'server' | 'issuer' | 'nodes' | 'api'>;
  readonly registry: Pick<Registry, 'proxies'>;
  readonly streams: XdsServer['inspect'];
  readonly publishers: () => readonly PublisherStatus[];
  /** Has what a root that goes vouches for renewed. */
  readonly renew: () => void;
  /** Others may use the store. */
  readonly shared: boolean;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

/** Shown at once; how many there are is always said. */
const shownHoldUps = 50;

export function openRoots(parts: RootsParts): RootsAdmin {
  const { identity, registry, streams, publishers, renew, shared, audit, clock, log, lifecycle } = parts;
  const { authority, server, issuer, nodes, api } = identity;
  const facts = (): OwnFacts => {
    const views = Map.groupBy(streams(), ({ node }) => String(node));
    const chain = fromPem(server.current().chain, 'CERTIFICATE');
    const last = new X509Certificate(chain.at(-1) ?? Buffer.alloc(0));
    const over = authority.bundle
      .value()
      .roots.find((pem) => last.checkIssued(new X509Certificate(pem)) && signed(pem, last));
    return {
      bundle: authority.bundle.value(),
      server: over === undefined ? '' : rootName(over),
      signer: authority.signer.issuer().root,
      proxies: registry.proxies(),
      secrets: (node) =>
        (views.get(node) ?? [])
          .flatMap((view) => resourceStatuses(view))
          .filter(({ typeUrl }) => typeUrl === typeUrls.secret),
      trusting: api.trusting,
      publishers: publishers(),
    };
  };
  const open = (roots: NonNullable<typeof authority.replaceable>): RootRotation =>
    createRootRotation({
      ...{ roots, renew, clock, log },
      async holdUps(phase, record) {
        const own = ownHoldUps(phase, record, facts());
        const issued = await issuer.issued();
        const common = { issued, trusting: api.trusting, evicted: nodes.isEvicted, tokens: [], now: clock.now() };
        return [...own, ...sharedHoldUps(phase, record, common)];
      },
      onPhase: (record) => void tell(record),
    });
  const tell = async ({ rotation, last }: RootsRecord): Promise<void> => {
    const phase = rotation?.phase ?? last?.outcome ?? 'ended';
    const cut = rotation === undefined ? last?.cut : rotation.cut;
    await audit
      .append({
        kind: 'root-rotation',
        author: rotation?.by ?? 'cellwall',
        phase,
        cut: [...(cut ?? [])],
        ...defined({ reason: rotation?.reason }),
      })
      .catch((reason: unknown) => log.error({ phase, reason: String(reason) }, 'not in the audit log'));
  };
  const why = whyNot(authority.replaceable !== undefined, shared);
  const rotation = authority.replaceable === undefined ? undefined : open(authority.replaceable);
  lifecycle.defer('rotation of the root', async () => rotation?.close());
  const running = (): RootRotation => {
    if (rotation !== undefined && why === undefined) return rotation;
    throw new CellwallError('failed_precondition', why ?? 'the root is not replaced here');
  };
  const status = (): CaAnswer => {
    const bundle = authority.bundle.value();
    const record = rotation?.record();
    const issuing = new X509Certificate(authority.signer.issuer().chain);
    const states = new Map(record?.roots.map(({ pem, state }) => [rootName(pem), state]));
    return {
      ...defined({ notReplaceable: why }),
      roots: bundle.roots.map((pem) => {
        const { validFromDate, validToDate, raw } = new X509Certificate(pem);
        const name = rootName(raw);
        const isOwn = authority.ownRoots.value().some((own) => rootName(own) === name);
        const state = states.get(name) ?? (isOwn ? 'active' : 'extra');
        return { name, state, notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() };
      }),
      intermediate: { root: authority.signer.issuer().root, notAfter: issuing.validToDate.getTime() },
      ...defined({ rotation: rotation && wireRotation(rotation), last: record?.last }),
    };
  };
  return {
    status,
    async rotate(request) {
      await running().begin(request);
      return status();
    },
    async abort() {
      await running().abort();
      return status();
    },
  };
}

function wireRotation(rotation: RootRotation): CaAnswer['rotation'] {
  const { rotation: going } = rotation.record();
  if (going === undefined) return undefined;
  const holdUps = rotation.holdUps();
  return {
    ...going,
    ...defined({ trouble: rotation.trouble() }),
    held: holdUps.length,
    holdUps: holdUps.slice(0, shownHoldUps),
  };
}

function whyNot(replaceable: boolean, shared: boolean): string | undefined {
  if (!replaceable) return 'its root is replaced where the CA is: at the parent, or in the backend that --ca names';
  if (shared) return 'the control planes on one store cannot give each other a new root yet';
  return undefined;
}

function signed(root: string, child: X509Certificate): boolean {
  return child.verify(new X509Certificate(root).publicKey);
}
