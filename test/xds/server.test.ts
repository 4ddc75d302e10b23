// One contract, whatever speaks gRPC.
import { describe } from 'vitest';
import { serverContract } from './server-contract.ts';

describe.each(['http2', 'grpc-js'] as const)('%s', serverContract);
