// Gathers what is known of the calls of one caller to one port of a service, from every part of the control plane and from its replicas.
// Whatever cannot be had is said in `unseen`, and the rest is used.
import type { Facts, Operation, PolicyFacts, SeenAnswer } from '../../doctor/facts.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { type Edge, happenedAt, type Refusal } from '../../observe/refusals.ts';
import type { MeshIr, PortIr, ServiceIr } from '../../policy/ir.ts';
import { serviceNamed } from '../../policy/service-named.ts';
import type { AdminDeps } from '../deps.ts';
import type { SeenOnEdge } from '../everywhere.ts';
import { inForce } from '../in-force.ts';
import { operationOf } from '../operation-of.ts';
import type { Explanation } from '../wire.ts';
import type { IssuedCertificate } from '../wire-certificates.ts';
import type { DoctorQuery } from '../wire-doctor.ts';
import type { ProxyRow } from '../wire-proxies.ts';
import type { RefusedSvidRow } from '../wire-refused-svids.ts';
import { createAttempts } from './attempts.ts';
import { documentOf } from './document-of.ts';
import { endpointFacts, trafficFacts } from './edge-facts.ts';
import { knownSides, sideFacts } from './side-facts.ts';
import { unseenOf } from './unseen.ts';

/** What was seen before says little about why a call fails now. */
const latelyMs = 15 * 60_000;

/** Throws `not_found` for a caller or a service that no document names, `unavailable` while nothing is in force. */
export async function gatherFacts(
  query: DoctorQuery,
  deps: AdminDeps,
  rows: () => Promise<readonly ProxyRow[]>,
): Promise<Facts> {
  const { store, clock, record, ca, certificates, refusedSvids = () => [], others } = deps;
  const { mesh } = inForce(store);
  if (mesh === undefined) throw new CellwallError('unavailable', 'no documents are in force yet');
  const ask = async (asked: DoctorQuery): Promise<Explanation> => outside(mesh, asked) ?? deps.explain(asked);
  const first = await ask(query);
  const parties = partiesOf(mesh, query, first);
  const { port, edge } = parties;
  const { attempt, failed } = createAttempts();
  const [silent, proxies, issued, refused, seen] = await Promise.all([
    attempt<readonly string[]>('what other control planes recorded', [], () => record.refresh?.() ?? []),
    attempt<readonly ProxyRow[]>('the proxies', [], rows),
    attempt<readonly IssuedCertificate[]>('the certificates', [], certificates),
    attempt<readonly RefusedSvidRow[]>('refused SVIDs', [], refusedSvids),
    attempt('what proxies answered', nothingSeen, () => deps.edge?.(edge) ?? nothingSeen),
  ]);
  const now = clock.now();
  const answers = seen.refusals.filter(({ at }) => at > now - latelyMs).map(answerOf);
  const operation = operationAsked(query) ?? operationSeen(answers);
  const [last] = answers;
  const explained =
    operation.from === 'last' && last !== undefined
      ? await ask({ ...identify(query), ...operationOf(mesh, last, port.id) })
      : first;
  const known = knownSides(proxies, issued, refused, now);
  const traffic = trafficFacts(deps, edge);
  return {
    now,
    call: {
      caller: query.caller,
      ...defined({ anonymous: parties.anonymous }),
      target: port.id,
      port: port.port,
      protocol: port.protocol,
      mtls: port.mtls.mode,
      external: port.external === true,
      ownEndpoints: port.endpoints.kind !== 'sidecars',
      operation,
    },
    documents: {
      needsDependency: parties.caller !== undefined && parties.caller.key !== port.key,
      ...defined({ listen: listenOf(parties.caller, port) }),
      ...defined({
        callerDocument: documentOf(parties.caller),
        serviceDocument: documentOf(mesh.services.get(port.key)),
      }),
      refused: store
        .problems()
        .filter(({ severity }) => severity === 'error')
        .slice(0, maxProblems)
        .map(({ source, message }) => ({ place: `${source.file}:${source.line}:${source.column}`, message })),
    },
    policy: policyFacts(explained),
    caller: sideFacts({ known, who: parties.who, id: parties.id }),
    service: sideFacts({ known, who: port.key, id: port.spiffeId, port }),
    endpoints: endpointFacts(deps, mesh.services.get(port.key), port),
    ...defined({
      roots: ca?.()
        ?.status()
        .roots.map(({ name }) => name),
    }),
    answers,
    handshakes: (deps.handshakes?.() ?? [])
      .filter((one) => one.service === port.key && one.port === edge.port && one.lastSeen > now - latelyMs)
      .toSorted((a, b) => b.lastSeen - a.lastSeen)
      .map(({ address, why, caller, count, lastSeen }) => ({ address, why, caller, count, at: lastSeen })),
    traffic,
    unseen: unseenOf({
      ...{ traffic, startedAt: deps.status().startedAt },
      ...{ others, proxies, port, now, storeTrouble: store.trouble?.() },
      silent: [...silent, ...seen.silent],
      anonymous: parties.anonymous !== undefined,
      sides: [port.key, ...(parties.caller === undefined ? [] : [parties.caller.key])],
      failed,
    }),
  };
}

