// topology-service: gRPC, as the cells and GitLab Shell call it.
import { randomUUID } from 'node:crypto';
import { type Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { echoMetadata } from './caller.ts';
import { allCells, type ClassifyRequest, cellById, classify } from './directory.ts';
import { grpcService } from './protos.ts';
import { type StandIn, serveGrpc } from './stand-in.ts';

interface CellRequest {
  readonly cell_id: string;
}

const topology = 'gitlab.cells.topology_service';

export function startTopologyService(): Promise<StandIn> {
  const getCells = unary(() => ({ cells: allCells() }));
  return serveGrpc([
    [
      grpcService(`${topology}.ClassifyService`),
      {
        Classify: unary((request: ClassifyRequest) => {
          const address = classify(request);
          return address === undefined ? undefined : { action: 'PROXY', proxy: { address } };
        }),
        GetCells: getCells,
      },
    ],
    [
      grpcService(`${topology}.CellService`),
      {
        GetCell: unary(({ cell_id }: CellRequest) => {
          const cell_info = cellById(cell_id);
          return cell_info === undefined ? undefined : { cell_info };
        }),
      },
    ],
    [grpcService(`${topology}.HealthService`), { ReadinessProbe: unary(() => ({})), LivenessProbe: unary(() => ({})) }],
    [
      grpcService(`${topology}.claims.v1.ClaimService`),
      {
        GetCells: getCells,
        GetRecord: unary(() => undefined),
        BeginUpdate: unary(({ cell_id }: CellRequest) => ({ cell_id, lease_uuid: { value: randomUUID() } })),
        CommitUpdate: unary(() => ({})),
        RollbackUpdate: unary(() => ({})),
        ListLeases: unary(() => ({ leases: [] })),
        ListRecords: unary(() => ({ records: [] })),
      },
    ],
  ]);
}

/** A unary handler from a function: what it answers, or NOT_FOUND for undefined; the caller is echoed. */
function unary<Q>(answer: (request: Q) => object | undefined) {
  return (call: ServerUnaryCall<Q, object> & { readonly metadata: Metadata }, done: sendUnaryData<object>): void => {
    call.sendMetadata(echoMetadata(call.metadata));
    const response = answer(call.request);
    if (response === undefined) done({ code: status.NOT_FOUND, details: 'no such cell or record' });
    else done(null, response);
  };
}
