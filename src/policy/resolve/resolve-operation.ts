// `to` of a rule → operations: HTTP fields only for HTTP services, and paths only in the form in which requests arrive.

import { defined } from '../../lib/defined.ts';
import type { AuthorizationPolicy, PolicyOperation } from '../../model/documents/authorization-policy.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { OperationIr, PathIr } from '../authorization-ir.ts';
import { canonicalPath } from '../decide/path.ts';
import type { PortKey } from '../ir.ts';
import { notAPort } from '../ports.ts';
import type { GrpcDescriptors } from './grpc-descriptors.ts';
import type { Problems } from './problems.ts';
import { resolveMatchingCell } from './resolve-matching-cell.ts';
import type { PortDraft, ServiceDraft } from './resolve-service.ts';

export interface OperationContext {
  readonly problems: Problems;
  readonly descriptors: (target: PortKey) => GrpcDescriptors | undefined;
}

type Parsed = ParsedDocument<AuthorizationPolicy>;

/** Those for one port; none: every operation. An operation that names no port is for each. */
export function resolveOperations(
  operations: readonly PolicyOperation[],
  parsed: Parsed,
  place: FieldPath,
  { target, port }: { readonly target: ServiceDraft; readonly port: PortDraft },
  { problems, descriptors }: OperationContext,
): OperationIr[] {
  const own = [...operations.entries()].filter(([, operation]) => (operation.port ?? port.port) === port.port);
  if (own.some(([, operation]) => isWholePort(operation))) return [];
  return own.map(([index, operation]) => {
    const at = [...place, index];
    const hint = target.ports.length === 1 ? undefined : portHint(target);
    checkFits(operation, parsed, at, port, hint, problems);
    const matchingCell = resolveMatchingCell(operation, parsed, at, port, descriptors, problems);
    const path = operation.grpc === undefined ? resolvePath(operation.path) : grpcPath(operation.grpc);
    return {
      ...defined({ methods: operation.methods, path, matchingCell }),
    };
  });
}

function portHint({ ports }: ServiceDraft): string {
  return `say which port is meant, in the operation or in the target: \`port: ${ports.map(({ port }) => port).join('` or `')}\``;
}

function isWholePort({ port, methods, path, grpc, matchingCell }: PolicyOperation): boolean {
  return port !== undefined && [methods, path, grpc, matchingCell].every((part) => part === undefined);
}

/** What is wrong with them on any port. */
export function checkOperations(
  operations: readonly PolicyOperation[],
  parsed: Parsed,
  place: FieldPath,
  { target, ports }: { readonly target: ServiceDraft; readonly ports: readonly PortDraft[] },
  problems: Problems,
): void {
  for (const [index, { port: name, methods, path, grpc, matchingCell }] of operations.entries()) {
    const at = [...place, index];
    if ([name, methods, path, grpc, matchingCell].every((part) => part === undefined)) {
      problems.error(parsed, at, {
        code: 'empty-operation',
        message: 'an empty operation',
        hint: 'leave out `to` to match every operation',
      });
    }
    if (name !== undefined && !target.ports.some(({ port }) => port === name)) {
      problems.error(parsed, [...at, 'port'], notAPort(target, name));
    } else if (name !== undefined && ports.length > 0 && !ports.some(({ port }) => port === name)) {
      problems.error(parsed, [...at, 'port'], {
        code: 'port-not-targeted',
        message: `the policy targets the port "${ports.map(({ port }) => port).join(', ')}" alone`,
        hint: 'leave out the port of the target, or name the same one here',
      });
    }
    if (grpc !== undefined && (path !== undefined || methods !== undefined)) {
      problems.error(parsed, [...at, 'grpc'], {
        code: 'grpc-with-http',
        message: '`grpc` already determines the method and the path',
        hint: 'write two operations, or only `grpc`',
      });
    }
    if (path !== undefined) checkPath(path, parsed, [...at, 'path'], problems);
  }
}

function checkFits(
  { grpc }: PolicyOperation,
  parsed: Parsed,
  place: FieldPath,
  { id, protocol }: PortDraft,
  hint: string | undefined,
  problems: Problems,
): void {
  if (protocol === 'tcp') {
    problems.error(parsed, place, {
      code: 'http-on-tcp',
      message: `${id} is a TCP service: it has no methods, paths or gRPC`,
      hint: hint ?? 'leave out `to`: a rule of a TCP service looks only at the caller',
    });
  } else if (grpc !== undefined && protocol === 'http1') {
    problems.error(parsed, [...place, 'grpc'], {
      code: 'grpc-on-http1',
      message: `${id} speaks HTTP/1.1, which cannot carry gRPC`,
      hint: hint ?? 'say `protocol: grpc` in the service, or use `path`',
    });
  }
}

type PolicyPath = NonNullable<PolicyOperation['path']>;

/** Rules see normalised paths, so another form would never match (or, in a deny rule, never deny). */
function checkPath(
  path: PolicyPath,
  parsed: ParsedDocument<AuthorizationPolicy>,
  place: FieldPath,
  problems: Problems,
): void {
  const [form, text] =
    'exact' in path ? ['exact', path.exact] : 'prefix' in path ? ['prefix', path.prefix] : ['template', path.template];
  if (form === 'prefix' && text !== '/' && text.endsWith('/')) {
    problems.error(parsed, [...place, form], {
      code: 'prefix-slash',
      message: 'a prefix does not end in "/"',
      hint: `write "${text.replace(/\/+$/, '') || '/'}": it ends at a segment by itself`,
    });
    return;
  }
  const seen = canonicalPath(text.replace(/[{}]/g, ''), 'keep');
  if (seen.kind === 'path' && seen.path === text.replace(/[{}]/g, '')) return;
  problems.error(parsed, [...place, form], {
    code: 'path-not-normal',
    message: `no request can arrive as "${text}"`,
    hint:
      seen.kind === 'path' && !seen.path.includes('%')
        ? `paths are normalised first; write "${seen.path}"`
        : 'paths are normalised first; use characters that need no escape',
  });
}

function resolvePath(path: PolicyPath | undefined): PathIr | undefined {
  if (path === undefined) return undefined;
  if ('exact' in path) return { kind: 'exact', path: path.exact };
  if ('prefix' in path) return { kind: 'prefix', path: path.prefix };
  const segments = path.template.slice(1).split('/');
  return { kind: 'template', segments: segments.map((segment) => (segment.startsWith('{') ? null : segment)) };
}

/** gRPC's request path is `/package.Service/Method` (gRPC over HTTP/2, Requests). */
function grpcPath(method: string): PathIr {
  return method.endsWith('/*')
    ? { kind: 'prefix', path: `/${method.slice(0, -2)}` }
    : { kind: 'exact', path: `/${method}` };
}
