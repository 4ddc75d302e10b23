// The operation that is open to probes, with and without a certificate: GET and HEAD of exactly the health path.
import type { OperationIr, ServiceIr } from '../../policy/ir.ts';

export function healthOperation({ protocol, healthPath }: ServiceIr): OperationIr | undefined {
  if (protocol === 'tcp' || healthPath === undefined) return undefined;
  return { methods: ['GET', 'HEAD'], path: { kind: 'exact', path: healthPath } };
}
