// Why: a decision with everything around it that an operator would ask next. Only data; the command line turns it into text.

import { defined } from '../../lib/defined.ts';
import { defaultPort } from '../../lib/port-name.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Source } from '../../model/problem.ts';
import { type SpiffeId, trustDomainOf } from '../../model/spiffe-id.ts';
import type { RuleIr } from '../authorization-ir.ts';
import { workloadOf } from '../identities.ts';
import type { MeshIr, MtlsIr, PortIr, Protocol, ServiceKey } from '../ir.ts';
import { askedPort, type Decision, decide } from './decide.ts';
import { matchPrincipal, type RuleMatch } from './match.ts';
import { isImpossible, type Remedy, remedyFor } from './remedy.ts';
import type { AccessRequest, Caller } from './request.ts';

export interface Explanation {
  readonly decision: Decision;
  readonly target: ServiceKey;
  /** Port of the target; absent for a service with one unnamed port. */
  readonly port?: string;
  /** A SPIFFE ID, or `anonymous (plaintext)`. */
  readonly caller: string;
  /** The service that the caller is, if any. */
  readonly callerService?: ServiceKey;
  readonly protocol: Protocol;
  readonly mtls: MtlsIr['mode'];
  /** The document and the line that decided: the rule's, otherwise the target's. */
  readonly document: DocumentKey;
  readonly source: Source;
  /** The enforced rules in the order in which they were evaluated. */
  readonly chain: readonly ExplainedRule[];
  /** What else matters, one sentence each. */
  readonly notes: readonly string[];
  /** Raw patches that affect what decides: then the decision is that of the documents without them. */
  readonly undecidable: readonly { readonly document: DocumentKey; readonly source: Source }[];
  /** For a denial that a rule can lift. */
  readonly remedy?: Remedy;
}

/** One enforced rule, and whether it matched the call. */
export interface ExplainedRule {
  readonly id: string;
  readonly action: 'deny' | 'allow';
  readonly document: DocumentKey;
  readonly source: Source;
  readonly matched: boolean;
  /** "matches", or what did not. */
  readonly why: string;
}

/** Throws like `decide`. */
export function explain(mesh: MeshIr, request: AccessRequest): Explanation {
  const decision = decide(mesh, request);
  const service = askedPort(mesh, request);
  const { caller } = request;
  const callerService = caller.kind === 'id' ? mesh.serviceOf.get(caller.id) : undefined;
  const remedy = remedyFor(mesh, service, request, decision);
  return {
    decision,
    target: service.key,
    ...(mesh.services.get(service.key)?.ports.length === 1 && service.port === defaultPort
      ? {}
      : { port: service.port }),
    caller: callerText(caller),
    ...defined({ callerService }),
    protocol: service.protocol,
    mtls: service.mtls.mode,
    document: decision.rule?.policy ?? (`Service/${service.key}` as DocumentKey),
    source: decision.rule?.source ?? service.source,
    chain: decision.considered.map(({ rule, action, result }) => ({
      id: rule.id,
      action,
      document: rule.policy,
      source: rule.source,
      matched: result.kind === 'matched',
      why: whyOf(result, caller),
    })),
    undecidable: service.rawPatches ?? [],
    notes: [
      ...notesOfQuestion(service, request),
      ...missingTokens(mesh, request, decision),
      ...notesOf(mesh, service, caller, callerService, decision),
    ],
    ...defined({ remedy }),
  };
}

/** Notes if the question does not fit the service's protocol. */
function notesOfQuestion(service: PortIr, request: AccessRequest): readonly string[] {
  const { method, path, grpc } = request;
  const asked = [method, path, grpc].some((part) => part !== undefined);
  if (isImpossible(service, request)) {
    return [
      `${service.key} speaks HTTP/1, so it has no gRPC methods: say \`protocol: grpc\` in the service, or ask with --path`,
    ];
  }
  if (service.protocol === 'tcp' && asked) {
    return [`${service.key} is a TCP service: the caller alone decides, method and path were not looked at`];
  }
  if (service.protocol === 'grpc' && !asked) {
    return [`${service.key} speaks gRPC: ask with --grpc package.Service/Method; this is the answer for GET /`];
  }
  return [];
}

