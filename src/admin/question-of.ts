// Turns a logged call into a question to `explain`.
import { defaultPort } from '../lib/port-name.ts';
import type { Denied, Failed } from '../observe/refusals.ts';
import type { MeshIr, ServiceKey } from '../policy/ir.ts';
import { portKey } from '../policy/ports.ts';
import { operationOf } from './operation-of.ts';
import type { ExplainQuery } from './wire.ts';

export function questionOf(mesh: MeshIr, call: Denied | Failed): ExplainQuery {
  const { service, port = defaultPort, caller, principal } = call;
  return {
    caller: principal ?? (caller === 'mtls' ? 'anonymous' : caller),
    target: service,
    port,
    ...operationOf(mesh, call, portKey(service as ServiceKey, port)),
  };
}
