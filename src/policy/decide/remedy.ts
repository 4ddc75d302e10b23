// The smallest rule that would allow a denied call, as YAML to paste: this caller, this operation, nothing more.

import { defaultPort } from '../../lib/port-name.ts';
import { httpMethods } from '../../model/documents/authorization-policy.ts';
import type { DocumentKey } from '../../model/documents/document.ts';
import type { Source } from '../../model/problem.ts';
import type { RuleIr } from '../authorization-ir.ts';
import type { MeshIr, PortIr } from '../ir.ts';
import { type Decision, decide } from './decide.ts';
import type { AccessRequest } from './request.ts';

export interface Remedy {
  /** One item for `spec.rules`. */
  readonly rule: string;
  /** A whole document with only that rule. */
  readonly policy: string;
  /** An enforced allow policy of the target to which the rule could be added instead. */
  readonly addTo?: { readonly document: DocumentKey; readonly source: Source };
}

/** Undefined if no rule can help: refused in the handshake, for its path, by a deny rule, for its token; gRPC to an HTTP/1 service. */
export function remedyFor(
  mesh: MeshIr,
  service: PortIr,
  request: AccessRequest,
  { outcome, stage, path, considered }: Decision,
): Remedy | undefined {
  if (outcome === 'allowed' || stage !== 'default') return undefined;
  if (isImpossible(service, request)) return undefined;
  // A rule without the token would undo that somebody asks for one of this very call.
  const lacksToken = considered.some(({ result }) => result.kind === 'unmatched' && result.by === 'token');
  const withOne = { ...request, caller: { ...request.caller, token: 'any' as const } };
  if (lacksToken && decide(mesh, withOne).outcome === 'allowed') return undefined;
  const { source, name } = callerOf(mesh, request);
  const operation = service.protocol === 'tcp' || path === undefined ? undefined : operationOf(service, request, path);
  const lines = ['from:', `  - ${source}`, ...(operation === undefined ? [] : ['to:', `  - ${operation}`])];
  const rule = lines.map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`)).join('\n');
  const addTo = service.authorization.allow.at(-1);
  return {
    rule,
    policy: policyText(service, name, rule),
    ...(addTo === undefined ? {} : { addTo: placeOf(addTo) }),
  };
}

/** gRPC needs HTTP/2: a service that speaks HTTP/1 has no such methods, and a rule that names one is refused. */
export function isImpossible({ protocol }: PortIr, { grpc }: AccessRequest): boolean {
  return grpc !== undefined && protocol === 'http1';
}

function callerOf(
  { serviceOf }: MeshIr,
  { caller }: AccessRequest,
): { readonly source: string; readonly name: string } {
  if (caller.kind === 'anonymous' && typeof caller.token === 'object') {
    const { issuer, audiences, claims } = caller.token;
    return { source: `jwt: ${JSON.stringify({ issuer, audience: audiences[0] ?? '', claims })}`, name: issuer };
  }
  if (caller.kind === 'anonymous') return { source: 'anonymous: true', name: 'anonymous' };
  const key = serviceOf.get(caller.id);
  const name = caller.id.slice(caller.id.lastIndexOf('/') + 1);
  return { source: key === undefined ? `spiffeId: ${caller.id}` : `service: ${key}`, name };
}

const grpcPath = /^\/([A-Za-z_][A-Za-z0-9_.]*\/[A-Za-z_][A-Za-z0-9_]*)$/;
const plainPath = /^\/[^\s?#%;\\*{}]*$/;
const maxPathLength = 1024;
const plainSegment = /^[A-Za-z0-9._~!$&'()+,=:@-]+$/;

function operationOf({ protocol }: PortIr, { method = 'GET', grpc }: AccessRequest, path: string): string | undefined {
  const asGrpc = grpcPath.exec(path)?.[1];
  if (asGrpc !== undefined && (grpc !== undefined || (protocol === 'grpc' && method === 'POST')))
    return `grpc: ${asGrpc}`;
  const verb = grpc === undefined ? method : 'POST';
  const where = pathOf(path);
  const parts = [
    // A method that no rule can name gets a rule without methods.
    ...(httpMethods.some((known) => known === verb) ? [`methods: [${verb}]`] : []),
    ...(where === undefined ? [] : [`path: {${where}}`]),
  ];
  return parts.length === 0 ? undefined : `{${parts.join(', ')}}`;
}

function pathOf(path: string): string | undefined {
  if (path.length <= maxPathLength) return plainPath.test(path) ? `exact: ${JSON.stringify(path)}` : templateOf(path);
  // Longer than a rule allows: the part before its last segments that fits.
  const prefix = path.slice(0, path.lastIndexOf('/', maxPathLength));
  return prefix !== '' && plainPath.test(prefix) ? `prefix: ${JSON.stringify(prefix)}` : undefined;
}

/** Segments that a rule cannot express (escapes, ";") become a placeholder. */
function templateOf(path: string): string | undefined {
  const segments = path.slice(1).split('/');
  if (segments.includes('')) return undefined;
  const written = segments.map((segment) => (plainSegment.test(segment) ? segment : '{any}'));
  return `template: ${JSON.stringify(`/${written.join('/')}`)}`;
}

function policyText({ name, cell, port }: PortIr, caller: string, rule: string): string {
  const policy = `${port === defaultPort ? name : `${name}-${port}`}-from-${caller}`
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replace(/-+$/, '');
  return [
    'apiVersion: cellwall/v1',
    'kind: AuthorizationPolicy',
    'metadata:',
    `  name: ${policy}`,
    ...(cell === undefined ? [] : [`  cell: ${cell.name}`]),
    'spec:',
    '  target:',
    `    service: ${name}`,
    ...(port === defaultPort ? [] : [`    port: ${port}`]),
    '  action: allow',
    '  rules:',
    ...rule.split('\n').map((line) => `    ${line}`),
    '',
  ].join('\n');
}

function placeOf({ policy, source }: RuleIr): { readonly document: DocumentKey; readonly source: Source } {
  return { document: policy, source };
}