function whyOf(result: RuleMatch, { token }: Caller): string {
  if (result.kind === 'matched') return 'matches';
  return result.by === 'token' && token === undefined ? 'no token' : `another ${result.by}`;
}

function callerText({ token, ...caller }: Caller): string {
  const texts = [
    ...(caller.kind === 'anonymous' ? [caller.via] : []),
    ...(token === undefined || token === 'any' ? [] : [`a token of ${token.issuer}`]),
  ];
  const who = caller.kind === 'id' ? caller.id : 'anonymous';
  return texts.length === 0 ? who : `${who} (${texts.join(', ')})`;
}

/** Whose token the rule asks for that would let in this call with one. */
function missingTokens(mesh: MeshIr, request: AccessRequest, { outcome }: Decision): readonly string[] {
  if (outcome === 'allowed') return [];
  const { caller } = request;
  const { outcome: then, rule } = decide(mesh, { ...request, caller: { ...caller, token: 'any' } });
  if (then !== 'allowed' || rule === undefined) return [];
  return rule.principals.flatMap((one) =>
    one.kind === 'with-token' && matchPrincipal(one.caller, caller)
      ? [`${rule.id} asks for a token of ${one.token.issuer} for "${one.token.audience}" as well`]
      : [],
  );
}

/** What lets in a caller whose trust domain the port does not trust. */
function foreignNote({ trustBundles }: MeshIr, { mtls }: PortIr, id: SpiffeId): string {
  const domain = trustDomainOf(id);
  const steps = [
    ...(trustBundles?.has(domain) === true ? [] : [`a TrustBundle for ${domain}`]),
    ...(mtls.mode === 'strict' ? [] : ['a service that is strict']),
    `an allow rule that names ${id}`,
  ];
  return `needed to let it in: ${steps.join(', ')}`;
}

function notesOf(
  mesh: MeshIr,
  service: PortIr,
  caller: Caller,
  callerService: ServiceKey | undefined,
  decision: Decision,
): string[] {
  const { outcome, stage, rule, shadow } = decision;
  const notes: string[] = [];
  if (caller.kind === 'id' && trustDomainOf(caller.id) !== mesh.trustDomain) {
    if (stage === 'handshake') notes.push(foreignNote(mesh, service, caller.id));
  } else if (
    caller.kind === 'id' &&
    callerService === undefined &&
    workloadOf(mesh.identities, caller.id) === undefined
  ) {
    notes.push(`no Service or Workload has the identity ${caller.id}: nobody can be issued its certificate`);
  }
  const proxy = callerService === undefined ? undefined : mesh.services.get(callerService);
  if (proxy !== undefined && proxy.key !== service.key && !proxy.dependsOn.some(({ port }) => port === service.id)) {
    notes.push(`${proxy.key} does not depend on ${service.id}, so its proxy has no way to it`);
  }
  if (stage === 'handshake' && caller.kind === 'anonymous' && service.mtls.mode === 'strict') {
    notes.push('no rule can allow it: give the caller an identity, or make the service permissive');
  }
  if (stage === 'path') notes.push('no rule can allow it: the request has to be written another way');
  if (rule !== undefined && stage === 'deny-rule') {
    notes.push(`deny comes before allow: only a change of ${where(rule)} lets it through`);
  }
  if (outcome === 'allowed' && stage === 'default') notes.push('a first enforced policy for it ends this default');
  for (const shadowed of shadow) {
    const denies = service.authorization.shadowDeny.includes(shadowed);
    notes.push(`shadow ${denies ? 'deny' : 'allow'} rule ${shadowed.id} matches: counted, not enforced`);
  }
  return notes;
}

function where(rule: RuleIr): string {
  return `${rule.policy} (${rule.source.file}:${rule.source.line})`;
}
