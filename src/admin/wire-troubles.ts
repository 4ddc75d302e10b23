// What the admin API answers about everything in the mesh that is wrong, at once.
import { z } from 'zod';
import { diagnosisSchema } from './wire-doctor.ts';

const troubleSchema = z.object({
  from: z.string().describe('As in `GET /v1/map`.'),
  to: z.string(),
  port: z.string().exactOptional(),
  verdict: diagnosisSchema.shape.verdict.exclude(['fine', 'unknown']),
  findings: diagnosisSchema.shape.findings.describe('The likeliest causes, at most three, without notes.'),
  rule: z.string().exactOptional().describe('The smallest rule that would allow it, as YAML, if policy denies it.'),
});

export const troublesSchema = z.object({
  at: z.number().describe('When it was looked at.'),
  edges: z.array(troubleSchema).readonly().describe('Those with the latest failures first.'),
  asked: z.int().describe('How many edges were looked into: those whose calls fail, or whose ends are not well.'),
  omitted: z.int().exactOptional().describe('How many more there were reason to look into. Absent: none.'),
});

export type TroublesAnswer = z.output<typeof troublesSchema>;
export type Trouble = z.output<typeof troubleSchema>;
