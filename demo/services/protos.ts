// The stand-ins' gRPC services, read from their .proto files at start: nothing is generated for them.
import { fileURLToPath } from 'node:url';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const topology = 'gitlab/cells/topology_service';
const definitions = loadSync(
  [
    `${topology}/classify_service.proto`,
    `${topology}/cell_service.proto`,
    `${topology}/health_service.proto`,
    `${topology}/claims/v1/claim_service.proto`,
    'gitaly.proto',
  ],
  { includeDirs: [folder('../../protos'), folder('.')], keepCase: true, longs: String, enums: String, defaults: true },
);

/** A service by its full name, as in `gitaly.CommitService`. */
export function grpcService(name: string): ServiceDefinition {
  const definition = definitions[name];
  if (definition === undefined || 'format' in definition) throw new Error(`no gRPC service ${name}`);
  return definition;
}

/** A method as `package.Service/Method`. */
export function grpcMethod(name: string): MethodDefinition<object, object> {
  const [service = '', method = ''] = name.split('/');
  const definition = grpcService(service)[method];
  if (definition === undefined) throw new Error(`no gRPC method ${name}`);
  return definition;
}
