// A logged call as `explain` is asked about it.
import type { Failed, Refused } from '../observe/refusals.ts';
import type { MeshIr } from '../policy/ir.ts';
import { operationOf } from './operation-of.ts';
import type { ExplainQuery } from './wire.ts';

export function questionOf(mesh: MeshIr, call: Refused | Failed): ExplainQuery {
  const { service, caller, principal } = call;
  return {
    caller: principal ?? (caller === 'mtls' ? 'anonymous' : caller),
    target: service,
    ...operationOf(mesh, call, service),
  };
}
