// What `doctor` is asked about a call, and what it answers.
import { z } from 'zod';
import { explainQuerySchema } from './wire-explain.ts';

export const doctorQuerySchema = explainQuerySchema.omit({ cellId: true });

const findingSchema = z.object({
  cause: z.string().describe('Stable, kebab-case; docs/causes.md lists them.'),
  weight: z
    .enum(['breaks', 'seen', 'note'])
    .describe(
      '`breaks`: calls cannot succeed, at least through the proxy that it is about. `seen`: calls failed so within the last minutes. ' +
        '`note`: worth knowing.',
    ),
  what: z.string(),
  toDo: z.string(),
  side: z.enum(['caller', 'service']).exactOptional(),
  node: z.string().exactOptional().describe('The proxy that it is about.'),
  evidence: z.array(z.string()).readonly().describe('What was seen that it accounts for, one sentence each.'),
});

export const diagnosisSchema = z.object({
  verdict: z
    .enum(['broken', 'failing', 'fine', 'unknown'])
    .describe(
      '`broken`: what breaks calls is known. `failing`: only how they failed lately. `fine`: nothing was found, and a call got ' +
        'through. `unknown`: nothing was found, and not enough could be looked at (`unseen`).',
    ),
  caller: z.string().describe('A service, a SPIFFE ID, or how an anonymous caller connects.'),
  target: z.string().describe('`cell/name`, followed by `:port` for a named port.'),
  operation: z
    .object({
      from: z
        .enum(['asked', 'last', 'any'])
        .describe('`last`: that of the last call that failed. `any`: none is known; policy was asked about GET /.'),
      method: z.string().exactOptional(),
      path: z.string().exactOptional(),
    })
    .describe('What it is about.'),
  findings: z.array(findingSchema).describe('The likeliest cause first.'),
  rule: z.string().exactOptional().describe('The smallest rule that would allow it, as YAML, if policy denies it.'),
  checked: z.array(z.string()).readonly().describe('What is in order.'),
  unseen: z.array(z.string()).readonly().describe('What could not be looked at.'),
});

const meshFindingSchema = findingSchema.extend({
  calls: z
    .array(z.string())
    .readonly()
    .describe('Which calls it breaks, as far as they were made, as in `web -> api`.'),
});

export const meshDiagnosisSchema = z.object({
  verdict: diagnosisSchema.shape.verdict,
  findings: z.array(meshFindingSchema).describe('The worst first.'),
  omitted: z.int().exactOptional().describe('How many more there are. Absent: none.'),
  checked: diagnosisSchema.shape.checked,
  unseen: diagnosisSchema.shape.unseen,
});

export type DoctorQuery = z.output<typeof doctorQuerySchema>;
export type DiagnosisAnswer = z.output<typeof diagnosisSchema>;
export type MeshDiagnosisAnswer = z.output<typeof meshDiagnosisSchema>;
export type DiagnosisFinding = z.output<typeof findingSchema>;
