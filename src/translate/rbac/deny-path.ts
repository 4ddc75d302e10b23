// A deny rule's path as one generated regular expression: the same language that policy/decide/deny-path.ts matches.

import type { PathIr } from '../../policy/authorization-ir.ts';
import { type DenyStep, denySteps, escapedEnds, escapedSlashes } from '../../policy/decide/deny-path.ts';
import { literal } from './literal.ts';

/** For a whole path: Envoy matches it in full. */
export function denyPathRegex(rule: PathIr): string {
  return `${denySteps(rule).map(stepRegex).join('')}${endRegex(rule)}`;
}

function endRegex(rule: PathIr): string {
  if (rule.kind === 'prefix') return rule.path.endsWith('/') ? '.*' : `(?:(?:${slash}|${ends}).*)?`;
  return `(?:${slash})*(?:(?:${ends}).*)?`;
}

function stepRegex(step: DenyStep): string {
  switch (step.kind) {
    case 'slash':
      return `(?:${slash})+`;
    case 'any':
      return '[^/]+';
    case 'char': {
      const texts = step.spellings.map(spellingRegex);
      return texts.length === 1 ? texts.join('') : `(?:${texts.join('|')})`;
    }
    default:
      return step satisfies never;
  }
}

function spellingRegex(spelling: string): string {
  return spelling.length === 1 ? literal(spelling) : escapeRegex(spelling);
}

function escapeRegex(text: string): string {
  return text.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

const slash = ['/', ...escapedSlashes.map(escapeRegex)].join('|');
const ends = escapedEnds.map(escapeRegex).join('|');
