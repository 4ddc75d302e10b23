// Reports that are signed, for those who have no access to the control plane.
import { z } from 'zod';
import { reportFileOf } from '../../report/report-file.ts';
import type { AdminDeps } from '../deps.ts';
import { sinceOf } from '../impact.ts';
import { ok, type Route, route } from '../route.ts';
import { mtlsReportSchema } from '../wire-report.ts';

const mtlsReportQuerySchema = z.strictObject({
  since: z.string().max(16).default('30d').describe('How far to look back, as in "24h"; at most "31d".'),
});

export function reportRoutes({ reports, clock }: AdminDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/reports/mtls',
      access: 'viewer',
      summary:
        'The mTLS coverage of the mesh, signed: which calls were mTLS, which were not, and of what nothing is known.',
      query: mtlsReportQuerySchema,
      answer: mtlsReportSchema,
      errors: [503],
      handle: async ({ query: { since } }) => ok(reportFileOf(await reports.mtls(sinceOf(since, clock.now())))),
    }),
  ];
}
