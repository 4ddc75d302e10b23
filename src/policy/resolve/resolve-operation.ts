// `to` of a rule → operations: HTTP words for HTTP services only, and paths only in the form in which requests arrive.
import type { AuthorizationPolicy, PolicyOperation } from '../../model/documents/authorization-policy.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { canonicalPath } from '../decide/path.ts';
import type { OperationIr, PathIr, ServiceKey } from '../ir.ts';
import type { GrpcDescriptors } from './grpc-descriptors.ts';
import type { Problems } from './problems.ts';
import { resolveMatchingCell } from './resolve-matching-cell.ts';
import type { ServiceDraft } from './resolve-service.ts';

export interface OperationContext {
  readonly problems: Problems;
  readonly descriptors: (target: ServiceKey) => GrpcDescriptors | undefined;
}

export function resolveOperations(
  operations: readonly PolicyOperation[],
  parsed: ParsedDocument<AuthorizationPolicy>,
  place: FieldPath,
  target: ServiceDraft,
  { problems, descriptors }: OperationContext,
): OperationIr[] {
  return operations.map((operation, index) => {
    const at = [...place, index];
    checkOperation(operation, parsed, at, target, problems);
    const matchingCell = resolveMatchingCell(operation, parsed, at, target, descriptors, problems);
    const path = operation.grpc === undefined ? resolvePath(operation.path) : grpcPath(operation.grpc);
    return {
      ...(operation.methods === undefined ? {} : { methods: operation.methods }),
      ...(path === undefined ? {} : { path }),
      ...(matchingCell === undefined ? {} : { matchingCell }),
    };
  });
}

function checkOperation(
  { methods, path, grpc, matchingCell }: PolicyOperation,
  parsed: ParsedDocument<AuthorizationPolicy>,
  place: FieldPath,
  target: ServiceDraft,
  problems: Problems,
): void {
  if (methods === undefined && path === undefined && grpc === undefined && matchingCell === undefined) {
    problems.error(parsed, place, {
      code: 'empty-operation',
      message: 'an operation that says nothing',
      hint: 'leave `to` out if every operation is meant',
    });
  }
  if (target.protocol === 'tcp') {
    problems.error(parsed, place, {
      code: 'http-on-tcp',
      message: `${target.key} is a TCP service: it has no methods, paths or gRPC`,
      hint: 'leave `to` out: a rule of a TCP service decides on the caller alone',
    });
    return;
  }
  if (grpc !== undefined && target.protocol === 'http1') {
    problems.error(parsed, [...place, 'grpc'], {
      code: 'grpc-on-http1',
      message: `${target.key} speaks HTTP/1.1, which carries no gRPC`,
      hint: 'say `protocol: grpc` in the service, or use `path`',
    });
  }
  if (grpc !== undefined && (path !== undefined || methods !== undefined)) {
    problems.error(parsed, [...place, 'grpc'], {
      code: 'grpc-with-http',
      message: '`grpc` stands for the method and the path',
      hint: 'write two operations, or only `grpc`',
    });
  }
  if (path !== undefined) checkPath(path, parsed, [...place, 'path'], problems);
}

type PolicyPath = NonNullable<PolicyOperation['path']>;

/** Rules see normalised paths, so another form would never match (or, in a deny rule, never refuse). */
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
    message: `no request arrives as "${text}"`,
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
