// (4) Authorization: who may do what, on the wire and in `cellwall explain` alike.
import type { Client, World } from '../house/world.ts';
import type { Call } from '../services/protocol.ts';
import { describe, type Outcome } from '../wire/outcome.ts';
import {
  applicationCall,
  beginUpdateMethod,
  classifyMethod,
  getCellsMethod,
  isTcp,
  listCommitsMethod,
} from './application-call.ts';
import { callDirectly } from './direct-call.ts';
import { must, type Step } from './step.ts';

interface Case {
  readonly what: string;
  readonly target: string;
  readonly call: Call;
  readonly allowed: boolean;
  /** Through the caller's sidecar, or as a client without one. */
  readonly by: { readonly service: string } | { readonly client: Client };
}

const permissionDenied = 7;
const forbidden = 403;

export const authorization: Step = {
  name: 'authorization',
  title: '4  authorization: by SPIFFE ID, method and path, at the edge of the cell',
  withinMs: 20_000,
  async run(world, tell) {
    const cases = casesOf(world);
    for (const item of cases) {
      const outcome = await perform(world, item);
      const { what, allowed } = item;
      must(allowed ? outcome.kind === 'ok' : isRefusal(item, outcome), `${what}: ${describe(outcome)}`);
      await explainAgrees(world, item);
      tell.held(what, allowed ? 'allowed' : describe(outcome));
    }
    const declared = world.documents.dependencies.some(
      ({ caller, target }) => caller === 'cell-2/gitlab' && target === 'cell-1/gitaly',
    );
    must(!declared, 'cell-2/gitlab declares cell-1/gitaly');
    const allowed = cases.filter((item) => item.allowed).length;
    tell.held('cellwall explain says the same of each', `${cases.length} decisions`);
    return { allowed, refused: cases.length - allowed, explained: cases.length, decisions: byPort(cases) };
  },
};

function casesOf(world: World): readonly Case[] {
  const grpc = (target: string, method: string, request: object = {}): Pick<Case, 'target' | 'call'> => ({
    target,
    call: { kind: 'grpc', address: world.inbound(target), method, request },
  });
  const usual = (target: string): Pick<Case, 'target' | 'call'> => ({
    target,
    call: applicationCall(target, world.inbound(target)),
  });
  const topology = 'topology-service:grpc';
  const rest = 'topology-service:rest';
  const begin = grpc(topology, beginUpdateMethod, { cell_id: 1 });
  const router = { client: 'httpRouter' } as const;
  const stranger = { client: 'stranger' } as const;
  return [
    { what: 'cell-1 classifies', ...usual(topology), by: { service: 'cell-1/gitlab' }, allowed: true },
    { what: 'cell-1 begins a claim', ...begin, by: { service: 'cell-1/gitlab' }, allowed: true },
    { what: 'http-router classifies over REST', ...usual(rest), by: router, allowed: true },
    // What one port of the service allows is not allowed on its other port: the same caller, and the same operation.
    { what: 'http-router classifies over gRPC', ...usual(topology), by: router, allowed: false },
    {
      what: 'cell-1 begins a claim over REST',
      target: rest,
      call: { kind: 'http1', address: world.inbound(rest), method: 'POST', path: `/${beginUpdateMethod}`, json: {} },
      by: { client: 'cell1Gitlab' },
      allowed: false,
    },
    { what: 'http-router begins a claim', ...begin, by: router, allowed: false },
    { what: 'gitlab-shell begins a claim', ...begin, by: { service: 'gitlab-shell' }, allowed: false },
    {
      what: 'http-router calls another path',
      target: rest,
      call: { kind: 'http1', address: world.inbound(rest), method: 'POST', path: '/v1/claims', json: {} },
      by: router,
      allowed: false,
    },
    { what: 'a stranger classifies', ...grpc(topology, classifyMethod), by: stranger, allowed: false },
    { what: 'a stranger lists the cells', ...grpc(topology, getCellsMethod), by: stranger, allowed: false },
    ...[rest, 'cell-1/gitlab', 'cell-1/gitaly', 'cell-1/registry', 'cell-1/valkey', 'cell-2/gitaly'].map(
      (target): Case => ({ what: `a stranger calls ${target}`, ...usual(target), by: stranger, allowed: false }),
    ),
    {
      what: "cell-2 lists its own gitaly's commits",
      ...usual('cell-2/gitaly'),
      by: { service: 'cell-2/gitlab' },
      allowed: true,
    },
    {
      what: "cell-1 fetches over its gitaly's sidechannel",
      target: 'cell-1/gitaly',
      call: { kind: 'sidechannel', address: world.inbound('cell-1/gitaly') },
      by: { service: 'cell-1/gitlab' },
      allowed: true,
    },
    {
      what: "cell-2 calls cell-1's gitaly",
      ...grpc('cell-1/gitaly', listCommitsMethod, { limit: 1 }),
      by: { client: 'cell2Gitlab' },
      allowed: false,
    },
  ];
}

/** What was allowed and what was denied, by port. */
function byPort(cases: readonly Case[]): Readonly<Record<string, Readonly<Record<'allowed' | 'denied', string[]>>>> {
  const named = (own: readonly Case[], allowed: boolean): string[] =>
    own.filter((item) => item.allowed === allowed).map(({ what }) => what);
  const each = [...Map.groupBy(cases, ({ target }) => target)];
  return Object.fromEntries(
    each.map(([target, own]) => [target, { allowed: named(own, true), denied: named(own, false) }]),
  );
}

function perform(world: World, { by, target, call }: Case): Promise<Outcome> {
  if ('client' in by) return callDirectly(world, target, world.clients[by.client].material(), call);
  return world.standIns.call({ ...call, address: world.outbound(by.service, target) });
}

/** Refused by the server's proxy, after the handshake; TCP is cut instead, as it has no words for it. */
function isRefusal({ call, target }: Case, outcome: Outcome): boolean {
  if (isTcp(target)) return outcome.kind === 'failed';
  return outcome.kind === 'refused' && outcome.code === (call.kind === 'grpc' ? permissionDenied : forbidden);
}

async function explainAgrees(world: World, { what, by, target, call, allowed }: Case): Promise<void> {
  const operation = isTcp(target)
    ? {}
    : call.kind === 'grpc'
      ? { grpc: call.method }
      : call.kind === 'valkey' || call.kind === 'sidechannel'
        ? {}
        : { method: call.method, path: call.path };
  const { decision, reason } = await world.controlPlane.admin.explain({
    caller: 'client' in by ? world.clients[by.client].spiffeId : world.spiffeId(by.service),
    target,
    ...operation,
  });
  must(decision === (allowed ? 'allowed' : 'denied'), `cellwall explain says "${decision}" to: ${what} (${reason})`);
}
