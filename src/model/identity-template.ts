// SPIFFE IDs with placeholders for attested values: `spiffe://td/ci/project/{project_id}/{ref}`. A placeholder is a whole segment, so that
// distinct values give distinct IDs, and the values can be recovered from an ID.
import { z } from 'zod';
import { escapeSegment, unescapeSegment } from './escape-segment.ts';
import { valueFor } from './evidence.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain, trustDomainOf, trustDomainUri } from './spiffe-id.ts';

export interface IdentityTemplate {
  readonly text: string;
  readonly trustDomain: TrustDomain;
  readonly segments: readonly TemplateSegment[];
}

/** Literal text, or a placeholder. */
export type TemplateSegment = { readonly literal: string } | { readonly key: string };

const place = /^\{([a-z][a-z0-9_]{0,62})\}$/;

/**
 * Undefined if the text is not a template: it needs at least one placeholder, each key once, and must give a SPIFFE ID with anything in
 * their place.
 */
export function parseIdentityTemplate(text: string): IdentityTemplate | undefined {
  const scheme = 'spiffe://';
  if (!text.startsWith(scheme)) return undefined;
  const [domain, ...parts] = text.slice(scheme.length).split('/');
  const keys = parts.flatMap((part) => place.exec(part)?.[1] ?? []);
  if (keys.length === 0 || new Set(keys).size < keys.length) return undefined;
  const example = parseSpiffeId([`${scheme}${domain}`, ...parts.map((part) => part.replace(place, 'x'))].join('/'));
  if (example === undefined) return undefined;
  return {
    text,
    trustDomain: trustDomainOf(example),
    segments: parts.map((part) => {
      const key = place.exec(part)?.[1];
      return key === undefined ? { literal: part } : { key };
    }),
  };
}

/** The ID for these values; undefined if one is missing, or if the ID would be longer than allowed (SPIFFE-ID §2.3). */
export function renderIdentity(
  template: IdentityTemplate,
  values: Readonly<Record<string, string>>,
): SpiffeId | undefined {
  const parts: string[] = [trustDomainUri(template.trustDomain)];
  for (const segment of template.segments) {
    const value = 'key' in segment ? valueFor(values, segment.key) : undefined;
    if ('key' in segment && value === undefined) return undefined;
    parts.push('key' in segment ? escapeSegment(value ?? '') : segment.literal);
  }
  return parseSpiffeId(parts.join('/'));
}

/** The values that give `id`; undefined if none do. */
export function decodeIdentity(template: IdentityTemplate, id: SpiffeId): Readonly<Record<string, string>> | undefined {
  const prefix = `${trustDomainUri(template.trustDomain)}/`;
  if (!id.startsWith(prefix)) return undefined;
  const parts = id.slice(prefix.length).split('/');
  if (parts.length !== template.segments.length) return undefined;
  const values: [string, string][] = [];
  for (const [index, segment] of template.segments.entries()) {
    const part = parts[index] ?? '';
    if ('literal' in segment) {
      if (segment.literal !== part) return undefined;
      continue;
    }
    const value = unescapeSegment(part);
    if (value === undefined) return undefined;
    values.push([segment.key, value]);
  }
  return Object.fromEntries(values);
}

/** The template with some values filled in. */
export function withValues(
  { segments }: IdentityTemplate,
  values: Readonly<Record<string, string>>,
): readonly TemplateSegment[] {
  return segments.map((segment) => {
    const value = 'key' in segment ? valueFor(values, segment.key) : undefined;
    return value === undefined ? segment : { literal: escapeSegment(value) };
  });
}

/** Whether some ID has both forms. */
export function overlap(a: readonly TemplateSegment[], b: readonly TemplateSegment[]): boolean {
  return a.length === b.length && startsAlike(a, b);
}

/** Whether some ID of the first form begins with one of the second, and is at least as long as the second. */
export function startsAlike(form: readonly TemplateSegment[], start: readonly TemplateSegment[]): boolean {
  return start.every((segment, index) => {
    const other = form[index];
    if (other === undefined) return false;
    if ('literal' in segment) return 'literal' in other ? other.literal === segment.literal : canBe(segment.literal);
    return 'literal' in other ? canBe(other.literal) : true;
  });
}

function canBe(literal: string): boolean {
  return unescapeSegment(literal) !== undefined;
}

/** Stays a text: `parseIdentityTemplate` reads it. */
export const identityTemplateSchema = z.string().refine((text) => parseIdentityTemplate(text) !== undefined, {
  error:
    'not a template of SPIFFE IDs, as in "spiffe://example.org/ci/{project_id}/{ref}": a placeholder ' +
    'is a whole segment, and each key is used once',
});
