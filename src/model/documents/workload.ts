// Workload: who may have which SPIFFE ID, and what its certificate and proxy may contain.
import { z } from 'zod';
import { attestorNames } from '../attestors.ts';
import { durationSchema } from '../duration.ts';
import { identityTemplateSchema } from '../identity-template.ts';
import { spiffeIdSchema } from '../spiffe-id.ts';
import { apiVersionSchema, portSchema, scopedMetadataSchema, serviceRefSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';

export const workloadSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('Workload'),
  metadata: scopedMetadataSchema,
  spec: z.strictObject({
    identity: z.union([
      z.strictObject({ service: serviceRefSchema }),
      z.strictObject({
        spiffeId: spiffeIdSchema.describe('For anything that is not a Service here: a CDN worker, a job, a person.'),
      }),
      z.strictObject({
        template: identityTemplateSchema.describe(
          'One for each set of attested values, as `spiffe://example.org/ci/{project_id}/{ref}`: docs/identities.md.',
        ),
      }),
    ]),
    selectors: z
      .array(
        z.strictObject({
          attestor: z.enum(attestorNames),
          match: z
            .record(z.string(), z.string().max(1024))
            .default({})
            .describe(
              'Values that it must have proved, all of them. A join token stands for one identity, and proves none.',
            ),
        }),
      )
      .min(1)
      .max(100)
      .default([{ attestor: 'join-token', match: {} }])
      .describe('Evidence that earns this identity; one suffices.'),
    lifetime: durationSchema.optional().describe("Lifetime of its SVIDs. Default: the mesh's."),
    dnsNames: z
      .array(
        z.string().regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
          error: 'not a DNS name: lower-case letters, digits, "." and "-"',
        }),
      )
      .max(20)
      .default([]),
    commonName: z
      .string()
      .regex(/^[A-Za-z0-9 ._-]{1,64}$/, {
        error: 'not a common name: letters, digits, blanks, ".", "_" and "-", 64 at most',
      })
      .optional()
      .describe('Subject CN, for peers that still read it.'),
    advertise: z
      .strictObject({
        addresses: z
          .array(
            z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
              error: 'not an IP address or range, as in "10.0.0.0/8"',
            }),
          )
          .min(1),
        ports: z.array(portSchema).min(1).optional(),
      })
      .optional()
      .describe('Addresses that its proxies may register as endpoints. Default: the address they connect from.'),
    secrets: z
      .enum(['local', 'pushed'])
      .optional()
      .describe(
        'Who makes the private keys of its proxies. `local`: the helper beside each Envoy, which no key leaves; a proxy that has none is ' +
          'sent nothing. `pushed`: the control plane, which sends them by SDS. Default: `local` where there is such a helper (`cellwall ' +
          'sidecar`), `pushed` for any other Envoy.',
      ),
  }),
});

export type Workload = z.output<typeof workloadSchema>;

export const workloadKind = {
  schema: workloadSchema,
  purpose: 'Who may have which SPIFFE ID, and what its certificate says.',
} as const satisfies DocumentKind;
