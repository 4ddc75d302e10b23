// What the applications ask of each service, each in its own protocol.
import type { Call } from '../services/protocol.ts';

export const classifyMethod = 'gitlab.cells.topology_service.ClassifyService/Classify';
export const getCellsMethod = 'gitlab.cells.topology_service.ClassifyService/GetCells';
export const beginUpdateMethod = 'gitlab.cells.topology_service.claims.v1.ClaimService/BeginUpdate';
export const listCommitsMethod = 'gitaly.CommitService/ListCommits';
const classification = { type: 'SESSION_PREFIX', value: 'cell-2' };

/** The call that a client of this port of a service makes, to `address`. */
export function applicationCall(port: string, address: string): Call {
  const name = port.split('/').pop() ?? '';
  switch (name) {
    case 'topology-service:grpc':
      return { kind: 'grpc', address, method: classifyMethod, request: classification };
    case 'topology-service:rest':
      return { kind: 'http1', address, method: 'POST', path: '/v1/classify', json: classification };
    case 'gitaly':
      return { kind: 'grpc', address, method: listCommitsMethod, request: { limit: 3 } };
    case 'gitlab':
      return { kind: 'http1', address, method: 'POST', path: '/api/v4/internal/allowed', json: {} };
    case 'registry':
      return { kind: 'http2', address, method: 'GET', path: '/v2/' };
    case 'valkey':
      return { kind: 'valkey', address };
    default:
      throw new Error(`nobody calls ${port} here`);
  }
}

/** gRPC, HTTP/2 …, as one says it. */
export function protocolOf({ kind }: Call): string {
  return { grpc: 'gRPC', http1: 'HTTP/1.1', http2: 'HTTP/2', sidechannel: 'TCP', upload: 'HTTP/1.1', valkey: 'TCP' }[
    kind
  ];
}

/** Services that are carried as TCP: their policies decide on the caller alone, and no header tells who that is. */
export function isTcp(service: string): boolean {
  return /(^|\/)(gitaly|valkey)$/.test(service);
}
