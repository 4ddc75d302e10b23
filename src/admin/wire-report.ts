// What the admin API answers as a report of mTLS coverage.
import { z } from 'zod';

export const mtlsReportSchema = z.object({
  report: z.unknown().describe('What is signed, to be read. `docs/mtls-report.md` says what is in it.'),
  signed: z
    .object({ protected: z.string(), payload: z.string(), signature: z.string() })
    .describe('A JWS (RFC 7515, flattened) of the report, by a key whose certificates are in its header (`x5c`).'),
});

export type MtlsReportAnswer = z.output<typeof mtlsReportSchema>;
