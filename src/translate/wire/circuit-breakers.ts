// Limits against runaway clients, far above Envoy's defaults (1024), which a busy sidecar reaches. Retries only within a budget, so that
// they cannot multiply an outage.
import { create } from '@bufbuild/protobuf';
import { type CircuitBreakers, CircuitBreakersSchema } from '#gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import { constant } from './constant.ts';

export const circuitBreakers = constant(
  (): CircuitBreakers =>
    create(CircuitBreakersSchema, {
      thresholds: [
        {
          maxConnections: 10_000,
          maxPendingRequests: 10_000,
          maxRequests: 100_000,
          retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 10 },
        },
      ],
    }),
);
