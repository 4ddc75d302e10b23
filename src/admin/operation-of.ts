// Turns a logged request into an operation as `explain` is asked about it.

import { defined } from '../lib/defined.ts';
import type { Refusal } from '../observe/refusals.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import type { ExplainQuery } from './wire.ts';

export function operationOf(
  mesh: MeshIr,
  { method, path }: Pick<Refusal, 'method' | 'path'>,
  /** Key of a port. */
  target: string,
): Pick<ExplainQuery, 'method' | 'path' | 'grpc'> {
  const isGrpc = portOf(mesh, target)?.protocol === 'grpc' && method === 'POST';
  if (isGrpc && path.startsWith('/')) return { grpc: path.slice(1) };
  return { ...defined({ method }), ...(path === '' ? {} : { path }) };
}
