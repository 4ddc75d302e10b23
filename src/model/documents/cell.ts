// Cell: a GitLab cell.
import { z } from 'zod';
import { apiVersionSchema, globalMetadataSchema, nameSchema } from './common.ts';
import type { DocumentKind } from './kind.ts';

export const cellSchema = z.strictObject({
  apiVersion: apiVersionSchema,
  kind: z.literal('Cell'),
  metadata: globalMetadataSchema,
  spec: z.strictObject({
    id: z.int().min(1).describe("The number GitLab uses for the cell (gitlab.yml's cell.id)."),
    controlPlane: z
      .strictObject({
        localChanges: z
          .enum(['refused', 'parent-wins', 'local-wins'])
          .default('refused')
          .describe(
            "Whether the cell's own documents may be changed there; and which version counts if both sides changed one.",
          ),
      })
      .optional()
      .describe('The cell has a control plane of its own, which follows this one (serve --parent).'),
    region: nameSchema.optional().describe('Where it runs; endpoints of the same region are preferred.'),
  }),
});

export type Cell = z.output<typeof cellSchema>;

export const cellKind = {
  schema: cellSchema,
  purpose: 'A GitLab cell.',
} as const satisfies DocumentKind;
