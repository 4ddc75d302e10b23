// What is open to everyone who reaches the filters: GET or HEAD of exactly the health path, without a query, a declared body or a header
// that means another request. Rules decide about anything else. (A body without a declared length cannot be detected beforehand.)
import type { Permission } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import type { PortIr } from '../../policy/ir.ts';
import { methodOverrides, pathOverrides } from '../override-headers.ts';
import { and, headerIs, headerPresent, not, or } from '../rbac/permissions.ts';

/** Undefined if the port has no health path, or is TCP. */
export function healthProbe({ protocol, healthPath }: PortIr): Permission | undefined {
  if (protocol === 'tcp' || healthPath === undefined) return undefined;
  const body = and([headerPresent('content-length'), not(headerIs('content-length', '0'))]);
  return and([
    or(['GET', 'HEAD'].map((method) => headerIs(':method', method))),
    // Unlike `url_path`, the header includes the query.
    headerIs(':path', healthPath),
    not(or([body, ...[...methodOverrides, ...pathOverrides].map(headerPresent)])),
  ]);
}
