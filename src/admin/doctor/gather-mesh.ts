// Gathers what is known of the whole mesh: the control plane, the proxies of each port, the edges whose calls fail. What cannot be had is
// said in `unseen`, and the rest is used.
import type { Facts, Unseen } from '../../doctor/facts.ts';
import type { MeshFacts } from '../../doctor/mesh/diagnose-mesh.ts';
import { defined } from '../../lib/defined.ts';
import type { MeshIr, PortIr, ServiceIr } from '../../policy/ir.ts';
import type { AdminDeps } from '../deps.ts';
import { inForceOrNothing } from '../in-force.ts';
import type { StatusAnswer } from '../wire.ts';
import type { IssuedCertificate } from '../wire-certificates.ts';
import type { ProxyRow } from '../wire-proxies.ts';
import type { RefusedSvidRow } from '../wire-refused-svids.ts';
import type { TroublesAnswer } from '../wire-troubles.ts';
import { createAttempts } from './attempts.ts';
import { documentOf } from './document-of.ts';
import { type KnownSides, knownSides, sideFacts } from './side-facts.ts';

export interface MeshReaders {
  readonly status: () => Promise<StatusAnswer>;
  /** Every known proxy. */
  readonly rows: () => Promise<readonly ProxyRow[]>;
  /** Of edges whose calls fail, or whose ends are not well. */
  readonly troubles: () => Promise<TroublesAnswer>;
}

/** Logs and counters of proxies that were there before come within this time. */
const settledMs = 60_000;

export async function gatherMesh(deps: AdminDeps, { status, rows, troubles }: MeshReaders): Promise<MeshFacts> {
  const { store, clock, certificates, refusedSvids = () => [] } = deps;
  const { attempt, failed } = createAttempts();
  const nothing: TroublesAnswer = { at: 0, edges: [], asked: 0 };
  const [control, proxies, issued, refused, found] = await Promise.all([
    attempt<UnseenParts['control']>('the control plane', bare(deps), status),
    attempt<readonly ProxyRow[]>('the proxies', [], rows),
    attempt<readonly IssuedCertificate[]>('the certificates', [], certificates),
    attempt<readonly RefusedSvidRow[]>('refused SVIDs', [], refusedSvids),
    attempt('calls that fail', nothing, troubles),
  ]);
  const { mesh } = inForceOrNothing(store);
  const now = clock.now();
  const known = knownSides(proxies, issued, refused, now);
  const roots = deps
    .ca?.()
    ?.status()
    .roots.map(({ name }) => name);
  const ports =
    mesh === undefined ? [] : portsOf(mesh).map(([service, port]) => portFacts({ service, port, known, roots }));
  return {
    now,
    control,
    ports,
    edges: found.edges.map(({ from, to, port, findings }) => ({
      call: `${from} -> ${to}${port === undefined ? '' : `:${port}`}`,
      findings,
    })),
    unseen: unseenOf({ control, proxies, failed, now, omitted: found.omitted ?? 0, hasMesh: mesh !== undefined }),
  };
}

/** What needs nobody else. */
function bare({ store, ready, status }: AdminDeps): MeshFacts['control'] & Pick<StatusAnswer, 'startedAt'> {
  return { ready: ready().ready, reasons: ready().reasons, problems: store.problems(), startedAt: status().startedAt };
}

/** Those that somebody depends on: what is wrong with a caller is found with its edges. */
function portsOf(mesh: MeshIr): readonly (readonly [ServiceIr, PortIr])[] {
  const needed = new Set([...mesh.services.values()].flatMap(({ dependsOn }) => dependsOn.map(({ port }) => port)));
  return [...mesh.services.values()].flatMap((service) =>
    service.external === true
      ? []
      : service.ports.filter(({ id }) => needed.has(id)).map((port): readonly [ServiceIr, PortIr] => [service, port]),
  );
}

interface PortParts {
  readonly service: ServiceIr;
  readonly port: PortIr;
  readonly known: KnownSides;
  readonly roots: readonly string[] | undefined;
}

/** As if somebody without an identity asked, whom policy allows: what is left is the service itself. */
function portFacts({ service, port, known, roots }: PortParts): Facts {
  return {
    now: known.now,
    call: {
      ...{ caller: 'plaintext', anonymous: 'plaintext', target: port.id, port: port.port, protocol: port.protocol },
      ...{ mtls: port.mtls.mode, external: false, ownEndpoints: port.endpoints.kind !== 'sidecars' },
      operation: { from: 'any' },
    },
    documents: { needsDependency: false, refused: [], ...defined({ serviceDocument: documentOf(service) }) },
    policy: {
      ...{ outcome: 'allowed', stage: 'default', reason: '', decidedBy: '' },
      ...{ pending: [], undecidable: false, otherOperations: false },
    },
    caller: { who: 'anonymous', proxies: [], refusedSvids: [] },
    service: sideFacts({ known, who: service.key, id: service.spiffeId, port }),
    ...{ endpoints: [], answers: [], handshakes: [], traffic: {}, unseen: [] },
    ...defined({ roots }),
  };
}

interface UnseenParts {
  readonly control: MeshFacts['control'] & Pick<StatusAnswer, 'startedAt'>;
  readonly proxies: readonly ProxyRow[];
  readonly failed: readonly string[];
  readonly now: number;
  readonly omitted: number;
  readonly hasMesh: boolean;
}

function unseenOf({ control, proxies, failed, now, omitted, hasMesh }: UnseenParts): readonly Unseen[] {
  const runsForMs = now - control.startedAt;
  const lossy = proxies.filter(({ missing = [] }) => missing.some(({ to }) => to > now - 15 * settledMs));
  const dead = (control.replicas ?? []).filter(({ alive }) => !alive);
  const texts = [
    ...failed,
    ...(hasMesh ? [] : ['no documents are in force: there is no mesh yet']),
    ...(hasMesh && !proxies.some(({ state }) => state === 'connected')
      ? ['no proxy is connected: nothing is reported']
      : []),
    ...(runsForMs < settledMs
      ? [`the control plane started ${Math.round(runsForMs / 1000)} s ago: not all proxies have reported since`]
      : []),
    ...dead.map(({ id }) => `the control plane ${id} does not answer: what proxies reported to it is missing`),
    ...(lossy.length === 0
      ? []
      : [`${lossy.length} proxies reported less than their Envoys counted: calls are missing`]),
    ...(omitted === 0 ? [] : [`${omitted} more edges that may fail were not looked into yet`]),
  ];
  return texts.map((text) => ({ text, hides: true }));
}
