// `matchingCell` of an operation → the field that the proxy reads. Everything in which proxy and application could read a request
// differently is refused here: such a disagreement would be a way around the rule.
import type { AuthorizationPolicy, PolicyOperation } from '../../model/documents/authorization-policy.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { ProblemDetails } from '../../model/problem.ts';
import type { MatchingCellIr } from '../authorization-ir.ts';
import type { PortKey } from '../ir.ts';
import type { GrpcDescriptors, GrpcMethod } from './grpc-descriptors.ts';
import { nameHint } from './names.ts';
import type { Problems } from './problems.ts';
import type { PortDraft } from './resolve-service.ts';

/** Undefined if the operation has none, or if it was refused, with a problem. */
export function resolveMatchingCell(
  { grpc, matchingCell }: PolicyOperation,
  parsed: ParsedDocument<AuthorizationPolicy>,
  place: FieldPath,
  target: PortDraft,
  descriptors: (target: PortKey) => GrpcDescriptors | undefined,
  problems: Problems,
): MatchingCellIr | undefined {
  if (matchingCell === undefined) return undefined;
  const refuse = (details: ProblemDetails): undefined => {
    problems.error(parsed, [...place, 'matchingCell'], details);
    return undefined;
  };
  if (parsed.document.spec.action === 'deny') {
    return refuse({
      code: 'matching-cell-in-deny',
      message: 'a deny rule cannot depend on a field of the request',
      hint: 'a field that cannot be read would not be denied: use matchingCell only in allow rules',
    });
  }
  if (grpc === undefined || grpc.endsWith('/*')) {
    return refuse({
      code: 'matching-cell-without-method',
      message: 'matchingCell needs one gRPC method',
      hint: 'write `grpc: package.Service/Method` beside it',
    });
  }
  const known = descriptors(target.id);
  if (known === undefined) {
    return refuse({
      code: 'matching-cell-without-descriptors',
      message: `${target.id} has no descriptors that say where ${matchingCell.field} is`,
      hint: 'let `cellwall import grpc-access` write its `spec.grpc.descriptorSet`',
    });
  }
  const method = known.get(grpc);
  if (method === undefined) {
    return refuse({
      code: 'unknown-grpc-method',
      message: `the descriptors of ${target.id} have no method "${grpc}"`,
      hint: nameHint(grpc, [...known.keys()], 'it into the descriptors'),
    });
  }
  const fault = matchingCellFault(method, matchingCell.field);
  if (fault !== undefined) return refuse(fault);
  const field = method.fields?.get(matchingCell.field);
  return field === undefined || !isReadable(field.type)
    ? undefined
    : { field: matchingCell.field, number: field.number, type: field.type };
}

/** Why this field of this method's request cannot be trusted to name the cell; undefined if it can. */
export function matchingCellFault(
  { name, streaming, input, fields }: GrpcMethod,
  field: string,
): ProblemDetails | undefined {
  if (streaming === 'client' || streaming === 'both') {
    return {
      code: 'matching-cell-streaming',
      message: `${name} takes a stream of requests, of which the proxy reads only the first: every later one would pass`,
      hint: 'make the method unary, or check the cell in the service and allow the method by a rule without matchingCell',
    };
  }
  const found = fields?.get(field);
  if (found === undefined) {
    return {
      code: 'matching-cell-field',
      message: `${input}, the request of ${name}, has no field "${field}" of its own`,
      hint: 'a field inside another message is not read: put it at the top of the request',
    };
  }
  if (found.repeated || found.oneof || !isReadable(found.type)) {
    const is = found.repeated ? 'repeated' : found.oneof ? 'in a oneof' : `of the type ${found.type}`;
    return {
      code: 'matching-cell-field',
      message: `${field} of ${input} is ${is}`,
      hint: 'it must be a single int64, uint64 or string outside of oneofs: proxy and service may read others differently',
    };
  }
  return undefined;
}

function isReadable(type: string): type is MatchingCellIr['type'] {
  return type === 'int64' || type === 'uint64' || type === 'string';
}
