// The methods of SPIFFE's Workload API on a gRPC port: one request each, and any number of answers.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md
import { CellwallError } from '../lib/errors.ts';
import type { GrpcCall, GrpcHandler, GrpcMethods } from '../lib/grpc-call.ts';

/** Of one call. Whatever it throws ends the call with that status. */
export type WorkloadMethod = (call: GrpcCall) => {
  /** It arrives once, and whole. */
  request(message: Buffer): void;
  /** The call has ended, whoever ended it. */
  over?(): void;
};

/**
 * Every call must carry `workload.spiffe.io: true` (section 3.1): a program that can be made to send requests for somebody else
 * is then of no use to them.
 */
export function workloadMethods(methods: Readonly<Record<string, WorkloadMethod>>): GrpcMethods {
  return new Map(Object.entries(methods).map(([name, method]) => [`/SpiffeWorkloadAPI/${name}`, guarded(method)]));
}

function guarded(method: WorkloadMethod): (call: GrpcCall) => GrpcHandler {
  return (call) => {
    if (call.header('workload.spiffe.io') !== 'true') {
      throw new CellwallError('invalid_argument', 'the security header is missing', {
        hint: 'send the metadata "workload.spiffe.io: true"',
      });
    }
    const { request, over = () => {} } = method(call);
    let asked = false;
    return {
      message(bytes) {
        if (asked) throw new CellwallError('invalid_argument', 'a second request in one call');
        asked = true;
        request(bytes);
      },
      halfClosed() {
        if (!asked) throw new CellwallError('invalid_argument', 'no request');
      },
      cancelled: () => over(),
    };
  };
}