const maxProblems = 3;
const nothingSeen: SeenOnEdge = { refusals: [], silent: [] };

/** Who may call a server of another trust domain is decided there. */
function outside(mesh: MeshIr, { caller, target }: DoctorQuery): Explanation | undefined {
  const service = serviceNamed(mesh, target);
  const port = service?.ports[0];
  if (service?.external !== true || port === undefined) return undefined;
  const { key } = service;
  const own = serviceNamed(mesh, caller);
  if (own === undefined && !caller.startsWith('spiffe:')) {
    throw new CellwallError('not_found', `no service ${JSON.stringify(caller)}`);
  }
  return {
    ...{ decision: 'allowed', stage: 'default', reason: 'whom it lets in is decided in its own trust domain' },
    ...{ caller: own?.spiffeId ?? caller, target: key, protocol: port.protocol, mtls: port.mtls.mode },
    ...{
      document: `Service/${key}`,
      source: port.source,
      chain: [],
      notes: [],
      ...defined({ callerService: own?.key }),
    },
  };
}

interface Parties {
  readonly port: PortIr;
  /** The caller, if it is a service of the mesh. */
  readonly caller: ServiceIr | undefined;
  readonly who: string;
  /** Its SPIFFE ID. */
  readonly id: string | undefined;
  readonly anonymous: string | undefined;
  readonly edge: Edge;
}

function partiesOf(mesh: MeshIr, { caller: asked }: DoctorQuery, explained: Explanation): Parties {
  const { target, callerService } = explained;
  const ports = serviceNamed(mesh, target)?.ports ?? [];
  const port = ports.find(({ port: name }) => name === (explained.port ?? defaultPort)) ?? ports[0];
  if (port === undefined) throw new Error(`explain named the port of ${target}, and it is not there`);
  const caller = callerService === undefined ? undefined : serviceNamed(mesh, callerService);
  const [given = asked] = asked.split('+jwt:');
  const id = caller?.spiffeId ?? (given.startsWith('spiffe:') ? given : undefined);
  const anonymous = id !== undefined ? undefined : asked === 'one-way-tls' || asked === 'legacy' ? asked : 'plaintext';
  return {
    port,
    caller,
    who: caller?.key ?? id ?? 'anonymous',
    id,
    anonymous,
    edge: {
      ...(caller === undefined ? {} : { own: { service: caller.key, target: port.id } }),
      service: port.key,
      ...(port.port === defaultPort ? {} : { port: port.port }),
      caller: id ?? anonymous ?? 'plaintext',
    },
  };
}

function identify({ caller, target, port }: DoctorQuery): Pick<DoctorQuery, 'caller' | 'target' | 'port'> {
  return { caller, target, ...defined({ port }) };
}

function answerOf(refusal: Refusal): SeenAnswer {
  const { kind, node, requestId, tracedAs = '', method, path } = refusal;
  const told = {
    kind,
    at: happenedAt(refusal),
    node,
    requestId: requestId === '' ? tracedAs : requestId,
    path,
    ...defined({ method }),
  };
  return refusal.kind === 'denied'
    ? { ...told, ...defined({ policy: refusal.policy }) }
    : { ...told, status: refusal.status, details: refusal.details };
}

function operationAsked({ method, path, grpc }: DoctorQuery): Operation | undefined {
  if (grpc !== undefined) return { from: 'asked', method: 'POST', path: `/${grpc}` };
  if (method === undefined && path === undefined) return undefined;
  const [plain] = path?.split('?') ?? [];
  return { from: 'asked', ...defined({ method: method?.toUpperCase(), path: plain }) };
}

function operationSeen([last]: readonly SeenAnswer[]): Operation {
  if (last === undefined || last.path === '') return { from: 'any' };
  return { from: 'last', path: last.path, ...defined({ method: last.method }) };
}

function listenOf(caller: ServiceIr | undefined, { id }: PortIr): string | undefined {
  const listen = caller?.dependsOn.find(({ port }) => port === id)?.listen;
  if (listen === undefined) return undefined;
  return typeof listen === 'number' ? String(listen) : listen.path;
}

/** Of a rule that takes the caller, and not what it asks for. */
const otherOperation = /^another (path|method|cell)$/;

function policyFacts(explained: Explanation): PolicyFacts {
  const { decision, stage, reason, document, source, chain, remedy, notes, enforced, undecidable = [] } = explained;
  return {
    outcome: decision === 'allowed' ? 'allowed' : 'denied',
    stage,
    reason,
    decidedBy: `${document} ${source.file}:${source.line}`,
    ...defined({ rule: remedy?.policy, wantsToken: notes.find((note) => / asks for a token of /.test(note)) }),
    pending: enforced?.pending ?? [],
    undecidable: undecidable.length > 0,
    otherOperations: chain.some(({ action, why }) => action === 'allow' && otherOperation.test(why)),
  };
}
