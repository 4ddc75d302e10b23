// One port of a Service, and the fields that a Service with one port has without a list.
import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { ipSchema, nameSchema, portSchema } from './common.ts';

export const protocolSchema = z.enum(['http1', 'http2', 'grpc', 'tcp']);

const pathSchema = z
  .string()
  .max(1024)
  .regex(/^\/[^\s?#%;\\]*$/, { error: 'not a path: begins with "/", without query, fragment, escapes, ";" or "\\"' });

const staticEndpointSchema = z.strictObject({
  address: ipSchema,
  port: portSchema,
  cell: nameSchema.optional().describe('The cell it runs in, for sameCellFirst.'),
});

export const endpointsSchema = z.union([
  z.strictObject({ sidecars: z.literal(true) }).describe('Those of its connected sidecars (default).'),
  z.strictObject({ static: z.array(staticEndpointSchema).min(1).max(1000) }),
  z.strictObject({ dns: z.strictObject({ name: z.string().min(1).max(253), port: portSchema }) }),
]);

export const healthSchema = z.strictObject({
  path: pathSchema.describe(
    'The application answers this path to a bare GET or HEAD from anybody, without a certificate: no ' +
      'query, no body, and only the headers Host, Accept and User-Agent arrive.',
  ),
});

export const healthCheckSchema = z.strictObject({
  interval: durationSchema.prefault('5s'),
  timeout: durationSchema.prefault('1s'),
  unhealthyThreshold: z.int().min(1).max(100).default(3),
  healthyThreshold: z.int().min(1).max(100).default(1),
});

export const grpcSchema = z.strictObject({
  descriptorSet: z
    .string()
    .max(262_144)
    .regex(/^[A-Za-z0-9+/\s]+={0,2}\s*$/, { error: 'not base64' })
    .describe('A FileDescriptorSet in base64, with at least the methods that `matchingCell` rules refer to.'),
});

const escapedSlashesSchema = z.enum(['reject', 'keep']);

export const pathsSchema = z.strictObject({ escapedSlashes: escapedSlashesSchema.default('reject') });

export const upgradesSchema = z.array(z.enum(['websocket'])).max(1);

export const headerCaseSchema = z.enum(['lower', 'keep']);

/** Each as in the Service, unless the port sets it. */
const portTimeoutsSchema = z.strictObject({
  connect: durationSchema.optional(),
  request: durationSchema.optional(),
  idle: durationSchema.optional(),
  applicationIdle: durationSchema.optional(),
});

export const servicePortSchema = z.strictObject({
  name: nameSchema.describe(
    'The name by which dependencies, policies, sidecars and commands refer to it. `default` is the one used where no port is named.',
  ),
  protocol: protocolSchema.describe('The protocol of the application there.'),
  app: portSchema
    .optional()
    .describe(
      "The application's port on the loopback address of its host, for sidecars that are started without `--app` for this port.",
    ),
  endpoints: endpointsSchema
    .optional()
    .describe('Where its sidecars listen for it. Default: the addresses that they register.'),
  health: healthSchema.optional(),
  healthCheck: healthCheckSchema
    .optional()
    .describe('Active checks by its callers: of its health path over mTLS, or by a TCP connection.'),
  grpc: grpcSchema.optional().describe('The request types of its gRPC methods.'),
  paths: z.strictObject({ escapedSlashes: escapedSlashesSchema }).optional().describe("Default: the service's."),
  timeouts: portTimeoutsSchema.optional().describe("Default for each: the service's."),
  upgrades: upgradesSchema.default([]).describe('What an `http1` port may be upgraded to.'),
  headerCase: headerCaseSchema
    .default('lower')
    .describe("`keep`: names of HTTP/1.1 headers arrive as they were written ('X-API-Key')."),
});
