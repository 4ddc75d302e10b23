// What `explain` is asked, and what it answers.
import { z } from 'zod';
import { rejectedSchema, sourceSchema } from './wire-place.ts';

export const explainQuerySchema = z.strictObject({
  caller: z
    .string()
    .min(1)
    .max(2048)
    .describe('A service reference, a SPIFFE ID, or `anonymous` (`plaintext`), `one-way-tls`, `legacy`.'),
  target: z
    .string()
    .min(1)
    .max(2048)
    .describe('A service reference (`name:port` for one of several ports), or its SPIFFE ID.'),
  port: z
    .string()
    .max(63)
    .optional()
    .describe('Which port of the target. Default: its only one, or the one named `default`.'),
  method: z.string().max(32).optional(),
  path: z.string().max(8192).optional(),
  grpc: z.string().max(1024).optional().describe('`package.Service/Method`, instead of method and path.'),
  cellId: z
    .string()
    .max(64)
    .optional()
    .describe('With `grpc`: the content of the field that `matchingCell` rules look at.'),
});

/** Parameters of the route: the question, or the id of a request that was denied or failed. */
export const explainParametersSchema = explainQuerySchema.partial().extend({
  request: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe('The x-request-id of a refusal, or the one that the request had; replaces all other parameters.'),
});

export const explanationSchema = z.object({
  decision: z
    .enum(['allowed', 'denied', 'refused', 'failed'])
    .describe(
      "By policy: `allowed` or `denied`. For a request by its id also `refused` (the caller's own sidecar answered it) and " +
        '`failed` (rules allowed it, but the application gave no complete answer).',
    ),
  stage: z
    .enum([
      'handshake',
      'banned',
      'path',
      'health',
      'break-glass',
      'deny-rule',
      'allow-rule',
      'default',
      'own-sidecar',
      'application',
    ])
    .describe(
      "Where it was decided. `own-sidecar`: by the caller's sidecar, before any rule; `application`: after the rules.",
    ),
  reason: z.string(),
  caller: z.string().describe('A SPIFFE ID, or `anonymous (<how>)`.'),
  callerService: z.string().optional(),
  target: z.string().describe('`cell/name` or `name`.'),
  port: z.string().exactOptional().describe('Which of its ports, if that port has a name.'),
  protocol: z.enum(['http1', 'http2', 'grpc', 'tcp']).describe('What the target speaks.'),
  mtls: z.enum(['permissive', 'strict']).describe("The target's mode."),
  path: z.string().optional().describe('The path as rules see it.'),
  rule: z.string().optional().describe('The rule that decided, by its name on the proxy.'),
  document: z.string().describe('Key of the document that decided.'),
  source: sourceSchema,
  chain: z
    .array(
      z.object({
        id: z.string(),
        action: z.enum(['deny', 'allow']),
        document: z.string(),
        source: sourceSchema,
        matched: z.boolean(),
        why: z.string(),
      }),
    )
    .describe('The enforced rules, in the order in which they were evaluated.'),
  notes: z.array(z.string()).describe('What else matters, one sentence each.'),
  undecidable: z
    .array(z.object({ document: z.string(), source: sourceSchema }))
    .exactOptional()
    .describe('Raw patches that affect what decides: `decision` is that of the documents without them.'),
  remedy: z
    .object({
      rule: z.string().describe('One item for `spec.rules`.'),
      policy: z.string().describe('A whole document with only that rule.'),
      addTo: z.object({ document: z.string(), source: sourceSchema }).exactOptional(),
    })
    .exactOptional()
    .describe('The smallest rule that would allow it, as YAML.'),
  enforced: z
    .object({
      revision: z.int(),
      accepted: z.array(z.string()).describe('Nodes that accepted the latest authorization that they were sent.'),
      pending: z.array(z.string()),
      rejected: z.array(z.string()),
      rejections: z
        .array(z.object({ node: z.string(), message: z.string(), resources: rejectedSchema }))
        .exactOptional()
        .describe("What the target's connected proxies rejected, of any type, and the documents that produced it."),
    })
    .exactOptional()
    .describe("Which of the target's connected proxies enforce this revision's rules."),
  recorded: z
    .array(
      z.object({
        requestId: z.string(),
        at: z.number(),
        node: z.string(),
        side: z.enum(['service', 'caller']).describe('Whose sidecar reported it.'),
        policy: z.string().exactOptional().describe('The rule that denied; absent: no rule allowed it.'),
        status: z
          .int()
          .exactOptional()
          .describe('HTTP status of an answer that the sidecar gave itself, not because of a rule.'),
        why: z.string().exactOptional().describe('Why it answered itself, or why the answer broke off.'),
        method: z.string().exactOptional(),
        path: z.string(),
      }),
    )
    .exactOptional()
    .describe(
      'The refusals and failures that were logged with this id, the explained one first; each with the id that its caller received.',
    ),
});
